"""Crediting an issued invoice: what its lines are worth, how a part of one splits, and the entry of a credit note.

A credit note is an invoice with negative amounts. A line of it is about one line of the original. Where it only lowers
what is owed, the line has a base - what is credited of the net, components of the original included - and its taxes.
Where what it credits is to be billed again, it is the line of the original with every component turned round.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from ledger.chart import LedgerAccount
from ledger.invoice import Invoice, InvoiceLine, PriceComponent
from ledger.invoice_issue import Shares, issue_entry, shares_of
from ledger.invoice_totals import Sums, is_of_whole, sums_of, totals_of
from ledger.journal import JournalEntry, Posting, merged
from ledger.money import Money, apportion, share_out
from ledger.payer import Payer
from ledger.resource import DecimalMoney

KIND = "invoice-credited"
REBILLED = "invoice-rebilled"

# What a credit is against: revenue that never was, a courtesy, or charity.
AGAINST = (LedgerAccount.PATIENT_REVENUE, LedgerAccount.COURTESY_DISCOUNTS, LedgerAccount.CHARITY)


@dataclass(frozen=True, slots=True)
class CreditedLine:
    """What is credited of the line at a position of the original: the parts of a line of the credit note, positive."""

    position: int
    sums: Sums


def line_values(invoice: Invoice, currency: str) -> list[Sums]:
    """What each line is worth, with its part of the components of the whole invoice: they sum to its totals.

    Surcharges of the whole are shared by the net of the lines, reductions by what that makes of it, taxes by what that.
    """
    lines = [sums_of(line.components, currency) for line in invoice.lines]
    whole = sums_of((each for each in invoice.totals if is_of_whole(invoice, each)), currency)
    for line, part in zip(lines, _by_net(whole.surcharges, lines, currency), strict=True):
        line.surcharges += part
    for line, part in zip(lines, _by_net(whole.reductions, lines, currency), strict=True):
        line.reductions += part
    for code, amount in whole.taxes.items():
        for line, part in zip(lines, _by_net(amount, lines, currency), strict=True):
            line.taxes[code] = line.taxes.get(code, 0) + part
    return lines


def _by_net(amount: int, lines: Sequence[Sums], currency: str) -> list[int]:
    return [part.minor_units for part in apportion(Money(currency, amount), [line.net for line in lines])]


def part_of(value: Sums, before: int, amount: int) -> Sums:
    """What a credit of an amount (gross) of a line is in net and taxes, after another amount was credited before.

    Credits of a line come to the same in whatever order, and those of all of it to what it is worth.
    """
    already, then = split(value, before), split(value, before + amount)
    taxes = {code: then.taxes[code] - already.taxes[code] for code in then.taxes}
    return Sums(base=then.base - already.base, taxes={code: tax for code, tax in taxes.items() if tax})


def split(value: Sums, credited: int) -> Sums:
    """Net (as a base) and taxes of what is credited of a line in all."""
    base, *taxes = share_out(credited, [value.net, *value.taxes.values()])
    return Sums(base=base, taxes=dict(zip(value.taxes, taxes, strict=True)))


@dataclass(frozen=True, slots=True)
class OwedShare:
    """A share of an invoice: the patient's (payer None), or a payer's; what is open of it, and what money is on it."""

    payer: str | None
    open_minor: int
    paid_minor: int


def lowered_shares(shares: Sequence[OwedShare], amount: int) -> Shares | None:
    """Which shares a credit lowers: what is open, in order; then what is paid, in order. None: there is not so much."""
    lowered: dict[str | None, int] = {}
    for of_each in ([max(share.open_minor, 0) for share in shares], [share.paid_minor for share in shares]):
        for share, there in zip(shares, of_each, strict=True):
            part = min(there, amount)
            lowered[share.payer] = lowered.get(share.payer, 0) + part
            amount -= part
    if amount:
        return None
    return Shares(lowered.pop(None, 0), {payer: part for payer, part in lowered.items() if payer is not None})


def credit_entry(
    note: Invoice,
    *,
    against: LedgerAccount | None,
    recipient: Payer | None,
    account_id: str,
    currency: str,
    facility: str,
    on: date,
) -> JournalEntry | None:
    """The entry of a credit note; None where there is nothing to book. `against` is None where it is billed again.

    The receivable is that of the original, so that what is due of it follows.
    """
    assert note.credit_of_id is not None
    original = turned(note)
    totals = totals_of(original, currency)
    shares = shares_of(original, totals.whole.gross, recipient)
    about = {"account_id": account_id, "invoice_id": original.id, "facility": facility}
    if against is None:
        entry = issue_entry(
            original, totals, shares, account_id=account_id, currency=currency, facility=facility, on=on
        )
        postings: Iterable[Posting] = (
            () if entry is None else (line._replace(amount_minor=-line.amount_minor) for line in entry.postings)
        )
    else:
        postings = [
            Posting(against, totals.whole.net, **about),
            *(
                Posting(LedgerAccount.TAX_PAYABLE, tax, detail=code or None, **about)
                for code, tax in totals.whole.taxes.items()
            ),
            Posting(LedgerAccount.RECEIVABLE_PATIENT, -shares.patient, **about),
            *(
                Posting(LedgerAccount.RECEIVABLE_PAYER, -part, payer=payer, **about)
                for payer, part in shares.payers.items()
            ),
        ]
    booked = merged(postings)
    if not booked:
        return None
    return JournalEntry(
        kind=REBILLED if against is None else KIND,
        currency=currency,
        effective_at=on,
        source_type="Invoice",
        source_id=note.id,
        postings=booked,
    )


def turned(note: Invoice) -> Invoice:
    """A credit note as the invoice that it takes back: the same amounts with the opposite sign."""
    return replace(
        note,
        id=note.credit_of_id or note.id,
        lines=[replace(line, components=_turned(line.components)) for line in note.lines],
        totals=_turned(note.totals),
        total_net=_opposite(note.total_net),
        total_gross=_opposite(note.total_gross),
        shares=[replace(share, amount=_opposite(share.amount)) for share in note.shares],
    )


def _turned(components: Iterable[PriceComponent]) -> list[PriceComponent]:
    return [replace(component, amount=_opposite(component.amount)) for component in components]


def _opposite(amount: DecimalMoney) -> DecimalMoney:
    return amount if amount.minor_units is None else amount._replace(minor_units=-amount.minor_units)


def numbers_of_lines(lines: Sequence[InvoiceLine]) -> list[int]:
    """By what number a client names each line: its sequence where all have one of their own, else its place from 1."""
    sequences = [line.sequence for line in lines if line.sequence is not None]
    if len(sequences) == len(lines) == len(set(sequences)):
        return sequences
    return list(range(1, len(lines) + 1))
