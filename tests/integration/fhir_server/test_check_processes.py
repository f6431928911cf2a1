"""Several processes share a check: they find what one finds, and whatever becomes of one of them is no silent pass."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from billing.check.progress import Progress
from billing.check_ledger import check_ledger
from fhir_server.check_processes import CheckProcess, CheckProcesses
from fhir_server.settings import Settings
from fhir_server.worker_processes import ServeError
from storage.check_journal import Counts
from tests.checkout import CHECKOUT
from tests.database_server import DatabaseAccess
from tests.integration.billing.check.books import Books, opened_books, write_a_month

WORKER = "fhir_server.check_worker"


@pytest.fixture
async def books(fresh_database: DatabaseAccess) -> AsyncIterator[Books]:
    async with opened_books(fresh_database) as opened:
        await write_a_month(opened)
        yield opened


@pytest.fixture
def settings(fresh_database: DatabaseAccess, tmp_path: Path) -> Settings:
    return Settings().changed(
        database_url=fresh_database.app,
        audit_database_url=fresh_database.audit,
        seal_directory=str(tmp_path),
        data_dir=tmp_path,
    )


class Heard(Progress):
    def __init__(self) -> None:
        self.expected = 0
        self.steps = 0
        self.counts: list[Counts] = []

    def begin(self, tenant_id: str, counts: Counts, steps: int) -> None:  # noqa: ARG002
        self.expected += steps
        self.counts.append(counts)

    def advance(self, steps: int) -> None:
        self.steps += steps

    def look_at(self, what: str) -> None:
        """Somebody has begun a part."""


def spoilt(books: Books) -> None:
    """Something of every sort of part, and more of one sort than are listed."""
    books.spoil(
        "INSERT INTO billing.outbox (tenant_id, resource_type, id, version, events, recorded_at)"
        " SELECT %(tenant)s, 'Account', n::text, 1, '{}', now() FROM generate_series(1, 150) AS n"
    )
    books.spoil("DELETE FROM billing.outbox WHERE tenant_id = %(tenant)s AND id = %(draft)s")
    books.spoil("UPDATE billing.charge_item SET subject = 'Patient/x' WHERE tenant_id = %(tenant)s AND id = %(charge)s")
    books.spoil("DELETE FROM billing.invoice WHERE tenant_id = %(tenant)s AND id = %(draft)s")
    books.spoil("UPDATE billing.account SET version = 7 WHERE tenant_id = %(tenant)s AND id = %(account)s")


async def test_several_processes_find_what_one_finds_in_the_same_order(books: Books, settings: Settings) -> None:
    spoilt(books)
    alone = await check_ledger(books.audit)
    assert len({finding.code for finding in alone}) >= 4
    heard = Heard()
    async with CheckProcesses(settings, 3) as helpers:
        shared = await check_ledger(books.audit, progress=heard, helpers=helpers)
        again = await check_ledger(books.audit, helpers=helpers)
    assert shared == again == alone


async def test_all_that_is_to_be_done_is_told_of(books: Books, settings: Settings) -> None:
    heard = Heard()
    async with CheckProcesses(settings, 2) as helpers:
        assert await check_ledger(books.audit, progress=heard, helpers=helpers) == []
    assert heard.steps == heard.expected > 0


async def test_they_see_the_moment_of_the_snapshot_and_nothing_after_it(books: Books, settings: Settings) -> None:
    class SpoiltMeanwhile(CheckProcesses):
        async def checkers(self, snapshot: str, steps: int) -> Sequence[CheckProcess]:
            spoilt(books)
            return await super().checkers(snapshot, steps)

    async with SpoiltMeanwhile(settings, 2) as helpers:
        assert await check_ledger(books.audit, [books.tenant_id], helpers=helpers) == []
    assert await check_ledger(books.audit, [books.tenant_id]) != []


@pytest.mark.parametrize("count", [2, 3])
async def test_one_that_is_killed_in_the_middle_ends_the_check_with_an_error(
    books: Books, settings: Settings, count: int
) -> None:
    class Killing(Heard):
        def look_at(self, what: str) -> None:
            if what == "ChargeItem":
                os.kill(helpers.started[-1].pid, signal.SIGKILL)

    async with CheckProcesses(settings, count) as helpers:
        with pytest.raises(ServeError, match="ended unexpectedly"):
            await check_ledger(books.audit, progress=Killing(), helpers=helpers)
    assert [process.is_running for process in helpers.started] == [False] * count


async def test_one_that_cannot_see_the_snapshot_ends_the_check_with_an_error(books: Books, settings: Settings) -> None:
    class Forgetting(CheckProcesses):
        async def checkers(self, snapshot: str, steps: int) -> Sequence[CheckProcess]:  # noqa: ARG002
            return await super().checkers("00000000-00000001-1", steps)

    async with Forgetting(settings, 2) as helpers:
        with pytest.raises(ServeError, match="ended unexpectedly"):
            await check_ledger(books.audit, helpers=helpers)


@pytest.mark.parametrize("room", [0, 1])
async def test_it_does_with_the_connections_that_there_are(books: Books, settings: Settings, room: int) -> None:
    spoilt(books)
    alone = await check_ledger(books.audit)
    used = books.value("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()") - 1
    with psycopg.connect(books.access.superuser, autocommit=True) as connection:
        limit = sql.SQL("ALTER DATABASE {} CONNECTION LIMIT {}")
        connection.execute(limit.format(sql.Identifier(books.access.name), sql.Literal(used + room)))
    async with CheckProcesses(settings, 2) as helpers:
        assert await check_ledger(books.audit, helpers=helpers) == alone
        assert sum(process.is_running for process in helpers.started) == room


async def test_few_books_are_checked_by_one_process_unless_more_are_asked_for(books: Books, settings: Settings) -> None:
    async with CheckProcesses(settings, None) as helpers:
        assert await check_ledger(books.audit, helpers=helpers) == []
        assert helpers.started == []
        wanted = [helpers.wanted(steps) for steps in (10, 10**9)]
    assert wanted[0] == 0
    assert 1 <= wanted[1] <= 8


async def command(books: Books, *options: str) -> asyncio.subprocess.Process:
    urls = {"DATABASE_URL": books.access.app, "BILLING_AUDIT_DATABASE_URL": books.access.audit}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "fhir_server", "check", *options),
        cwd=CHECKOUT,
        env=os.environ | urls,
        # Where tests run in the background of a shell, Ctrl-C is ignored, and would be by all that they start.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def test_the_report_is_the_same_however_many_share_the_work(books: Books, tmp_path: Path) -> None:
    spoilt(books)
    said: list[dict[str, Any]] = []
    for number in ("1", "2"):
        process = await command(books, "--json", "--processes", number, "--resume", str(tmp_path / "done"))
        out, err = await process.communicate()
        assert (process.returncode, err) == (1, b"")
        said.append(json.loads(out) | {"seconds": 0})
    assert said[0] == said[1]
    assert not (tmp_path / "done").exists()


async def test_it_takes_at_least_one_process(books: Books) -> None:
    process = await command(books, "--processes", "0")
    await process.communicate()
    assert process.returncode == 2


async def workers_of(process: asyncio.subprocess.Process, count: int) -> list[int]:
    """The processes of a check, once they are there."""
    while True:
        found = _children(process.pid)
        if len(found) == count:
            return found
        assert process.returncode is None, "it ended before it had them"
        await asyncio.sleep(0.01)


def _children(parent: int) -> list[int]:
    """Those whose command line is that of a worker, by `/proc`."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            is_child = entry.name.isdigit() and f"PPid:\t{parent}\n" in (entry / "status").read_text()
            if is_child and WORKER.encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def _is_alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="processes are looked for in /proc")
