"""Invoices: numbered without gaps, booked as their lines say, settled as the journal says, and frozen once issued."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from billing.check.booking import is_day_of, says
from billing.check.corruption import Corruption
from billing.check.finding import Findings, Rule
from billing.invoice_numbers import numbers_of
from billing.payers import recipient_of
from ledger.capture import facility_of
from ledger.invoice import Invoice
from ledger.invoice_issue import KIND, issue_entry, shares_of
from ledger.invoice_totals import InvoiceTotals, totals_of
from mappers.extensions import CREDIT_NOTE_NUMBER_SYSTEM, INVOICE_NUMBER_SYSTEM
from storage import check_invoices, check_numbers
from storage.check_journal import BookedEntry
from storage.check_tenants import RegisteredTenant

# The identifier system of the numbers of each series, its name, and what they begin with.
_SERIES = ((INVOICE_NUMBER_SYSTEM, "invoice", "INV"), (CREDIT_NOTE_NUMBER_SYSTEM, "credit-note", "CN"))

_LIVE = ("issued", "balanced")

RULES = (
    Rule(
        Corruption.INVOICE_LINE_WRONG,
        check_invoices.LINE_DIFFERS_FROM_CHARGE,
        "Invoice/{0} line {1}",
        "its base is {4} minor units, but ChargeItem/{2} costs {3}",
    ),
    Rule(
        Corruption.INVOICE_SHARE_OVER_SETTLED,
        check_invoices.SHARE_OVER_SETTLED,
        "Invoice/{0}",
        "what {1} still owes of it is {2} minor units",
    ),
    Rule(
        Corruption.SERIES_UNKNOWN,
        check_numbers.SERIES_UNKNOWN,
        "{0}",
        "no command takes numbers of this series",
        ([name for _, name, _ in _SERIES],),
    ),
)


def number_rules(tenant_id: str) -> list[Rule]:
    """The rules of each number series of a tenant."""
    rules = []
    for system, name, prefix in _SERIES:
        parameters = (f"{system}{tenant_id}/", prefix, name)
        rules += [
            Rule(
                Corruption.NUMBER_MISSING,
                check_numbers.MISSING,
                f"{name} numbers of {{0}}",
                "{1}-{2} was given out, and no invoice has it",
                parameters,
            ),
            Rule(
                Corruption.NUMBER_NOT_GIVEN,
                check_numbers.NOT_GIVEN,
                "Invoice/{0}",
                "its number {1} was never given out",
                parameters,
            ),
            Rule(
                Corruption.NUMBER_TWICE,
                check_numbers.TWICE,
                f"{name} numbers of {{0}}",
                "several invoices have {1}: {2}",
                parameters,
            ),
        ]
    return rules


def check_invoice(
    findings: Findings,
    invoice: Invoice,
    entries: Sequence[BookedEntry],
    open_minor: int,
    tenant: RegisteredTenant,
) -> None:
    """`open_minor`: what the journal says is still owed of it."""
    numbers = numbers_of(invoice)
    currency = invoice.settlement_currency or invoice.total_gross.currency or ""
    booked = [entry for entry in entries if entry.kind == KIND]
    if numbers or invoice.status in _LIVE:
        totals = totals_of(invoice, currency)
        check_number(findings, invoice, tenant, INVOICE_NUMBER_SYSTEM)
        check_totals(findings, invoice, totals)
        _check_booking(findings, invoice, totals, currency, booked, tenant)
    elif booked:
        findings.add(
            Corruption.INVOICE_BOOKING_UNDUE,
            f"Invoice/{invoice.id}",
            f"it is {invoice.status} and never was issued, but JournalEntry/{booked[0].entry_id} books it",
        )
    _check_settlement(findings, invoice, open_minor)


def check_number(findings: Findings, invoice: Invoice, tenant: RegisteredTenant, series_system: str) -> None:
    """It has one legal number, of its series."""
    numbers, system = numbers_of(invoice), f"{series_system}{tenant.id}/{facility_in(invoice)}"
    if [row.system for row in numbers] != [system]:
        message = f"it has {len(numbers)} legal numbers, not one of {system}"
        findings.add(Corruption.INVOICE_UNNUMBERED, f"Invoice/{invoice.id}", message)


def check_totals(findings: Findings, invoice: Invoice, totals: InvoiceTotals) -> None:
    """Its totals are what its lines come to."""
    for name, said, comes_to in (
        ("totalNet", invoice.total_net.minor_units, totals.whole.net),
        ("totalGross", invoice.total_gross.minor_units, totals.whole.gross),
    ):
        if said != comes_to:
            message = f"{name} is {said} minor units, but the lines come to {comes_to}"
            findings.add(Corruption.INVOICE_TOTAL_WRONG, f"Invoice/{invoice.id}", message)


def _check_booking(
    findings: Findings,
    invoice: Invoice,
    totals: InvoiceTotals,
    currency: str,
    booked: Sequence[BookedEntry],
    tenant: RegisteredTenant,
) -> None:
    """One entry, of the lines that the invoice has; it stands as long as the invoice is not cancelled."""
    place = f"Invoice/{invoice.id}"
    expected = issue_entry(
        invoice,
        totals,
        shares_of(invoice, totals.whole.gross, recipient_of(invoice)),
        account_id=invoice.account_id or "",
        currency=currency,
        facility=facility_in(invoice),
        on=booked[0].effective_at if booked else date.min,
    )
    if len(booked) > (expected is not None):
        message = f"it is booked {len(booked)} times, by JournalEntry/{booked[-1].entry_id} too"
        findings.add(Corruption.INVOICE_BOOKING_UNDUE, place, message)
    elif expected is not None and not booked:
        findings.add(Corruption.INVOICE_BOOKING_MISSING, place, f"it is {invoice.status}, and nothing is booked")
    elif expected is not None:
        entry = booked[0]
        if entry.is_reversed != (invoice.status not in _LIVE):
            stands = "is reversed" if entry.is_reversed else "stands"
            code = Corruption.INVOICE_BOOKING_MISSING if entry.is_reversed else Corruption.INVOICE_BOOKING_UNDUE
            findings.add(code, place, f"it is {invoice.status}, but JournalEntry/{entry.entry_id} {stands}")
        if not (
            says(entry, expected.postings, currency) and is_day_of(invoice.date, entry.effective_at, tenant.timezone)
        ):
            message = f"JournalEntry/{entry.entry_id} is not what the invoice comes to"
            findings.add(Corruption.INVOICE_BOOKING_DIFFERS, place, message)


def _check_settlement(findings: Findings, invoice: Invoice, open_minor: int) -> None:
    """What is settled, what is due and the status follow from the journal, for as long as something can be owed."""
    place = f"Invoice/{invoice.id}"
    said = (invoice.settled_minor, invoice.due_minor)
    if invoice.status not in _LIVE:
        if said != (None, None) or open_minor or invoice.settlement_currency is not None:
            message = f"it is {invoice.status}, but the journal has {open_minor} minor units open and it says {said}"
            findings.add(Corruption.INVOICE_SETTLEMENT_WRONG, place, message)
        return
    total = invoice.total_gross.minor_units or 0
    settled = total - open_minor
    if said != (settled, open_minor) or not 0 <= settled <= total:
        message = f"it says {said} is settled and due of {total} minor units; the journal {(settled, open_minor)}"
        findings.add(Corruption.INVOICE_SETTLEMENT_WRONG, place, message)
    if invoice.status != ("issued" if open_minor else "balanced"):
        message = f"it is {invoice.status}, and {open_minor} minor units are due"
        findings.add(Corruption.INVOICE_STATUS_WRONG, place, message)


def facility_in(invoice: Invoice) -> str:
    """The facility in the number series of which it is."""
    return facility_of(invoice.issuer) or "main"
