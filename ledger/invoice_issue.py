"""Issuing an invoice: who owes it, the entry that books it, the status that follows from what is settled."""

from __future__ import annotations

from datetime import date

from ledger.chart import LedgerAccount
from ledger.errors import Category, Problem
from ledger.invoice import Invoice
from ledger.invoice_totals import InvoiceTotals
from ledger.journal import JournalEntry, Posting, merged, transfer

KIND = "invoice-issued"


def payer_key(reference: str | None, system: str | None, value: str | None) -> str:
    """How the journal names a payer: its reference, else its identifier."""
    return reference or f"{system or ''}|{value or ''}"


def shares_of(invoice: Invoice, gross: int) -> tuple[int, dict[str, int]]:
    """(the patient's share, payer -> share) of the total; without payer-share all is owed by the recipient."""
    payers: dict[str, int] = {}
    for share in invoice.shares:
        key = payer_key(share.payer, share.payer_system, share.payer_value)
        payers[key] = payers.get(key, 0) + (share.amount.minor_units or 0)
    if not invoice.shares and (invoice.recipient or "").startswith("Organization/"):
        payers[str(invoice.recipient)] = gross
    return gross - sum(payers.values()), {payer: amount for payer, amount in payers.items() if amount}


def share_problems(invoice: Invoice, gross: int, currency: str) -> list[Problem]:
    problems = []
    for share in invoice.shares:
        if share.amount.minor_units is None or share.amount.currency != currency or share.amount.minor_units < 0:
            problems.append(
                _broken("share-amount", f"A payer's share is an amount in {currency} that is not negative.")
            )
        if share.payer is None and share.payer_value is None:
            problems.append(_broken("share-payer", "A payer's share names the payer by reference or identifier."))
    if not problems and shares_of(invoice, gross)[0] < 0:
        problems.append(_broken("shares-exceed-total", "The payers' shares come to more than totalGross."))
    return problems


def _broken(code: str, message: str) -> Problem:
    return Problem(Category.RULE_BROKEN, code, message, "Invoice.extension('payer-share')")


def issue_entry(
    invoice: Invoice, totals: InvoiceTotals, *, account_id: str, currency: str, facility: str, on: date
) -> JournalEntry | None:
    """The entry of an issue; None where there is nothing to book (a zero invoice of charges that cost nothing).

    Lines without a ChargeItem are captured first, then what is added and taken away at issue; then the net moves from unbilled
    to billed, and tax is owed to the state.
    """
    whole = totals.whole

    def move(debit: LedgerAccount, credit: LedgerAccount, amount: int) -> list[Posting]:
        return transfer(debit, credit, amount, account_id=account_id, invoice_id=invoice.id, facility=facility)

    def line(account: LedgerAccount, amount: int, payer: str | None = None, detail: str | None = None) -> Posting:
        return Posting(account, amount, account_id, invoice.id, payer=payer, facility=facility, detail=detail)

    patient, payers = shares_of(invoice, whole.gross)
    postings = [
        *move(LedgerAccount.UNBILLED_RECEIVABLE, LedgerAccount.PATIENT_REVENUE, totals.own_base + whole.surcharges),
        *move(LedgerAccount.COURTESY_DISCOUNTS, LedgerAccount.UNBILLED_RECEIVABLE, whole.reductions),
        line(LedgerAccount.RECEIVABLE_PATIENT, patient),
        *(line(LedgerAccount.RECEIVABLE_PAYER, amount, payer) for payer, amount in payers.items()),
        line(LedgerAccount.UNBILLED_RECEIVABLE, -whole.net),
        *(line(LedgerAccount.TAX_PAYABLE, -amount, detail=code) for code, amount in whole.taxes.items()),
    ]
    booked = merged(postings)
    if not booked:
        return None
    return JournalEntry(
        kind=KIND, currency=currency, effective_at=on, source_type="Invoice", source_id=invoice.id, postings=booked
    )


def settle(invoice: Invoice, settled_minor: int) -> None:
    """Say how much of an issued invoice is settled; its status follows."""
    total = invoice.total_gross.minor_units
    assert total is not None
    assert 0 <= settled_minor <= total
    invoice.settled_minor = settled_minor
    invoice.due_minor = total - settled_minor
    invoice.status = "balanced" if invoice.due_minor == 0 else "issued"


def unsettle(invoice: Invoice) -> None:
    """An invoice that is void settles nothing and has nothing due."""
    invoice.settled_minor = invoice.due_minor = invoice.settlement_currency = None