@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 1), (signal.SIGKILL, -signal.SIGKILL)])
async def test_one_that_is_stopped_leaves_nobody_behind_and_calls_nothing_sound(
    books: Books, tmp_path: Path, sent: signal.Signals, code: int
) -> None:
    process = await command(books, "--processes", "2", "--resume", str(tmp_path / "done"))
    pids = await workers_of(process, 2)
    process.send_signal(sent)
    out, _ = await process.communicate()
    assert process.returncode in {code, 130 if sent == signal.SIGINT else code}
    assert b" ok" not in out
    async with asyncio.timeout(20):
        while any(map(_is_alive, pids)):  # noqa: ASYNC110 - they are not ours to wait for
            await asyncio.sleep(0.01)
    resumed = await command(books, "--processes", "2", "--resume", str(tmp_path / "done"))
    out, err = await resumed.communicate()
    assert (resumed.returncode, err) == (0, b"")
    assert out.count(b"... ok") == 2


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="processes are looked for in /proc")
async def test_a_process_that_is_killed_is_an_error_of_the_command(books: Books) -> None:
    process = await command(books, "--processes", "2")
    pids = await workers_of(process, 2)
    os.kill(pids[0], signal.SIGKILL)
    out, err = await process.communicate()
    assert process.returncode == 1
    assert out == b""
    assert b"run: a process of the check ended unexpectedly (-9)" in err
