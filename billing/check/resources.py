"""The resources of a stretch of ids: their versions one after the other, their rows against the newest, and what the
journal has of them.
"""

from __future__ import annotations

from collections.abc import Sequence

from billing.check import charges, credit_notes, invoices, payments, prices
from billing.check.booking import Calendar
from billing.check.corruption import Corruption
from billing.check.finding import Findings
from billing.check.progress import Progress
from billing.check.renderings import check_rendering
from billing.check.versions import VersionWalk, check_current
from ledger.charge_item import ChargeItem
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
    check_recognition,
    check_rows,
)
from storage.check_rows import AT_ONCE, Head, Stretch
from storage.check_snapshot import Snapshot
from storage.check_tenants import RegisteredTenant
from storage.check_versions import KeptVersion, versions

STEPS_OF_VERSION = 4
"""To read a version, or to render a resource, takes as long as so many entries or versions that are sealed."""


async def check_resources(
    snapshot: Snapshot,
    findings: Findings,
    tenant: RegisteredTenant,
    resource_type: str,
    stretch: Stretch,
    progress: Progress,
) -> None:
    """All that there is of a type in a stretch of ids, so many resources at a time that memory does not grow."""
    walk = VersionWalk(findings, MAPPER_VERSION)
    while True:
        heads = await check_rows.heads(snapshot, tenant.id, resource_type, stretch)
        is_last = len(heads) < AT_ONCE
        through = stretch.through if is_last else heads[-1].id
        of_id = {head.id: head for head in heads}
        seen = Stretch(stretch.after, through)
        newest = await _check_versions(snapshot, findings, tenant.id, resource_type, seen, walk, of_id, progress)
        if heads:
            await _check_current(snapshot, findings, tenant, resource_type, of_id, newest)
            progress.advance(STEPS_OF_VERSION * len(heads))
        if is_last:
            return
        stretch = Stretch(heads[-1].id, stretch.through)


async def _check_versions(
    snapshot: Snapshot,
    findings: Findings,
    tenant_id: str,
    resource_type: str,
    stretch: Stretch,
    walk: VersionWalk,
    heads: dict[str, Head],
    progress: Progress,
) -> dict[str, KeptVersion]:
    """The newest version of each resource that is there; of those that are not it was a deletion, or that is said."""
    newest: dict[str, KeptVersion] = {}
    gone: KeptVersion | None = None
    async for batch in versions(snapshot, tenant_id, resource_type, stretch):
        walk.see(batch)
        for version in batch:
            if gone is not None and gone.id != version.id:
                check_current(findings, resource_type, gone.id, None, gone)
                gone = None
            if version.id in heads:
                newest[version.id] = version
            else:
                gone = version
        progress.advance(STEPS_OF_VERSION * len(batch))
    if gone is not None:
        check_current(findings, resource_type, gone.id, None, gone)
    return newest


async def _check_current(
    snapshot: Snapshot,
    findings: Findings,
    tenant: RegisteredTenant,
    resource_type: str,
    heads: dict[str, Head],
    newest: dict[str, KeptVersion],
) -> None:
    for head in heads.values():
        check_current(findings, resource_type, head.id, head, newest.get(head.id))
    records, unreadable = await check_rows.records(snapshot, tenant.id, resource_type, list(heads))
    for resource_id in unreadable:
        message = "its rows do not fit together"
        findings.add(Corruption.ROW_UNREADABLE, f"{resource_type}/{resource_id}", message)
    sound = [
        record
        for record in records.values()
        if record.id not in newest or check_rendering(findings, record, newest[record.id], MAPPER_VERSION)
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
    is_charge = resource_type == "ChargeItem"
    priced = await check_prices.charge_prices(snapshot, tenant.id, ids) if is_charge else {}
    points = await check_recognition.changes_of(snapshot, tenant.id) if is_charge else []
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
                reductions = prices.reductions_of(record, price)
                charges.check_charge(findings, record, own, tenant.timezone, reductions, points)
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
