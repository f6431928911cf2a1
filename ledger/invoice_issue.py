"""Issuing an invoice: who owes it, the entry that books it, the status that follows from what is settled."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from ledger.chart import LedgerAccount
from ledger.errors import Category, Problem
from ledger.invoice import Invoice
from ledger.invoice_totals import InvoiceTotals
from ledger.journal import JournalEntry, Posting, merged, transfer
from ledger.payer import Payer

KIND = "invoice-issued"


@dataclass(frozen=True, slots=True)
class Shares:
    """Who owes how much of an invoice's total. `payers`: the payer's key -> its share, none of them zero."""

    patient: int
    payers: dict[str, int]


def payers_of(invoice: Invoice, recipient: Payer | None) -> list[Payer]:
    """The payers of an invoice: those with a share; without any, the recipient where it is an organization."""
    if invoice.shares:
        return [Payer(share.payer, share.payer_system, share.payer_value) for share in invoice.shares]
    return [] if recipient is None else [recipient]


def shares_of(invoice: Invoice, gross: int, recipient: Payer | None) -> Shares:
    """The split of the total; without payer-share all is owed by the recipient."""
    amounts = [share.amount.minor_units or 0 for share in invoice.shares] or [gross]
    payers: dict[str, int] = {}
    for payer, amount in zip(payers_of(invoice, recipient), amounts, strict=False):
        payers[payer.key] = payers.get(payer.key, 0) + amount
    return Shares(gross - sum(payers.values()), {payer: amount for payer, amount in payers.items() if amount})


def share_problems(invoice: Invoice, gross: int, currency: str, place: str) -> list[Problem]:
    """What is wrong with the payer shares, which are at a place."""
    problems = []
    for at, share in enumerate(invoice.shares):
        where = f"{place}[{at}]"
        if share.amount.minor_units is None or share.amount.currency != currency or share.amount.minor_units < 0:
            text = f"A payer's share is an amount in {currency} that is not negative."
            problems.append(_broken("share-amount", text, where))
        if not Payer(share.payer, share.payer_system, share.payer_value).is_known:
            text = "A payer's share names the payer by reference or identifier."
            problems.append(_broken("share-payer", text, where))
    if not problems and shares_of(invoice, gross, None).patient < 0:
        problems.append(_broken("shares-exceed-total", "The payers' shares come to more than totalGross.", place))
    return problems


def _broken(code: str, message: str, expression: str) -> Problem:
    return Problem(Category.RULE_BROKEN, code, message, expression)


def issue_entry(
    invoice: Invoice,
    totals: InvoiceTotals,
    shares: Shares,
    *,
    account_id: str,
    currency: str,
    facility: str,
    on: date,
) -> JournalEntry | None:
    """The entry of an issue; None where there is nothing to book (a zero invoice of charges that cost nothing).

    Lines without a ChargeItem are captured first, then what is added and taken away at issue; then the net moves from
    unbilled to billed, and tax is owed to the state.
    """
    whole = totals.whole

    def move(debit: LedgerAccount, credit: LedgerAccount, amount: int) -> list[Posting]:
        return transfer(debit, credit, amount, account_id=account_id, invoice_id=invoice.id, facility=facility)

    def line(account: LedgerAccount, amount: int, payer: str | None = None, detail: str | None = None) -> Posting:
        return Posting(account, amount, account_id, invoice.id, payer=payer, facility=facility, detail=detail)

    postings = [
        *move(LedgerAccount.UNBILLED_RECEIVABLE, LedgerAccount.PATIENT_REVENUE, totals.own_base + whole.surcharges),
        *move(LedgerAccount.COURTESY_DISCOUNTS, LedgerAccount.UNBILLED_RECEIVABLE, whole.reductions),
        line(LedgerAccount.RECEIVABLE_PATIENT, shares.patient),
        *(line(LedgerAccount.RECEIVABLE_PAYER, amount, payer) for payer, amount in shares.payers.items()),
        line(LedgerAccount.UNBILLED_RECEIVABLE, -whole.net),
        *(line(LedgerAccount.TAX_PAYABLE, -amount, detail=code or None) for code, amount in whole.taxes.items()),
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
