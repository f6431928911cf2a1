"""Payments and notices: money is booked once, goes where the details say, and lies where the journal says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from billing.check.booking import Calendar, is_day_of, says, standing
from billing.check.corruption import Corruption
from billing.check.finding import Findings, Rule
from billing.note_payment import clears
from billing.payers import payment_issuer_of
from billing.payment_details import targets_of
from billing.receive_payment import posts
from ledger import remittance
from ledger.chart import ASSET_OF_METHOD, LedgerAccount
from ledger.payment import CLEARED, RECEIVED, REVERSED, cleared_entry
from ledger.payment_notice import PaymentNotice
from ledger.payment_reconciliation import PaymentReconciliation
from storage import check_payments
from storage.check_journal import BookedEntry

RULES = (
    Rule(
        Corruption.PAYMENT_OVER_ALLOCATED,
        check_payments.OVER_ALLOCATED,
        "PaymentReconciliation/{0}",
        "{2} minor units more went to invoices than {1} has of it",
    ),
    Rule(
        Corruption.PAYMENT_HOLDING_WRONG,
        check_payments.HOLDING_WRONG,
        "PaymentReconciliation/{0}",
        "{2} minor units of it lie in {1}: less than nothing, or still in clearing although the bank has it",
        (CLEARED,),
    ),
    Rule(
        Corruption.PAYMENT_REVERSAL_WRONG,
        check_payments.REVERSAL_INCOMPLETE,
        "PaymentReconciliation/{0}",
        "it is reversed, and {2} minor units of it stand on {1}",
        (REVERSED,),
    ),
)

_ASSETS = frozenset(ASSET_OF_METHOD.values())


def check_payment(
    findings: Findings,
    payment: PaymentReconciliation,
    entries: Sequence[BookedEntry],
    allocated: Mapping[str | None, int],
    calendar: Calendar,
) -> None:
    """`allocated`: invoice -> what the journal has put to it of this payment."""
    place = f"PaymentReconciliation/{payment.id}"
    received = standing(entries, RECEIVED)
    issuer = payment_issuer_of(payment)
    undone = standing(entries, REVERSED)
    has_money = bool(payment.payment_amount.minor_units)
    expected = 1 if has_money and (posts(payment) or undone) else 0
    if len(undone) > 1 or (undone and payment.status != "cancelled"):
        message = f"it is {payment.status}, and {len(undone)} reversals of it stand"
        findings.add(Corruption.PAYMENT_REVERSAL_WRONG, place, message)
    if len(received) > expected:
        message = f"it is {payment.status}, and {len(received)} receipts of it stand"
        findings.add(Corruption.PAYMENT_BOOKING_UNDUE, place, message)
    elif len(received) < expected:
        findings.add(Corruption.PAYMENT_BOOKING_MISSING, place, "the money is there, and no receipt is booked")
    elif received and not _is_receipt_of(received[0], payment, calendar):
        message = f"JournalEntry/{received[0].entry_id} is not what the payment says"
        findings.add(Corruption.PAYMENT_BOOKING_DIFFERS, place, message)
    payers = {
        line.payer
        for entry in entries
        for line in entry.postings
        if line.ledger_account == LedgerAccount.UNAPPLIED_PAYER
    }
    if payers - {issuer.key if issuer else None}:
        message = f"the journal has it of {', '.join(map(str, payers))}, which is not who paid"
        findings.add(Corruption.PAYMENT_BOOKING_DIFFERS, place, message)
    remitted = _booked_remittance(entries)
    if remitted != (_said_remittance(payment) if posts(payment) else {}):
        message = "what the journal has of payers' shares is not what its details say"
        findings.add(Corruption.REMITTANCE_DIFFERS, place, message)
    said = _said_allocations(payment) if posts(payment) else {}
    if said != dict(allocated):
        message = f"it says {_listed(said)} minor units, the journal {_listed(allocated)}"
        findings.add(Corruption.PAYMENT_ALLOCATIONS_DIFFER, place, message)


def _is_receipt_of(entry: BookedEntry, payment: PaymentReconciliation, calendar: Calendar) -> bool:
    assets = [line for line in entry.postings if line.ledger_account in _ASSETS]
    return (
        [(line.ledger_account, line.amount_minor) for line in assets]
        == [(ASSET_OF_METHOD.get(payment.method or "bank-transfer"), payment.payment_amount.minor_units)]
        and entry.currency == payment.payment_amount.currency
        and all(line.payment_id == payment.id for line in entry.postings)
        and (
            is_day_of(payment.payment_date, entry.effective_at, calendar.timezone)
            or calendar.has_moved(payment.payment_date, entry)
        )
    )


def _said_allocations(payment: PaymentReconciliation) -> dict[str | None, int]:
    said: dict[str | None, int] = {}
    for target in targets_of(payment):
        if target.settles_minor:
            said[target.id] = said.get(target.id, 0) + target.settles_minor
    return {invoice_id: amount for invoice_id, amount in said.items() if amount}


def _said_remittance(payment: PaymentReconciliation) -> dict[tuple[str, str | None], int]:
    said: dict[tuple[str, str | None], int] = {}
    for target in targets_of(payment):
        if target.entry_kind is not None:
            key = target.entry_kind, target.id
            said[key] = said.get(key, 0) + abs(target.amount_minor)
    return said


def _booked_remittance(entries: Sequence[BookedEntry]) -> dict[tuple[str, str | None], int]:
    booked: dict[tuple[str, str | None], int] = {}
    for kind in remittance.KINDS:
        for entry in standing(entries, kind):
            for line in entry.postings:
                if line.ledger_account == LedgerAccount.RECEIVABLE_PAYER:
                    key = kind, line.invoice_id
                    booked[key] = booked.get(key, 0) + abs(line.amount_minor)
    return booked


def _listed(allocations: Mapping[str | None, int]) -> str:
    return ", ".join(f"Invoice/{invoice}: {amount}" for invoice, amount in allocations.items()) or "none"


def check_notice(findings: Findings, notice: PaymentNotice, entries: Sequence[BookedEntry]) -> None:
    """A notice that says cleared has moved the money, once; any other has moved nothing."""
    place = f"PaymentNotice/{notice.id}"
    cleared = standing(entries, CLEARED)
    expected = 1 if clears(notice) else 0
    if len(cleared) > expected:
        message = f"it is {notice.status}, and {len(cleared)} entries of it stand"
        findings.add(Corruption.NOTICE_BOOKING_UNDUE, place, message)
    elif len(cleared) < expected:
        findings.add(Corruption.NOTICE_BOOKING_MISSING, place, "it says cleared, and nothing is booked")
    elif cleared:
        entry = cleared[0]
        moved = sum(line.amount_minor for line in entry.postings if line.ledger_account == LedgerAccount.BANK)
        wanted = cleared_entry(notice.id, notice.payment_id or "", moved, entry.currency, entry.effective_at)
        if moved <= 0 or not says(entry, wanted.postings, entry.currency):
            message = f"JournalEntry/{entry.entry_id} does not move its payment from clearing to the bank"
            findings.add(Corruption.NOTICE_BOOKING_DIFFERS, place, message)
