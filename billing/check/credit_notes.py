"""Credit notes: numbered, booked as their lines say, about lines of an invoice, and never more than those are worth."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from billing.check.booking import is_day_of, says
from billing.check.corruption import Corruption
from billing.check.finding import Findings, Rule
from billing.check.invoices import check_number, check_totals, facility_in
from billing.payers import recipient_of
from ledger.chart import LedgerAccount
from ledger.invoice import Invoice
from ledger.invoice_credit import AGAINST, KIND, REBILLED, credit_entry, line_values, split, turned
from ledger.invoice_totals import Sums, totals_of
from mappers.extensions import CREDIT_NOTE, CREDIT_NOTE_NUMBER_SYSTEM, INVOICE_TYPE_SYSTEM
from storage import check_invoices
from storage.check_invoices import CreditedComponent
from storage.check_journal import BookedEntry
from storage.check_tenants import RegisteredTenant

RULES = (
    Rule(
        Corruption.CREDIT_UNLINKED,
        check_invoices.CREDIT_UNLINKED,
        "Invoice/{0} line {1}",
        "which line of its invoice it credits is not kept, or not as it is booked",
        (KIND, REBILLED),
    ),
    Rule(
        Corruption.CREDIT_OF_WRONG,
        check_invoices.CREDIT_OF_WRONG,
        "Invoice/{0}",
        "it credits Invoice/{1}, which is not issued, or on another account",
    ),
)


def check_credit_note(
    findings: Findings, note: Invoice, entries: Sequence[BookedEntry], open_minor: int, tenant: RegisteredTenant
) -> None:
    """`open_minor`: what the journal says is owed of the note itself: never anything."""
    place = f"Invoice/{note.id}"
    currency = note.settlement_currency or ""
    check_number(findings, note, tenant, CREDIT_NOTE_NUMBER_SYSTEM)
    check_totals(findings, turned(note), totals_of(turned(note), currency))
    if not any((row.system, row.value) == (INVOICE_TYPE_SYSTEM, CREDIT_NOTE) for row in note.indexed("type")):
        findings.add(Corruption.CREDIT_OF_WRONG, place, "it credits another invoice, but is not of type credit-note")
    _check_booking(findings, note, currency, entries, tenant)
    said = (note.settled_minor, note.due_minor)
    if said != (note.total_gross.minor_units, 0) or open_minor:
        message = f"it says {said} is settled and due, not all and nothing; the journal has {open_minor} open"
        findings.add(Corruption.INVOICE_SETTLEMENT_WRONG, place, message)
    if note.status != "balanced":
        findings.add(Corruption.INVOICE_STATUS_WRONG, place, f"it is {note.status}; a credit note is balanced")


def _check_booking(
    findings: Findings, note: Invoice, currency: str, entries: Sequence[BookedEntry], tenant: RegisteredTenant
) -> None:
    place = f"Invoice/{note.id}"
    booked = [entry for entry in entries if entry.kind in (KIND, REBILLED)]
    if len(booked) > 1:
        message = f"it is booked {len(booked)} times, by JournalEntry/{booked[-1].entry_id} too"
        findings.add(Corruption.INVOICE_BOOKING_UNDUE, place, message)
        return
    entry = booked[0] if booked else None
    expected = credit_entry(
        note,
        against=_against(entry),
        recipient=recipient_of(note),
        account_id=note.account_id or "",
        currency=currency,
        facility=facility_in(note),
        on=entry.effective_at if entry else date.min,
    )
    if entry is None:
        if expected is not None:
            findings.add(Corruption.INVOICE_BOOKING_MISSING, place, f"it is {note.status}, and nothing is booked")
        return
    if entry.is_reversed:
        message = f"it is {note.status}, but JournalEntry/{entry.entry_id} is reversed"
        findings.add(Corruption.INVOICE_BOOKING_MISSING, place, message)
    is_so = expected is not None and says(entry, expected.postings, currency)
    if not (is_so and is_day_of(note.date, entry.effective_at, tenant.timezone)):
        message = f"JournalEntry/{entry.entry_id} is not what the credit note comes to"
        findings.add(Corruption.INVOICE_BOOKING_DIFFERS, place, message)


def _against(entry: BookedEntry | None) -> LedgerAccount | None:
    """What the net was booked against; None where it is billed again. What is neither differs from what is expected."""
    if entry is None or entry.kind == REBILLED:
        return None
    debited = (line.ledger_account for line in entry.postings)
    return next((LedgerAccount(each) for each in debited if each in AGAINST), LedgerAccount.PATIENT_REVENUE)


def check_credits(findings: Findings, invoice: Invoice, credited: Sequence[CreditedComponent]) -> None:
    """What all credit notes together took off each line of an invoice is at most what the line is worth."""
    lines: dict[int, Sums] = {}
    rebilled = {component.position for component in credited if component.rebilled}
    for component in credited:
        sums = lines.setdefault(component.position, Sums())
        match component.type:
            case "base":
                sums.base += component.amount_minor
            case "surcharge":
                sums.surcharges += component.amount_minor
            case "discount":
                # Given back, it is positive on the note.
                sums.reductions -= component.amount_minor
            case "tax":
                sums.taxes[component.code] = sums.taxes.get(component.code, 0) + component.amount_minor
    values = line_values(invoice, invoice.settlement_currency or "") if lines else []
    for position, sums in sorted(lines.items()):
        place = f"Invoice/{invoice.id} line {position}"
        if position >= len(values):
            continue  # there is no such line, which another rule says
        value = values[position]
        if not 0 <= sums.gross <= value.gross:
            message = f"{sums.gross} minor units of it are credited, and it is worth {value.gross}"
            findings.add(Corruption.CREDIT_EXCEEDS_LINE, place, message)
        elif sums != _without_nothing(value if position in rebilled else split(value, sums.gross)):
            message = f"what is credited of it - {sums} - is not its part of {value}"
            findings.add(Corruption.CREDIT_SPLIT_WRONG, place, message)


def _without_nothing(sums: Sums) -> Sums:
    return Sums(sums.base, sums.surcharges, sums.reductions, {code: tax for code, tax in sums.taxes.items() if tax})
