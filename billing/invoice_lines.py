"""The lines of an invoice that is not issued: their charges, and what the server fills in."""

from __future__ import annotations

from billing.context import Context
from ledger.charge_item import ChargeItem
from ledger.errors import Category, Problem, Refusal, rule_broken
from ledger.invoice import Invoice
from ledger.invoice_totals import complete
from storage import account_balances, invoiced_charges
from storage.resource_rows import load
from storage.transaction import Transaction

Charges = dict[str, ChargeItem]


async def fill(tx: Transaction, context: Context, invoice: Invoice) -> Charges:
    """Load the charges, check that they belong together, and complete components and totals."""
    charge_ids = _charge_ids(invoice)
    charges = await _load(tx, charge_ids)
    if invoice.account_id is None and charges:
        accounts = {charge.account_id for charge in charges.values()}
        if len(accounts) == 1 and None not in accounts:
            invoice.account_id = str(accounts.pop())
            await account_balances.lock(tx, [invoice.account_id])
            # Read again: until the account was locked they could still change.
            charges = await _load(tx, charge_ids)
    _refuse_strangers(invoice, charges)
    holders = await invoiced_charges.holders(tx, charge_ids)
    taken = {charge_id: holder for charge_id, holder in holders.items() if holder != invoice.id}
    if taken:
        raise Refusal(
            Problem(
                Category.RULE_BROKEN,
                "charge-on-other-invoice",
                f"ChargeItem/{line.charge_item_id} is on Invoice/{taken[line.charge_item_id]}; cancel that one first.",
                f"Invoice.lineItem[{at}].chargeItem",
            )
            for at, line in enumerate(invoice.lines)
            if line.charge_item_id in taken
        )
    currency = currency_of(tx, context, invoice)
    complete(invoice, charges, currency)
    return charges


def currency_of(tx: Transaction, context: Context, invoice: Invoice) -> str:
    balance = tx.balances.get(invoice.account_id or "")
    return balance.currency if balance else context.tenant.currency


def _charge_ids(invoice: Invoice) -> list[str]:
    ids = [line.charge_item_id for line in invoice.lines if line.charge_item_id]
    for at, line in enumerate(invoice.lines):
        if line.charge_item_id and ids.count(line.charge_item_id) > 1:
            raise rule_broken(
                "charge-twice",
                f"ChargeItem/{line.charge_item_id} stands on two lines; a charge is billed once.",
                f"Invoice.lineItem[{at}].chargeItem",
            )
    return ids


async def _load(tx: Transaction, charge_ids: list[str]) -> Charges:
    found = await load(tx, "ChargeItem", charge_ids)
    return {charge_id: charge for charge_id, charge in found.items() if isinstance(charge, ChargeItem)}


def _refuse_strangers(invoice: Invoice, charges: Charges) -> None:
    """Invoice and lines share account and subject."""
    problems = []
    for at, line in enumerate(invoice.lines):
        charge = charges.get(line.charge_item_id or "")
        place = f"Invoice.lineItem[{at}].chargeItem"
        if charge is None:
            if line.charge_item_id:
                problems.append(("reference-not-found", f"ChargeItem/{line.charge_item_id} does not exist.", place))
            continue
        if invoice.account_id != charge.account_id:
            problems.append(("charge-other-account", f"ChargeItem/{charge.id} is not on the invoice's account.", place))
        if invoice.subject is not None and charge.subject is not None and invoice.subject != charge.subject:
            problems.append(("charge-other-subject", f"ChargeItem/{charge.id} is for {charge.subject}.", place))
    if problems:
        raise Refusal(Problem(Category.RULE_BROKEN, code, text, place) for code, text, place in problems)
