"""One process of `./run check --processes`: reads from standard input what to check, and writes what it found.

The first line is its settings - they hold passwords, which is why they come neither as arguments nor as environment
variables - and the snapshot that it is to see; each line after it is a part. It answers with lines of JSON: that it is
ready, how far it is, and the findings of a part. It ends with its input, or with its parent.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Sequence

import msgspec

from billing.check.corruption import Corruption
from billing.check.finding import Finding, Findings
from billing.check.parts import Part, check_part
from billing.check.progress import Progress
from fhir_server import log
from fhir_server.seal_keys import SealKeys
from fhir_server.settings import Settings
from ledger.errors import Refusal
from storage.check_tenants import RegisteredTenant
from storage.postgres_launcher import die_with_parent
from storage.transaction import Database


class Setting(msgspec.Struct, frozen=True):
    """What a process is told first."""

    settings: str
    snapshot: str


class Order(msgspec.Struct, frozen=True):
    """A part of a tenant to check."""

    tenant: RegisteredTenant
    part: Part


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """It sees the snapshot. `problem`: why it does not, if the database has no room for it."""

    problem: str = ""


class Look(msgspec.Struct, frozen=True, tag="look"):
    at: str


class Advance(msgspec.Struct, frozen=True, tag="advance"):
    steps: int


class Found(msgspec.Struct, frozen=True, tag="found"):
    """A part is done, and this was found of it: code, place and message of each."""

    findings: Sequence[tuple[str, str, str]]

    def of(self, tenant_id: str) -> list[Finding]:
        return [Finding(Corruption(code), tenant_id, place, message) for code, place, message in self.findings]


Said = Ready | Look | Advance | Found

_CONNECT_SECONDS = 5
"""Without a connection by then, the others share the work."""

_read_setting = msgspec.json.Decoder(Setting).decode
_read_order = msgspec.json.Decoder(Order).decode


class _Telling(Progress):
    def look_at(self, what: str) -> None:
        _say(Look(what))

    def advance(self, steps: int) -> None:
        _say(Advance(steps))


def _say(what: Said) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(what) + b"\n")
    sys.stdout.buffer.flush()


async def _work(settings: Settings, exported: str) -> None:
    proof = SealKeys(settings.seal_files).proof()
    database = Database(settings.audit_database_url, size_max=1, pool_timeout_seconds=_CONNECT_SECONDS)
    await database.open()
    try:
        async with database.snapshot(exported) as snapshot:
            _say(Ready())
            # Nothing else runs here, so that waiting for a line holds nobody up.
            while line := sys.stdin.buffer.readline():
                order = _read_order(line)
                findings = Findings(order.tenant.id)
                await check_part(snapshot, order.tenant, order.part, findings, proof, _Telling())
                _say(Found([(each.code, each.place, each.message) for each in findings.listed]))
    finally:
        await database.close()


def main() -> None:
    die_with_parent(int(sys.argv[1]), signal.SIGKILL)
    line = sys.stdin.buffer.readline()
    if not line:
        return  # the parent gave up before there was anything to check
    setting = _read_setting(line)
    settings = Settings.model_validate_json(setting.settings)
    log.configure(settings)
    try:
        asyncio.run(_work(settings, setting.snapshot))
    except Refusal as refusal:
        if refusal.code != "database-unavailable":
            raise
        _say(Ready(str(refusal)))


if __name__ == "__main__":
    main()
