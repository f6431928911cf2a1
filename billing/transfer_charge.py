"""Transfer a charge to another account: what is posted is reversed there and captured here, in one transaction."""

from __future__ import annotations

from dataclasses import replace

from billing.change import Change
from billing.change_charge import change_charge
from billing.context import Context
from billing.update_resource import locked
from ledger.charge_item import ChargeItem
from ledger.errors import conflict, not_found, rule_broken
from storage.transaction import Transaction


async def transfer_charge(
    tx: Transaction, context: Context, charge_item_id: str, *, to_account: str, reason: str
) -> tuple[Change, ChargeItem]:
    """(the charge as it is now, as it was). Only a billable one is transferred: a billed one is credited first."""
    naming = {"resourceType": "ChargeItem", "account": [{"reference": f"Account/{to_account}"}]}
    previous = await locked(tx, "ChargeItem", charge_item_id, naming=naming, context=context)
    if not isinstance(previous, ChargeItem):
        raise not_found("not-found", f"There is no ChargeItem/{charge_item_id}.")
    if previous.status == "billed":
        text = "The charge is on an issued invoice; cancel or credit the invoice first."
        raise conflict("charge-billed", text, "/charge")
    if previous.status != "billable":
        raise conflict("invalid-state", f"The charge is {previous.status}; only a billable one is moved.", "/charge")
    if to_account not in tx.balances:
        raise rule_broken("reference-not-found", f"Account/{to_account} does not exist.", "/to_account", "not-found")
    if previous.account_id == to_account:
        raise rule_broken("same-account", "The charge is on that account already.", "/to_account")
    moved = replace(previous, account_id=to_account)
    return await change_charge(tx, context, moved, previous, reason=reason), previous
