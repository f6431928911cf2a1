"""The lines of an invoice that is not issued: their charges, and what the server fills in."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from datetime import date

from billing.context import Context
from billing.named_accounts import identified_account, is_identified
from ledger.capture import facility_of
from ledger.charge_item import ChargeItem
from ledger.dates import date_of
from ledger.errors import Category, Problem, Refusal
from ledger.invoice import Invoice
from ledger.invoice_completion import complete
from ledger.invoice_tax import put_on_taxes, take_off_taxes
from ledger.invoice_totals import totals_of
from ledger.resource import NO_MONEY
from ledger.tax_rule import TaxRule, rules_for
from mappers.invoice import INVOICE
from storage import account_balances, invoiced_charges, tax_rules
from storage.resource_rows import load
from storage.transaction import Transaction

Charges = dict[str, ChargeItem]

DAY_CHARACTERS = len("2026-01-31")


async def fill(
    tx: Transaction, context: Context, invoice: Invoice, *, on: date | None = None, restates: bool = False
) -> Charges:
    """Load the charges, check that they belong together, and complete taxes, components and totals.

    `on`: the day of issue, where it is known. With `restates` a total that was what the components came to follows the
    taxes where these are others by now; else what was said stays, and is held against them at issue.
    """
    charge_ids = [line.charge_item_id for line in invoice.lines if line.charge_item_id]
    charges = await _load(tx, charge_ids)
    if invoice.account_id is None:
        invoice.account_id = await _account(tx, invoice, charges)
        if invoice.account_id is not None and charges:
            # Read again: until the account was locked they could still change.
            charges = await _load(tx, charge_ids)
    holders, rules, categories = await _holders_and_taxes(tx, context, charges)
    currency = currency_of(tx, context, invoice)
    problems = [
        *_repetitions(invoice),
        *_strangers(invoice, charges, currency),
        *_taken(invoice, {charge_id: holder for charge_id, holder in holders.items() if holder != invoice.id}),
    ]
    if problems:
        raise Refusal(problems)
    said, came_to = invoice.total_gross, totals_of(invoice, currency).whole.gross
    take_off_taxes(invoice)
    day, facility = on or _tax_day(tx, context, invoice), facility_of(invoice.issuer)
    put_on_taxes(
        invoice,
        [_category_of(context, charges.get(line.charge_item_id or ""), categories) for line in invoice.lines],
        lambda category: rules_for(rules, category, on=day, facility=facility),
    )
    if restates and said[:2] == (came_to, currency):
        invoice.total_gross = NO_MONEY
    complete(invoice, charges, currency)
    if invoice.total_gross[:2] == said[:2]:
        invoice.total_gross = said
    return charges


async def _holders_and_taxes(
    tx: Transaction, context: Context, charges: Charges
) -> tuple[dict[str, str], list[TaxRule], dict[str, str]]:
    """Who holds the charges, the tax rules that the tenant goes by, and the tax categories that price lists gave."""
    listed = [charge_id for charge_id, charge in charges.items() if charge.price_override.minor_units is None]
    holders, rules, categories = await tx.fetch_all(
        [
            invoiced_charges.holders_query(tx.tenant_id, list(charges)),
            tax_rules.query(tx.tenant_id, context.tenant.country),
            tax_rules.categories_query(tx.tenant_id, listed),
        ]
    )
    return dict(holders), tax_rules.rules_of(rules), dict(categories)


def _category_of(context: Context, charge: ChargeItem | None, categories: dict[str, str]) -> str | None:
    """The tax category of a line: that of its charge's price in a list, else the tenant's."""
    category = None if charge is None else categories.get(charge.id)
    return category or context.tenant.setting("tax_category") or None


def _tax_day(tx: Transaction, context: Context, invoice: Invoice) -> date:
    """The day by which a draft is taxed: its date, as far as that says a day, else today."""
    if invoice.date is not None and len(invoice.date) >= DAY_CHARACTERS:
        with suppress(Refusal):
            return date_of(invoice.date, context.tenant.timezone)
    return context.today(tx.now)


def currency_of(tx: Transaction, context: Context, invoice: Invoice) -> str:
    balance = tx.balances.get(invoice.account_id or "")
    return balance.currency if balance else context.tenant.currency


async def _account(tx: Transaction, invoice: Invoice, charges: Charges) -> str | None:
    """The account that the invoice names by its identifier, else the one that all of its charges are on; locked."""
    named = INVOICE.without_columns(invoice, "account") or {}
    if is_identified(named):
        return await identified_account(tx, named)
    accounts = {charge.account_id for charge in charges.values()}
    if len(accounts) != 1 or None in accounts:
        return None
    account_id = str(accounts.pop())
    await account_balances.lock(tx, [account_id])
    return account_id


async def _load(tx: Transaction, charge_ids: list[str]) -> Charges:
    found = await load(tx, "ChargeItem", charge_ids)
    return {charge_id: charge for charge_id, charge in found.items() if isinstance(charge, ChargeItem)}


def _repetitions(invoice: Invoice) -> list[Problem]:
    count = Counter(line.charge_item_id for line in invoice.lines)
    return [
        _problem("charge-twice", f"ChargeItem/{line.charge_item_id} is on {count[line.charge_item_id]} lines.", at)
        for at, line in enumerate(invoice.lines)
        if line.charge_item_id is not None and count[line.charge_item_id] > 1
    ]


def _strangers(invoice: Invoice, charges: Charges, currency: str) -> list[Problem]:
    """Invoice and lines share account, subject and currency."""
    problems = []
    subject = invoice.subject or next((charge.subject for charge in charges.values() if charge.subject), None)
    for at, line in enumerate(invoice.lines):
        charge = charges.get(line.charge_item_id or "")
        if charge is None:
            if line.charge_item_id:
                text = f"ChargeItem/{line.charge_item_id} does not exist."
                problems.append(_problem("reference-not-found", text, at))
            continue
        if invoice.account_id != charge.account_id:
            text = f"ChargeItem/{charge.id} is not on the account of the invoice."
            problems.append(_problem("charge-other-account", text, at))
        if charge.subject not in (None, subject):
            text = f"ChargeItem/{charge.id} is for {charge.subject}, the invoice for {subject}."
            problems.append(_problem("charge-other-subject", text, at))
        if charge.amount_currency not in (None, currency):
            text = f"ChargeItem/{charge.id} is in {charge.amount_currency}, the invoice in {currency}."
            problems.append(_problem("currency-mismatch", text, at))
    return problems


def _taken(invoice: Invoice, holders: dict[str, str]) -> list[Problem]:
    return [
        _problem(
            "charge-on-other-invoice",
            f"ChargeItem/{line.charge_item_id} is on Invoice/{holders[line.charge_item_id]}; cancel that one first.",
            at,
        )
        for at, line in enumerate(invoice.lines)
        if line.charge_item_id in holders
    ]


def _problem(code: str, message: str, line: int) -> Problem:
    return Problem(Category.RULE_BROKEN, code, message, f"Invoice.lineItem[{line}].chargeItem")
