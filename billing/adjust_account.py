"""Adjust what is owed on an account: at once at or below the limit, else when somebody else has approved it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from billing.allocation import Payable, payables
from billing.apply_adjustment import AppliedAdjustment, apply_adjustment, open_parts
from billing.approvals import Terms, refuse_reason, terms_of, window_of
from billing.context import Context
from billing.places import parameter_place
from ledger.account import AccountBalance
from ledger.adjustment import TYPES, Adjustment
from ledger.errors import conflict, invalid, not_found, rule_broken
from ledger.money import Money
from storage import account_balances, account_lookups, adjustments
from storage.resource_ids import new_id
from storage.transaction import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class AdjustmentRequest:
    """Without an invoice it goes to the account's invoices, the oldest due first."""

    account_id: str
    type: str
    amount: Money
    reason: str
    invoice_id: str | None = None


async def adjust_account(tx: Transaction, context: Context, request: AdjustmentRequest) -> AppliedAdjustment:
    """Refused where less is owed than is to be adjusted. One that waits for approval reserves nothing."""
    balance = await locked_account(tx, request.account_id)
    refuse_amount(request.amount, balance.currency)
    if request.type not in TYPES:
        text = f"A type of adjustment is one of {', '.join(TYPES)}."
        raise invalid("unknown-code", text, parameter_place("type"))
    refuse_reason(context, request.reason)
    found = await adjustable(tx, request.account_id, request.invoice_id)
    open_parts(request.type, found, request.amount)
    amount, currency = request.amount.minor_units, balance.currency
    requested_at = tx.next_instant()
    before = await adjustments.counted(tx, request.account_id, context.actor, requested_at - window_of(context))
    made = _adjustment(context, request, requested_at, terms_of(context, "adjustment", currency, amount, before))
    adjustments.insert(tx, made)
    if made.approvals_needed:
        return AppliedAdjustment(made, [], [], ())
    return await apply_adjustment(tx, context, made, [], found)


async def locked_account(tx: Transaction, account_id: str) -> AccountBalance:
    balance = (await account_balances.lock(tx, [account_id])).get(account_id)
    if balance is None:
        raise not_found("not-found", f"There is no Account/{account_id}.")
    if balance.status == "entered-in-error":
        raise conflict("invalid-state", "The account is entered in error.", "Account.status")
    return balance


def refuse_amount(amount: Money, currency: str) -> None:
    if amount.currency != currency:
        raise rule_broken("currency-mismatch", f"The account is in {currency}.", parameter_place("amount"))
    if amount.minor_units <= 0:
        raise rule_broken("amount-not-positive", "An adjustment is of more than nothing.", parameter_place("amount"))


async def adjustable(tx: Transaction, account_id: str, invoice_id: str | None) -> Sequence[Payable]:
    """The invoices that an adjustment of a locked account goes to, in order."""
    place = parameter_place("invoice")
    if invoice_id is None:
        wanted = await account_lookups.open_invoices(tx, account_id)
        found = await payables(tx, wanted)
        return [found[each] for each in wanted if found[each].invoice.status == "issued"]
    payable = (await payables(tx, [invoice_id])).get(invoice_id)
    if payable is None:
        raise rule_broken("reference-not-found", f"There is no Invoice/{invoice_id}.", place, "not-found")
    if payable.invoice.account_id != account_id:
        raise rule_broken("invoice-other-account", f"Invoice/{invoice_id} is on another account.", place)
    if payable.invoice.status != "issued":
        text = f"Invoice/{invoice_id} is {payable.invoice.status}; nothing is due on it."
        raise rule_broken("invoice-not-issued", text, place)
    return [payable]


def _adjustment(context: Context, request: AdjustmentRequest, requested_at: datetime, terms: Terms) -> Adjustment:
    return Adjustment(
        id=new_id(),
        currency=request.amount.currency,
        amount_minor=request.amount.minor_units,
        reason=request.reason,
        requested_by=context.actor,
        requested_at=requested_at,
        approvals_needed=terms.approvals_needed,
        counted_minor=terms.counted_minor,
        limits=terms.limits,
        window_days=terms.window_days,
        type=request.type,
        account_id=request.account_id,
        invoice_id=request.invoice_id,
    )
