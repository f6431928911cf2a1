"""Prove the books: every invariant of the ledger, on any database, while it is served or not.

All is read in one read-only snapshot by the role that sees every tenant, so that a change which is under way makes no
false finding. Statements that look for what breaks a rule run in PostgreSQL; resources and versions are read in batches
and held against their mappers and against the journal. Memory does not grow with the database. The parts of a tenant
may be shared by several processes, each in a transaction of its own that sees the same snapshot.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Sequence
from typing import Protocol

from billing.check import catalog
from billing.check.corruption import Corruption
from billing.check.finding import DATABASE, Finding, Findings
from billing.check.parts import Part, check_part, parts_of, steps_of
from billing.check.progress import Progress
from billing.check.seals import SealProof
from ledger.errors import not_found
from storage import check_journal, check_tenants
from storage.check_snapshot import Snapshot
from storage.check_tenants import RegisteredTenant
from storage.transaction import Database


class Checker(Protocol):
    """Somebody who checks one part after the other, and tells `progress` how far that is."""

    async def check(self, tenant: RegisteredTenant, part: Part, progress: Progress) -> Sequence[Finding]: ...


class Helpers(Protocol):
    """Whoever finds others to do the work."""

    async def checkers(self, snapshot: str, steps: int) -> Sequence[Checker]:
        """Who sees the exported snapshot and may check so much; nobody, where it is not worth their while."""
        ...


class _Alone:
    """Checks in this process, on the connection of the snapshot."""

    def __init__(self, snapshot: Snapshot, proof: SealProof) -> None:
        self._snapshot = snapshot
        self._proof = proof

    async def check(self, tenant: RegisteredTenant, part: Part, progress: Progress) -> Sequence[Finding]:
        findings = Findings(tenant.id)
        await check_part(self._snapshot, tenant, part, findings, self._proof, progress)
        return findings.listed


async def check_ledger(
    database: Database,
    tenants: Sequence[str] | None = None,
    progress: Progress | None = None,
    proof: SealProof | None = None,
    *,
    done: Collection[str] = (),
    helpers: Helpers | None = None,
) -> list[Finding]:
    """What is wrong with the books of these tenants (all, where it is None): nothing, if they are sound.

    Those that are `done`, by a check that was interrupted, are left out.

    `database` is reached as billing_audit; refused where its role cannot see all tenants. Without a `proof` sealed
    blocks are held against what they seal, and signatures are not verified. Where helpers fail, so does this.
    """
    async with database.snapshot() as snapshot:
        return await check_snapshot(
            snapshot, tenants, progress or Progress(), proof or SealProof(), done=done, helpers=helpers
        )


async def check_snapshot(
    snapshot: Snapshot,
    tenants: Sequence[str] | None,
    progress: Progress,
    proof: SealProof,
    *,
    done: Collection[str] = (),
    helpers: Helpers | None = None,
) -> list[Finding]:
    """The same of what a transaction sees that is open already."""
    whole = Findings(DATABASE)
    if not await catalog.check_tables(snapshot, whole):
        return whole.listed
    await catalog.check_guards(snapshot, whole)
    found = list(whole.listed)
    registered = {tenant.id: tenant for tenant in await check_tenants.registered(snapshot)}
    wanted = list(registered) if tenants is None else list(tenants)
    strangers = await check_tenants.unregistered(snapshot, None if tenants is None else wanted)
    for tenant_id, where in strangers:
        message = f"the registry does not know the tenant, and there are rows of it in {where}"
        found.append(Finding(Corruption.TENANT_NOT_REGISTERED, tenant_id, tenant_id, message))
    unknown = set(wanted) - set(registered) - {tenant_id for tenant_id, _ in strangers}
    if unknown:
        raise not_found("tenant-unknown", f"There is no tenant {', '.join(sorted(unknown))}.")
    exported = None if helpers is None else await snapshot.export()
    alone = _Alone(snapshot, proof)
    for tenant_id in wanted:
        if tenant_id in registered and tenant_id not in done:
            found += await _check_tenant(snapshot, registered[tenant_id], progress, alone, helpers, exported)
    return found


async def _check_tenant(
    snapshot: Snapshot,
    tenant: RegisteredTenant,
    progress: Progress,
    alone: Checker,
    helpers: Helpers | None,
    exported: str | None,
) -> list[Finding]:
    counts = await check_journal.counts(snapshot, tenant.id)
    parts = await parts_of(snapshot, tenant, counts)
    steps = steps_of(parts, counts)
    progress.begin(tenant.id, counts, steps)
    helping = await helpers.checkers(exported, steps) if helpers is not None and exported is not None else ()
    findings = await _check_parts(tenant, parts, progress, helping or [alone])
    progress.end(tenant.id, counts, findings.listed)
    return findings.listed


async def _check_parts(
    tenant: RegisteredTenant, parts: Sequence[Part], progress: Progress, checkers: Sequence[Checker]
) -> Findings:
    """What was found in all parts. Whoever has done one takes the next; a failure of any ends all."""
    gathered = _Gathered(tenant.id)
    waiting = iter(enumerate(parts))
    workers = [asyncio.ensure_future(_work(checker, tenant, waiting, gathered, progress)) for checker in checkers]
    try:
        for worker in asyncio.as_completed(workers):
            await worker
    finally:
        for each in workers:
            each.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
    if gathered.parts != len(parts):
        raise AssertionError(f"{gathered.parts} of {len(parts)} parts of {tenant.id} were checked")
    return gathered.findings


async def _work(
    checker: Checker,
    tenant: RegisteredTenant,
    waiting: Iterator[tuple[int, Part]],
    gathered: _Gathered,
    progress: Progress,
) -> None:
    for number, part in waiting:
        gathered.take(number, await checker.check(tenant, part, progress))


class _Gathered:
    """The findings of a tenant in the order of its parts, whoever is done first: so many of a sort, and no more."""

    def __init__(self, tenant_id: str) -> None:
        self.findings = Findings(tenant_id)
        self.parts = 0
        """So many are in `findings`, without a gap."""
        self._early: dict[int, Sequence[Finding]] = {}

    def take(self, number: int, found: Sequence[Finding]) -> None:
        self._early[number] = found
        while self.parts in self._early:
            for finding in self._early.pop(self.parts):
                self.findings.add(finding.code, finding.place, finding.message)
            self.parts += 1
