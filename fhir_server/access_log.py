"""The access log as requests write it: every access is kept, by whom, to what, and how it ended.

A write is logged in its own transaction: there is neither without the other. A denial is logged before it is answered.
What only reads, and what is refused for what it says, is gathered and written ten times a second; a process that is
killed loses what it gathered since (docs/security.md). Where it cannot be written for long, reads are refused rather
than answered unseen.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from fhir_server.authorization.token import AccessToken
from fhir_server.faults import request_id
from fhir_server.outcomes import status_of
from fhir_server.responses import Answer
from ledger.card_numbers import holds_card_number
from ledger.errors import Category, Refusal, refuse
from storage.access_log import NO_TENANT, Access, append, append_all
from storage.transaction import Database, Transaction

log = logging.getLogger(__name__)

FLUSH_SECONDS = 0.1
AT_ONCE = 200
"""Accesses that are written together: more would keep the requests of the moment waiting."""
GATHERED_MAX = 20_000
QUERY_MAX = 1000
_DENIED = frozenset({Category.UNAUTHENTICATED, Category.NOT_ALLOWED})


@dataclass(slots=True)
class Visit:
    """Who asks for what, as far as it is known by now."""

    interaction: str = ""
    route: str = ""
    resource_type: str = ""
    id: str = ""
    query: str = ""
    token: AccessToken | None = None


def log_write(tx: Transaction, visit: Visit, answer: Answer) -> None:
    """Log a write in its transaction, to be committed with it."""
    append(tx, _access(visit, int(answer.status), "replayed" if answer.replayed else None, answer))


class AccessLog:
    """Gathers what is not part of a transaction. `keeping` has it written while the application runs."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._gathered: list[tuple[str, Access]] = []
        self._writing: set[asyncio.Task[None]] = set()

    def note(self, visit: Visit, answer: Answer) -> None:
        """Have an access that has read logged soon. Refused where too many wait for the database."""
        if len(self._gathered) >= GATHERED_MAX:
            raise refuse(
                Category.UNAVAILABLE, "access-log-unavailable", "Accesses cannot be logged at the moment; try again."
            )
        self._gathered.append((_tenant_of(visit), _access(visit, int(answer.status), None, answer)))

    async def refused(self, visit: Visit, refusal: Refusal) -> None:
        """Log a refusal: at once and for certain, as far as the database answers, where somebody may not do it."""
        if len(self._gathered) < GATHERED_MAX:
            self._gathered.append((_tenant_of(visit), _access(visit, status_of(refusal), refusal.code, None)))
        # Who sends no token at all tries nothing; it must not cost a transaction.
        if refusal.category in _DENIED and refusal.code != "token-missing":
            await self.flush()

    async def flush(self) -> None:
        """Write what was gathered, and wait for what is being written already. It is written to its end, whoever is
        cancelled meanwhile; what cannot be written waits for the next time."""
        writing = asyncio.create_task(self._write_gathered())
        self._writing.add(writing)
        writing.add_done_callback(self._writing.discard)
        await asyncio.wait(self._writing)

    async def _write_gathered(self) -> None:
        gathered, self._gathered = self._gathered, []
        by_tenant: dict[str, list[Access]] = {}
        for tenant_id, access in gathered:
            by_tenant.setdefault(tenant_id, []).append(access)
        for tenant_id, accesses in by_tenant.items():
            for start in range(0, len(accesses), AT_ONCE):
                await self._write(tenant_id, accesses[start : start + AT_ONCE])

    async def _write(self, tenant_id: str, accesses: list[Access]) -> None:
        try:
            await append_all(self._database, tenant_id, accesses)
        except Exception as error:  # whatever it is, it must neither lose the others nor fail the request
            log.error("accesses could not be logged: %s", type(error).__name__)  # noqa: TRY400 - no data in logs
            self._gathered += [(tenant_id, access) for access in accesses]

    @asynccontextmanager
    async def keeping(self) -> AsyncIterator[None]:
        """Have it written ten times a second, and a last time at the end."""
        flushing = asyncio.create_task(self._keep_flushing())
        try:
            yield
        finally:
            flushing.cancel()
            with suppress(asyncio.CancelledError):
                await flushing
            await self.flush()

    async def _keep_flushing(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            if self._gathered:
                await self.flush()


def _tenant_of(visit: Visit) -> str:
    return NO_TENANT if visit.token is None else visit.token.tenant_id


def _access(visit: Visit, status: int, code: str | None, answer: Answer | None) -> Access:
    resource_type, resource_id, version = visit.resource_type or None, visit.id or None, None
    if code is not None and visit.id and holds_card_number(visit.id):
        resource_id = None
    if answer is not None and answer.location:
        # A create says only now what it has made.
        resource_type, _, rest = answer.location.strip("/").partition("/")
        resource_id, version = rest.partition("/")[0] or None, answer.version or None
    return Access(
        recorded_at=datetime.now(UTC),
        actor="" if visit.token is None else visit.token.subject,
        client="" if visit.token is None else visit.token.client,
        interaction=visit.interaction,
        route=visit.route,
        resource_type=resource_type,
        resource_id=resource_id,
        version=version,
        http_status=status,
        code=code,
        # What was refused may hold what must not be kept.
        query=(visit.query[:QUERY_MAX] or None) if code is None else None,
        request_id=request_id.get(),
    )
