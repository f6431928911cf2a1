"""Issue a draft invoice: number it, post it, freeze it, and mark its charges billed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta

from billing.allocation import BALANCED
from billing.auto_allocation import allocate_on_issue
from billing.change import Change
from billing.context import Context
from billing.invoice_lines import fill
from billing.invoice_numbers import add_number
from billing.locked_invoice import locked_invoice
from billing.payers import is_organization, recipient_of
from billing.places import extension_place
from billing.recognition import recognise
from billing.record_change import record_update
from billing.validate_codes import refuse_unknown_line_codes
from ledger.account import AccountBalance
from ledger.capture import facility_of, service_date_of
from ledger.charge_item import ChargeItem
from ledger.dates import date_of, whole_date_of
from ledger.errors import Category, Problem, Refusal, conflict, rule_broken
from ledger.invoice import Invoice
from ledger.invoice_completion import shown
from ledger.invoice_issue import issue_entry, settle, share_problems, shares_of
from ledger.invoice_problems import problems_of
from ledger.invoice_totals import InvoiceTotals, totals_of
from ledger.journal import FIRST_DAY
from ledger.posting_period import why_refused
from ledger.resource import DecimalMoney
from mappers.extensions import CREDIT_NOTE, INVOICE_DUE_DATE, INVOICE_NUMBER_SYSTEM, INVOICE_TYPE_SYSTEM, PAYER_SHARE
from storage import journal, number_series
from storage.transaction import Transaction

ISSUED = "billing.invoice.issued.v1"
_DUE_DATE = extension_place("Invoice", INVOICE_DUE_DATE)


async def issue_invoice(tx: Transaction, context: Context, invoice_id: str, *, on: date | None) -> Change:
    """Issue a draft that is stored. `on`: the date of issue, today where it is None."""
    invoice, previous = await locked_invoice(tx, invoice_id)
    if invoice.status != "draft":
        raise conflict(
            "invalid-state", f"The invoice is {invoice.status}; only a draft can be issued.", "Invoice.status"
        )
    charges = await fill(tx, context, invoice, on=on or context.today(tx.now), restates=True)
    events = await issue(tx, context, invoice, charges, on=on)
    change = record_update(tx, invoice, previous, events=events)
    record_charges(tx, charges, "billed")
    return await allocate_on_issue(tx, context, change)


def date_sent(context: Context, invoice: Invoice) -> date | None:
    """The date of issue of an invoice that is sent as issued; None where it names none."""
    return whole_date_of(invoice.date, context.tenant.timezone, "Invoice.date") if invoice.date else None


async def issue(
    tx: Transaction, context: Context, invoice: Invoice, charges: dict[str, ChargeItem], *, on: date | None
) -> tuple[str, ...]:
    """Turn a filled draft into a debt: the record is changed and the entry queued; the domain events that it means."""
    balance = tx.balances.get(invoice.account_id or "")
    if balance is None:
        raise rule_broken("account-required", "An invoice is issued on an account.", "Invoice.account", "required")
    today = context.today(tx.now)
    issued_on = on or today
    currency = balance.currency
    totals = totals_of(invoice, currency)
    _refuse(
        [
            *_date_problems(context, invoice, charges.values(), issued_on, today, tx.first_open_day),
            *_account_problems(invoice, balance, totals),
            *problems_of(invoice, charges, currency),
        ]
    )
    await refuse_unknown_line_codes(tx, context, invoice, issued_on)
    _refuse(_share_problems(invoice, totals.whole.gross, currency))
    facility = facility_of(invoice.issuer) or "main"
    _date(context, invoice, issued_on)
    invoice.total_net = _kept_or_shown(invoice.total_net, totals.whole.net, currency)
    invoice.total_gross = _kept_or_shown(invoice.total_gross, totals.whole.gross, currency)
    invoice.settlement_currency = currency
    settle(invoice, 0)
    shares = shares_of(invoice, totals.whole.gross, recipient_of(invoice))
    entry = issue_entry(
        invoice, totals, shares, account_id=balance.account_id, currency=currency, facility=facility, on=issued_on
    )
    if entry is not None:
        journal.append(tx, entry)
    await recognise(tx, charges, invoice.id, on=issued_on)
    # Last, because every other issue of this series waits for the number from here to the end.
    number = await number_series.take(tx, "invoice", facility, issued_on.year)
    system = f"{INVOICE_NUMBER_SYSTEM}{context.tenant.id}/{facility}"
    add_number(invoice, system, f"INV-{issued_on.year:04d}-{number:06d}")
    return (ISSUED, BALANCED) if invoice.status == "balanced" else (ISSUED,)


def record_charges(tx: Transaction, charges: dict[str, ChargeItem], status: str) -> None:
    """Write the charges of an invoice with a new status."""
    for charge in charges.values():
        record_update(tx, replace(charge, status=status), charge)


def _refuse(problems: list[Problem]) -> None:
    if problems:
        raise Refusal(problems)


def _kept_or_shown(stated: DecimalMoney, computed: int, currency: str) -> DecimalMoney:
    return stated if stated.minor_units is not None else shown(computed, currency)


def _date_problems(
    context: Context,
    invoice: Invoice,
    charges: Iterable[ChargeItem],
    issued_on: date,
    today: date,
    first_open: date,
) -> list[Problem]:
    problems = []
    if issued_on < first_open:
        # Its date is what its number, its taxes and its due date go by: it is not moved as the date of an entry is.
        problems.append(_broken("period-closed", why_refused(first_open), "Invoice.date"))
    if issued_on > today:
        text = f"Today is {today}; an invoice is not issued ahead."
        problems.append(_broken("date-in-future", text, "Invoice.date"))
    if issued_on < FIRST_DAY:
        problems.append(_broken("date-out-of-range", f"Nothing is issued before {FIRST_DAY}.", "Invoice.date"))
    for charge in charges:
        day = service_date_of(charge, context.tenant.timezone)
        if day is not None and day > issued_on:
            text = f"ChargeItem/{charge.id} is of {day}; issue the invoice on that day or later."
            problems.append(_broken("issued-before-charge", text, "Invoice.date"))
    if invoice.due_date is not None:
        try:
            whole_date_of(invoice.due_date, context.tenant.timezone, _DUE_DATE)
        except Refusal as refusal:
            problems += refusal.problems
    return problems


def _account_problems(invoice: Invoice, balance: AccountBalance, totals: InvoiceTotals) -> list[Problem]:
    problems = []
    if balance.status == "entered-in-error":
        text = f"Account/{balance.account_id} is entered in error; nothing is billed on it."
        problems.append(_broken("account-not-active", text, "Invoice.account"))
    elif totals.own_base and balance.status != "active":
        text = f"Account/{balance.account_id} is {balance.status}; lines without a ChargeItem are charges to it."
        problems.append(_broken("account-not-active", text, "Invoice.account"))
    if any((row.system, row.value) == (INVOICE_TYPE_SYSTEM, CREDIT_NOTE) for row in invoice.indexed("type")):
        text = "A credit note is made by crediting an invoice; issue an invoice of another type."
        problems.append(_broken("credit-note-by-credit", text, "Invoice.type"))
    return problems


def _share_problems(invoice: Invoice, gross: int, currency: str) -> list[Problem]:
    place = extension_place("Invoice", PAYER_SHARE)
    problems = share_problems(invoice, gross, currency, place)
    for at, share in enumerate(invoice.shares):
        if share.payer is not None and not is_organization({"reference": share.payer}):
            text = f"{share.payer} is not an Organization; what a patient owes needs no payer-share."
            problems.append(_broken("share-payer", text, f"{place}[{at}]"))
    return problems


def _broken(code: str, message: str, expression: str) -> Problem:
    return Problem(Category.RULE_BROKEN, code, message, expression)


def _date(context: Context, invoice: Invoice, issued_on: date) -> None:
    """Date the invoice, where its date does not say that day already, and say when it is due."""
    if invoice.date is None or len(invoice.date) < 10 or date_of(invoice.date, context.tenant.timezone) != issued_on:
        invoice.date = issued_on.isoformat()
    if invoice.due_date is None:
        terms = timedelta(days=int(context.tenant.setting("payment_terms_days")))
        invoice.due_date = (issued_on + terms).isoformat()
