"""Issue a draft invoice: number it, post it, freeze it, and mark its charges billed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta

from billing.change import Change
from billing.context import Context
from billing.invoice_lines import fill
from billing.locked_invoice import locked_invoice
from billing.record_change import record_update
from ledger.capture import date_of, facility_of, service_date_of
from ledger.charge_item import ChargeItem
from ledger.errors import Category, Problem, Refusal, conflict, rule_broken
from ledger.invoice import Invoice
from ledger.invoice_issue import issue_entry, settle, share_problems
from ledger.invoice_totals import problems_of, shown, totals_of
from ledger.resource import DecimalMoney, IndexRow
from mappers import mapper_for
from mappers.extensions import INVOICE_NUMBER_SYSTEM
from storage import journal, number_series
from storage.transaction import Transaction

ISSUED = "billing.invoice.issued.v1"
BALANCED = "billing.invoice.balanced.v1"


async def issue_invoice(tx: Transaction, context: Context, invoice_id: str, *, on: date | None) -> Change:
    """Issue a draft that is stored. `on`: the date of issue, today where it is None."""
    invoice, previous = await locked_invoice(tx, invoice_id)
    if invoice.status != "draft":
        raise conflict(
            "invalid-state", f"The invoice is {invoice.status}; only a draft can be issued.", "Invoice.status"
        )
    charges = await fill(tx, context, invoice)
    events = await issue(tx, context, invoice, charges, on=on)
    change = record_update(tx, invoice, previous, events=events)
    record_charges(tx, charges, "billed")
    return change


async def issue(
    tx: Transaction, context: Context, invoice: Invoice, charges: dict[str, ChargeItem], *, on: date | None
) -> tuple[str, ...]:
    """Turn a filled draft into a debt: the record is changed and the entry queued; the domain events that it means."""
    today = context.today(tx.now)
    issued_on = on or today
    _refuse_dates(context, charges.values(), issued_on, today)
    account_id, currency = _account(tx, invoice)
    problems = problems_of(invoice, charges, currency)
    totals = totals_of(invoice, currency)
    problems = problems or share_problems(invoice, totals.whole.gross, currency)
    if problems:
        raise Refusal(problems)
    facility = facility_of(invoice.issuer) or "main"
    _date(context, invoice, issued_on)
    invoice.total_net = _kept_or_shown(invoice.total_net, totals.whole.net, currency)
    invoice.total_gross = _kept_or_shown(invoice.total_gross, totals.whole.gross, currency)
    invoice.settlement_currency = currency
    settle(invoice, 0)
    entry = issue_entry(invoice, totals, account_id=account_id, currency=currency, facility=facility, on=issued_on)
    if entry is not None:
        journal.append(tx, entry)
    # Last, because every other issue of this series waits for the number from here to the end.
    number = await number_series.take(tx, "invoice", facility, issued_on.year)
    _add_identifier(
        invoice,
        f"{INVOICE_NUMBER_SYSTEM}{context.tenant.id}/{facility}",
        f"INV-{issued_on.year:04d}-{number:06d}",
    )
    return (ISSUED, BALANCED) if invoice.status == "balanced" else (ISSUED,)


def record_charges(tx: Transaction, charges: dict[str, ChargeItem], status: str) -> None:
    """Write the charges of an invoice with a new status."""
    for charge in charges.values():
        record_update(tx, replace(charge, status=status), charge)


def _kept_or_shown(stated: DecimalMoney, computed: int, currency: str) -> DecimalMoney:
    return stated if stated.minor_units is not None else shown(computed, currency)


def _refuse_dates(context: Context, charges: Iterable[ChargeItem], issued_on: date, today: date) -> None:
    if issued_on > today:
        raise rule_broken("date-in-future", f"Today is {today}; an invoice is not issued ahead.", "Invoice.date")
    for charge in charges:
        day = service_date_of(charge, context.tenant.timezone)
        if day is not None and day > issued_on:
            raise rule_broken(
                "issued-before-charge",
                f"ChargeItem/{charge.id} is of {day}; issue the invoice on that day or later.",
                "Invoice.date",
            )


def _account(tx: Transaction, invoice: Invoice) -> tuple[str, str]:
    balance = tx.balances.get(invoice.account_id or "")
    if balance is None:
        raise Refusal(
            [
                Problem(
                    Category.RULE_BROKEN, "account-required", "An invoice is issued on an account.", "Invoice.account"
                )
            ]
        )
    return balance.account_id, balance.currency


def _date(context: Context, invoice: Invoice, issued_on: date) -> None:
    if invoice.date is None or date_of(invoice.date, context.tenant.timezone) != issued_on or len(invoice.date) < 10:
        invoice.date = issued_on.isoformat()
    if invoice.due_date is None:
        terms = timedelta(days=int(context.tenant.setting("payment_terms_days")))
        invoice.due_date = (issued_on + terms).isoformat()


def _add_identifier(invoice: Invoice, system: str, value: str) -> None:
    at = len(mapper_for("Invoice").render_document(invoice).get("identifier", ()))
    row = IndexRow("identifier", (at,), system, value)
    invoice.index = tuple(sorted((*invoice.index, row), key=lambda item: (item.parameter, item.position)))
