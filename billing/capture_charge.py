"""Capture a charge: price it, find its account, and post it."""

from __future__ import annotations

from datetime import date

from billing.change import Change
from billing.context import Context
from billing.record_change import record_creation
from ledger.capture import capture_entry, capture_of, service_date_of
from ledger.charge_item import ChargeItem
from ledger.errors import rule_broken
from mappers.r4.json_text import decode
from storage import account_balances, account_lookups, journal
from storage.transaction import Transaction

CAPTURED = "billing.charge.captured.v1"
REVERSED = "billing.charge.reversed.v1"


async def capture_charge(tx: Transaction, context: Context, charge: ChargeItem, *, base_version: int = 0) -> Change:
    """What is billable and priced is posted; what has no price or no account yet is kept, and posts nothing."""
    if charge.status == "billed":
        raise billed_by_client()
    if charge.status == "billable":
        price(context, charge)
        await place(tx, charge)
    capture = capture_of(charge, service_date(tx, context, charge))
    change = record_creation(tx, charge, base_version=base_version, events=(CAPTURED,) if capture else ())
    if capture is not None:
        journal.append(tx, capture_entry(charge.id, capture))
    return change


def billed_by_client() -> Exception:
    return rule_broken(
        "server-owned", "A charge is billed when its invoice is issued; send it as billable.", "ChargeItem.status"
    )


def service_date(tx: Transaction, context: Context, charge: ChargeItem) -> date:
    return service_date_of(charge, context.tenant.timezone) or context.today(tx.now)


def price(context: Context, charge: ChargeItem) -> None:
    """Give the charge its amount: the override, which is the total and needs a reason; else it is unpriced."""
    override = charge.price_override
    if override.minor_units is None:
        if context.tenant.setting("unpriced_charge") == "refuse":
            raise rule_broken(
                "price-not-found",
                "No price list has a price for this charge; send priceOverride with overrideReason.",
                "ChargeItem.code",
            )
        charge.amount_minor, charge.amount_currency, charge.unpriced = None, None, True
        return
    if override.currency is None:
        raise rule_broken("currency-required", "Say the currency of the price.", "ChargeItem.priceOverride.currency")
    if override.minor_units < 0:
        raise rule_broken(
            "negative-amount",
            "A charge is not negative; credit the charge that was too high.",
            "ChargeItem.priceOverride.value",
        )
    if "overrideReason" not in decode(charge.residue):
        raise rule_broken("override-reason-required", "Say why the price is overridden.", "ChargeItem.overrideReason")
    charge.amount_minor, charge.amount_currency, charge.unpriced = override.minor_units, override.currency, False


async def place(tx: Transaction, charge: ChargeItem) -> None:
    """Find the account of a billable charge that names none, and see that the account takes the charge."""
    residue = decode(charge.residue)
    if len(residue.get("account", ())) > 1:
        raise rule_broken("account-ambiguous", "A charge goes to one account; name one.", "ChargeItem.account")
    if charge.account_id is None:
        if "account" in residue or charge.subject is None or charge.amount_currency is None:
            return
        found = await account_lookups.active_accounts(tx, charge.subject, charge.amount_currency)
        if len(found) != 1:
            return
        charge.account_id = found[0]
        await account_balances.lock(tx, found)
    balance = tx.balances.get(charge.account_id)
    if balance is None:
        raise rule_broken(
            "reference-not-found",
            f"Account/{charge.account_id} does not exist; create it first.",
            "ChargeItem.account[0].reference",
            "not-found",
        )
    if balance.status != "active":
        raise rule_broken(
            "account-not-active",
            f"Account/{balance.account_id} is {balance.status}; charges go to an active account.",
            "ChargeItem.account[0]",
        )
    if charge.amount_currency not in (None, balance.currency):
        raise rule_broken(
            "currency-mismatch",
            f"Account/{balance.account_id} is in {balance.currency}; so is each charge on it.",
            "ChargeItem.priceOverride.currency",
        )
