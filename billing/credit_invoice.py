"""Credit an issued invoice, in whole or in part: a credit note lowers what is owed of it, or has it billed again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from billing.allocation import Payable, read_shares, record_settlement
from billing.change import Change
from billing.context import Context
from billing.credit_note_documents import credit_note_document, stands_alone
from billing.deallocation import undo_excess
from billing.invoice_numbers import add_number
from billing.issue_invoice import record_charges
from billing.locked_invoice import locked_invoice
from billing.payers import recipient_of
from billing.places import parameter_place
from billing.recognition import defer_again
from billing.record_change import record_creation
from ledger.capture import facility_of
from ledger.charge_item import ChargeItem
from ledger.chart import LedgerAccount
from ledger.dates import date_of
from ledger.errors import Category, Problem, Refusal, conflict, rule_broken
from ledger.invoice import Invoice
from ledger.invoice_credit import (
    AGAINST,
    CreditedLine,
    OwedShare,
    credit_entry,
    line_values,
    lowered_shares,
    numbers_of_lines,
    part_of,
)
from ledger.invoice_issue import Shares, payers_of
from ledger.invoice_totals import Sums
from ledger.money import Money, apportion
from ledger.payment import ALLOCATED, allocated_by
from ledger.posting_period import why_refused
from mappers import mapper_for
from mappers.extensions import CREDIT_NOTE_NUMBER_SYSTEM, PAYER_SHARE
from storage import credited_lines, invoiced_charges, journal, number_series
from storage.credited_lines import Credited
from storage.resource_ids import new_id
from storage.resource_rows import load
from storage.transaction import Transaction

CREDITED = "billing.invoice.credited.v1"


@dataclass(frozen=True, slots=True)
class LineCredit:
    """What to credit of a line: an amount, gross; all that is left of it where it is None. `place`: where it was said.

    The number is the line's sequence where every line has one of its own, else its place, from 1.
    """

    number: int
    amount: Money | None = None
    place: str = ""


@dataclass(frozen=True, slots=True)
class CreditedInvoice:
    """What was written: the credit note, the invoice as it is now, and the payments that were taken off it."""

    note: Change
    invoice: Change
    payments: tuple[Change, ...]


async def credit(
    tx: Transaction,
    context: Context,
    invoice_id: str,
    *,
    reason: str,
    lines: Sequence[LineCredit] = (),
    amount_minor: int | None = None,
    against: LedgerAccount = LedgerAccount.PATIENT_REVENUE,
    rebill: bool = False,
    on: date | None = None,
    events: Sequence[str] = (),
) -> CreditedInvoice:
    """Credit lines of an invoice, an amount (gross, shared by what is left of the lines), or all that is left of it.

    `against` is what the net is booked against. With `rebill` lines are taken back as they were issued, and their
    charges are billable again. What is settled beyond is taken off payments, the latest first. `events`: what it means
    for the invoice beside.
    """
    assert against in AGAINST, against
    invoice, previous = await locked_invoice(tx, invoice_id)
    _refuse_state(invoice)
    on = _credit_date(tx, context, invoice, on)
    currency = invoice.settlement_currency or ""
    values, credited = line_values(invoice, currency), await credited_lines.of_invoice(tx, invoice.id)
    if rebill:
        chosen = _rebilled(invoice, values, credited, lines)
    else:
        wanted = _wanted(invoice, values, credited, lines, currency)
        if amount_minor is not None:
            wanted = _shared(wanted, amount_minor, currency)
        chosen = [
            CreditedLine(at, part_of(values[at], _so_far(credited, at), amount))
            for at, amount in sorted(wanted.items())
            if amount
        ]
    if not chosen:
        raise conflict("invalid-state", "Nothing is left to be credited of it.", "Invoice.status")
    payable = Payable(invoice, previous, [])
    shares = await _lowered(tx, payable, sum(line.sums.gross for line in chosen))
    note = _note(context, invoice, chosen, shares, currency=currency, reason=reason, rebill=rebill, on=on)
    facility = facility_of(invoice.issuer) or "main"
    assert invoice.account_id is not None
    entry = credit_entry(
        note,
        against=None if rebill else against,
        recipient=recipient_of(invoice),
        account_id=invoice.account_id,
        currency=currency,
        facility=facility,
        on=on,
    )
    if entry is not None:
        journal.append(tx, replace(entry, reason=reason))
    payments = await undo_excess(tx, context, payable, on=on, reason=reason)
    charges = await _charges(tx, invoice, chosen) if rebill else {}
    await defer_again(tx, charges, on=on, reason=reason)
    # Last, because every other credit note of this series waits for the number from here to the end.
    number = await number_series.take(tx, "credit-note", facility, on.year)
    add_number(note, f"{CREDIT_NOTE_NUMBER_SYSTEM}{context.tenant.id}/{facility}", f"CN-{on.year:04d}-{number:06d}")
    change = record_creation(tx, note, events=(CREDITED,))
    credited_lines.insert(tx, note.id, invoice.id, [line.position for line in chosen], rebilled=rebill)
    invoiced_charges.release_some(tx, invoice.id, sorted(charges))
    record_charges(tx, charges, "billable")
    return CreditedInvoice(change, record_settlement(tx, payable, *events), tuple(payments))


def _refuse_state(invoice: Invoice) -> None:
    if invoice.credit_of_id is not None:
        raise conflict("invalid-state", "A credit note is not credited; charge again instead.", "Invoice.status")
    if invoice.status not in ("issued", "balanced"):
        text = f"The invoice is {invoice.status}; only an issued one is credited."
        raise conflict("invalid-state", text, "Invoice.status")


def _credit_date(tx: Transaction, context: Context, invoice: Invoice, on: date | None) -> date:
    today = context.today(tx.now)
    if on is not None and on > today:
        raise rule_broken("date-in-future", f"Today is {today}.", parameter_place("date"))
    if (on or today) < tx.first_open_day:
        raise rule_broken("period-closed", why_refused(tx.first_open_day), parameter_place("date"))
    assert invoice.date is not None
    return max(on or today, date_of(invoice.date, context.tenant.timezone))


def _so_far(credited: dict[int, Credited], position: int) -> int:
    return credited[position].amount_minor if position in credited else 0


def _positions(invoice: Invoice, lines: Sequence[LineCredit]) -> list[int]:
    """The position of each line that is named; refused with all that name none, or one twice."""
    numbers = numbers_of_lines(invoice.lines)
    positions, problems = [], []
    for line in lines:
        if line.number not in numbers:
            text = f"The invoice has no line {line.number}; its lines are {', '.join(map(str, numbers))}."
            problems.append(Problem(Category.RULE_BROKEN, "line-unknown", text, line.place))
            continue
        position = numbers.index(line.number)
        if position in positions:
            text = f"Line {line.number} is named more than once; name it once."
            problems.append(Problem(Category.RULE_BROKEN, "line-twice", text, line.place))
        positions.append(position)
    if problems:
        raise Refusal(problems)
    return positions


def _wanted(
    invoice: Invoice,
    values: Sequence[Sums],
    credited: dict[int, Credited],
    lines: Sequence[LineCredit],
    currency: str,
) -> dict[int, int]:
    """Position -> how much of the line is credited: all that is left where no line is named, or no amount of it."""
    left = [value.gross - _so_far(credited, at) for at, value in enumerate(values)]
    if not lines:
        return dict(enumerate(left))
    wanted, problems = {}, []
    for line, position in zip(lines, _positions(invoice, lines), strict=True):
        problems += _amount_problems(line, left[position], currency)
        wanted[position] = left[position] if line.amount is None else line.amount.minor_units
    if problems:
        raise Refusal(problems)
    return wanted


def _amount_problems(line: LineCredit, left: int, currency: str) -> list[Problem]:
    amount, place = line.amount, line.place
    if amount is None:
        return []
    if amount.currency != currency:
        text = f"The invoice is in {currency}; credit in it."
        return [Problem(Category.RULE_BROKEN, "currency-mismatch", text, place)]
    if amount.minor_units <= 0:
        return [Problem(Category.RULE_BROKEN, "amount-not-positive", "Credit more than nothing.", place)]
    if amount.minor_units > left:
        text = f"Of line {line.number} {Money(currency, left)} are left; credit no more than that."
        return [Problem(Category.RULE_BROKEN, "credit-exceeds-line", text, place)]
    return []


def _shared(left: dict[int, int], amount_minor: int, currency: str) -> dict[int, int]:
    """An amount shared by what is left of each line."""
    whole = sum(left.values())
    if amount_minor <= 0:
        raise rule_broken("amount-not-positive", "Credit more than nothing.", parameter_place("amount"))
    if amount_minor > whole:
        text = f"{Money(currency, whole)} are left of the invoice; credit no more than that."
        raise rule_broken("credit-exceeds-invoice", text, parameter_place("amount"))
    parts = apportion(Money(currency, amount_minor), list(left.values()))
    return {at: part.minor_units for at, part in zip(left, parts, strict=True)}


def _rebilled(
    invoice: Invoice, values: Sequence[Sums], credited: dict[int, Credited], lines: Sequence[LineCredit]
) -> list[CreditedLine]:
    """Whole lines, with every component; those that are credited already are left out where no line is named."""
    named = dict(zip(_positions(invoice, lines), lines, strict=True))
    numbers, problems, chosen = numbers_of_lines(invoice.lines), [], []
    for at in sorted(named) or range(len(values)):
        line = named.get(at)
        left = values[at].gross - _so_far(credited, at)
        is_part = line is not None and line.amount is not None and line.amount.minor_units != values[at].gross
        if is_part or (at in credited and left):
            text = f"Line {numbers[at]} can be billed again as a whole only, of which nothing is credited yet."
            problems.append(Problem(Category.RULE_BROKEN, "rebill-of-part", text, line.place if line else ""))
        elif at not in credited:
            chosen.append(CreditedLine(at, values[at]))
    if problems:
        raise Refusal(problems)
    return chosen


async def _lowered(tx: Transaction, payable: Payable, amount: int) -> Shares:
    """Which shares of the invoice the credit lowers: the open one of the patient first, then those of payers."""
    await read_shares(tx, [payable])
    opened = {share.payer: share.amount_minor for share in payable.shares}
    paid: dict[str | None, int] = {}
    if amount > sum(opened.values()):
        for standing in await journal.standing_on(tx, [payable.invoice.id], ALLOCATED):
            for share, part in allocated_by(standing.entry).parts:
                paid[share.payer] = paid.get(share.payer, 0) + part
    payers = [payer.key for payer in payers_of(payable.invoice, recipient_of(payable.invoice))]
    order = list(dict.fromkeys([None, *payers, *opened]))
    owed = [OwedShare(payer, opened.get(payer, 0), paid.get(payer, 0)) for payer in order]
    lowered = lowered_shares(owed, amount)
    if lowered is None:
        there = Money(
            payable.invoice.settlement_currency or "", sum(share.open_minor + share.paid_minor for share in owed)
        )
        text = f"Only {there} of the invoice are open or paid; the rest of it is written off."
        raise rule_broken("credit-exceeds-invoice", text, "Invoice.totalGross")
    return lowered


def _note(
    context: Context,
    invoice: Invoice,
    lines: Sequence[CreditedLine],
    shares: Shares,
    *,
    currency: str,
    reason: str,
    rebill: bool,
    on: date,
) -> Invoice:
    document = credit_note_document(
        invoice, lines, shares, _payers(invoice), currency=currency, reason=reason, rebill=rebill, on=on
    )
    note: Invoice = mapper_for("Invoice").parse(document, id=new_id(), base_url=context.base_url)
    note.settled_minor, note.due_minor, note.settlement_currency = note.total_gross.minor_units, 0, currency
    return note


def _payers(invoice: Invoice) -> list[tuple[str, dict[str, Any]]]:
    """Each payer of the invoice once: its key, and the Reference by which the invoice names it."""
    document = mapper_for("Invoice").render_document(invoice)
    references = [
        next(part["valueReference"] for part in extension["extension"] if part["url"] == "payer")
        for extension in document.get("extension", [])
        if extension["url"] == PAYER_SHARE
    ] or [document.get("recipient", {})]
    keys = [payer.key for payer in payers_of(invoice, recipient_of(invoice))]
    return [
        (key, reference)
        for key, reference in dict(zip(keys, references, strict=False)).items()
        if stands_alone(reference)
    ]


async def _charges(tx: Transaction, invoice: Invoice, lines: Sequence[CreditedLine]) -> dict[str, ChargeItem]:
    """The charges of the lines that are billed again."""
    ids = [charge_id for line in lines if (charge_id := invoice.lines[line.position].charge_item_id)]
    found = await load(tx, "ChargeItem", ids)
    return {charge_id: charge for charge_id, charge in found.items() if isinstance(charge, ChargeItem)}
