"""The processes that share a check: started when there is enough to do, each on a connection of its own that sees the
same snapshot.

One that dies, for whatever reason, ends the check with an error: a part that nobody finished proves nothing. One that
the database has no connection for is done without.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import NoReturn

import msgspec

from billing.check.finding import Finding
from billing.check.parts import Part
from billing.check.progress import Progress
from fhir_server.check_worker import Advance, Found, Look, Order, Ready, Said, Setting
from fhir_server.settings import CHECKOUT, Settings, usable_cores
from fhir_server.worker_processes import ServeError
from storage.check_tenants import RegisteredTenant

log = logging.getLogger(__name__)

STEPS_OF_PROCESS = 200_000
"""So much is done in the time that two processes take to start."""

MOST_UNASKED = 8
_LONGEST_LINE = 2**26

_read = msgspec.json.Decoder(Said).decode


class CheckProcess:
    """One of them. It checks one part at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, settings: Settings, snapshot: str) -> CheckProcess:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "fhir_server.check_worker", str(os.getpid())),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
            limit=_LONGEST_LINE,
            start_new_session=True,  # a Ctrl-C at the terminal reaches the parent only
        )
        started = cls(process)
        await started._tell(Setting(settings.model_dump_json(), snapshot))
        return started

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process.returncode is None

    async def is_ready(self) -> bool:
        """Whether it sees the snapshot; where the database has no connection for it, it has ended."""
        said = await self._hear()
        assert isinstance(said, Ready), said
        if said.problem:
            log.warning("a process of the check is done without: %s", said.problem)
            await self._process.wait()
        return not said.problem

    async def check(self, tenant: RegisteredTenant, part: Part, progress: Progress) -> Sequence[Finding]:
        await self._tell(Order(tenant, part))
        while True:
            match await self._hear():
                case Look(what):
                    progress.look_at(what)
                case Advance(steps):
                    progress.advance(steps)
                case Found() as found:
                    return found.of(tenant.id)
                case Ready() as said:
                    raise AssertionError(said)

    async def end(self) -> None:
        """Kill it: it only reads, and nothing of it is needed any more."""
        if self.is_running:
            self._process.kill()
        await self._process.wait()

    async def _tell(self, what: msgspec.Struct) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(msgspec.json.encode(what) + b"\n")
            await self._process.stdin.drain()
        except ConnectionError:
            await self._died()

    async def _hear(self) -> Said:
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line.endswith(b"\n"):
            await self._died()
        said: Said = _read(line)
        return said

    async def _died(self) -> NoReturn:
        code = await self._process.wait()
        raise ServeError(f"a process of the check ended unexpectedly ({code}), so that nothing is proved; check again")


class CheckProcesses:
    """As many as there are cores, where there is so much to do; exactly `count`, where that is given."""

    def __init__(self, settings: Settings, count: int | None) -> None:
        self._settings = settings
        self._count = count
        self.started: list[CheckProcess] = []
        self._ready: list[CheckProcess] = []

    async def __aenter__(self) -> CheckProcesses:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for process in self.started:
            await process.end()

    async def checkers(self, snapshot: str, steps: int) -> Sequence[CheckProcess]:
        """Started with the first tenant that is worth it, and there for all that come after."""
        if not self.started and (wanted := self.wanted(steps)) > 1:
            for _ in range(wanted):
                self.started.append(await CheckProcess.start(self._settings, snapshot))
            self._ready = [process for process in self.started if await process.is_ready()]
        return self._ready

    def wanted(self, steps: int) -> int:
        """How many are worth their while."""
        if self._count is not None:
            return self._count
        return min(usable_cores(), MOST_UNASKED, steps // STEPS_OF_PROCESS)
