"""Prove the books: every invariant of the ledger, on any database, while it is served or not.

All is read in one read-only snapshot by the role that sees every tenant, so that a change which is under way makes no
false finding. Statements that look for what breaks a rule run in PostgreSQL; resources and versions are read in batches
and held against their mappers and against the journal. Memory does not grow with the database.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from billing.check import (
    approvals,
    balances,
    cash,
    catalog,
    charges,
    control_totals,
    credit_notes,
    gateway_payments,
    invoices,
    journal,
    payment_plans,
    payments,
    periods,
    prices,
    seals,
    subscriptions,
    taxes,
    versions,
)
from billing.check.booking import Calendar
from billing.check.corruption import Corruption
from billing.check.finding import DATABASE, Finding, Findings, apply
from billing.check.progress import Progress
from billing.check.renderings import check_rendering
from billing.check.seals import SealProof
from ledger.charge_item import ChargeItem
from ledger.errors import not_found
from ledger.invoice import Invoice
from ledger.payment_notice import PaymentNotice
from ledger.payment_reconciliation import PaymentReconciliation
from ledger.resource import Resource
from mappers import MAPPER_VERSION
from storage import (
    check_invoices,
    check_journal,
    check_payments,
    check_periods,
    check_prices,
    check_rows,
    check_tenants,
    check_versions,
)
from storage.check_snapshot import Snapshot
from storage.check_tenants import RegisteredTenant
from storage.resource_rows import RESOURCE_TYPES
from storage.transaction import Database

_RULES = (
    *journal.RULES,
    *balances.RULES,
    *charges.RULES,
    *invoices.RULES,
    *credit_notes.RULES,
    *payments.RULES,
    *cash.RULES,
    *gateway_payments.RULES,
    *prices.RULES,
    *approvals.RULES,
    *payment_plans.RULES,
    *taxes.RULES,
    *versions.RULES,
    *subscriptions.RULES,
    *seals.RULES,
    *control_totals.RULES,
    *periods.RULES,
)


POSTINGS_OF_STEP = 1000
"""A rule that PostgreSQL tries on so many postings takes about as long as a version that is read here."""


async def check_ledger(
    database: Database,
    tenants: Sequence[str] | None = None,
    progress: Progress | None = None,
    proof: SealProof | None = None,
    *,
    done: Collection[str] = (),
) -> list[Finding]:
    """What is wrong with the books of these tenants (all, where it is None): nothing, if they are sound.

    Those that are `done`, by a check that was interrupted, are left out.

    `database` is reached as billing_audit; refused where its role cannot see all tenants. Without a `proof` sealed
    blocks are held against what they seal, and signatures are not verified.
    """
    async with database.snapshot() as snapshot:
        return await check_snapshot(snapshot, tenants, progress or Progress(), proof or SealProof(), done=done)


async def check_snapshot(
    snapshot: Snapshot,
    tenants: Sequence[str] | None,
    progress: Progress,
    proof: SealProof,
    *,
    done: Collection[str] = (),
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
    for tenant_id in wanted:
        if tenant_id in registered and tenant_id not in done:
            found += await _check_tenant(snapshot, registered[tenant_id], progress, proof)
    return found


async def _check_tenant(
    snapshot: Snapshot, tenant: RegisteredTenant, progress: Progress, proof: SealProof
) -> list[Finding]:
    findings = Findings(tenant.id)
    counts = await check_journal.counts(snapshot, tenant.id)
    rules = (*_RULES, *invoices.number_rules(tenant.id))
    of_rule = 1 + counts.postings // POSTINGS_OF_STEP
    progress.begin(tenant.id, counts, len(rules) * of_rule + counts.sealed + counts.versions + counts.resources)
    for rule in rules:
        progress.look_at(rule.code)
        await apply([rule], snapshot, findings)
        progress.advance(of_rule)
    await versions.check_current(snapshot, findings)
    await prices.check_lists(snapshot, findings, tenant.id)
    progress.look_at("sealed blocks")
    await seals.check_seals_of(snapshot, findings, proof, progress)
    progress.look_at("versions")
    walk = versions.VersionWalk(findings, MAPPER_VERSION)
    async for batch in check_versions.versions(snapshot, tenant.id):
        walk.see(batch)
        progress.advance(len(batch))
    for resource_type in RESOURCE_TYPES:
        progress.look_at(resource_type)
        async for rows in check_rows.batches(snapshot, tenant.id, resource_type):
            await _check_resources(snapshot, findings, tenant, resource_type, rows)
            progress.advance(len(rows.records) + len(rows.unreadable))
    progress.end(tenant.id, counts, findings.listed)
    return findings.listed


async def _check_resources(
    snapshot: Snapshot, findings: Findings, tenant: RegisteredTenant, resource_type: str, rows: check_rows.Batch
) -> None:
    for resource_id in rows.unreadable:
        message = "its rows do not fit together"
        findings.add(Corruption.ROW_UNREADABLE, f"{resource_type}/{resource_id}", message)
    sound = [
        record
        for record in rows.records.values()
        if record.id not in rows.newest or check_rendering(findings, record, rows.newest[record.id], MAPPER_VERSION)
    ]
    await _check_bookings(snapshot, findings, tenant, resource_type, sound)


async def _check_bookings(
    snapshot: Snapshot, findings: Findings, tenant: RegisteredTenant, resource_type: str, records: Sequence[Resource]
) -> None:
    """What the journal has of resources is what they say."""
    if resource_type == "Account":
        return  # an account books nothing itself: its balances are checked as sums
    ids = [record.id for record in records]
    entries = await check_journal.entries_of(snapshot, tenant.id, resource_type, ids)
    open_of = await check_invoices.open_of(snapshot, tenant.id, ids) if resource_type == "Invoice" else {}
    priced = await check_prices.charge_prices(snapshot, tenant.id, ids) if resource_type == "ChargeItem" else {}
    book = await check_prices.book_of(snapshot, list(priced.values()))
    credited = await check_invoices.credited_of(snapshot, tenant.id, ids) if resource_type == "Invoice" else {}
    is_payment = resource_type == "PaymentReconciliation"
    allocated = await check_payments.allocated(snapshot, tenant.id, ids) if is_payment else {}
    open_days = await check_periods.first_open_days(snapshot, tenant.id) if is_payment else {}
    for record in records:
        own = entries.get(record.id, [])
        match record:
            case ChargeItem():
                price = priced.get(record.id)
                prices.check_price(findings, record, price, book)
                charges.check_charge(findings, record, own, tenant.timezone, prices.reductions_of(record, price))
            case Invoice() if record.credit_of_id is not None:
                credit_notes.check_credit_note(findings, record, own, open_of.get(record.id, 0), tenant)
            case Invoice():
                invoices.check_invoice(findings, record, own, open_of.get(record.id, 0), tenant)
                credit_notes.check_credits(findings, record, credited.get(record.id, []))
            case PaymentReconciliation():
                payments.check_payment(
                    findings, record, own, allocated.get(record.id, {}), Calendar(tenant.timezone, open_days)
                )
            case PaymentNotice():
                payments.check_notice(findings, record, own)
