"""Capture a charge: price it, find its account, and post it."""

from __future__ import annotations

from datetime import date
from typing import Any

from billing.change import Change
from billing.context import Context
from billing.named_accounts import identified_account, is_identified
from billing.record_change import record_creation
from billing.server_owned import check_status
from billing.status_rules import NEW
from ledger.capture import capture_entry, capture_of, service_date_of
from ledger.charge_item import ChargeItem
from ledger.errors import rule_broken
from mappers.residue import decode_residue
from storage import account_balances, account_lookups, journal
from storage.transaction import Transaction

CAPTURED = "billing.charge.captured.v1"
REVERSED = "billing.charge.reversed.v1"


async def capture_charge(tx: Transaction, context: Context, charge: ChargeItem, *, base_version: int = 0) -> Change:
    """What is billable and priced is posted; what has no price or no account yet is kept, and posts nothing."""
    await check_status(tx, charge, NEW, charge.status)
    if charge.status == "billable":
        refuse_price(charge)
        price(context, charge)
        await place(tx, charge)
        refuse_account(tx, charge)
    capture = capture_of(charge, service_date(tx, context, charge))
    change = record_creation(tx, charge, base_version=base_version, events=(CAPTURED,) if capture else ())
    if capture is not None:
        journal.append(tx, capture_entry(charge.id, capture))
    return change


def service_date(tx: Transaction, context: Context, charge: ChargeItem) -> date:
    return service_date_of(charge, context.tenant.timezone) or context.today(tx.now)


def refuse_price(charge: ChargeItem) -> None:
    """Refuse an override that says no price, or not why."""
    override = charge.price_override
    if override.minor_units is None and override.currency is None:
        return
    if override.minor_units is None:
        raise rule_broken("amount-required", "Say how much it costs.", "ChargeItem.priceOverride.value")
    if override.currency is None:
        raise rule_broken("currency-required", "Say the currency of the price.", "ChargeItem.priceOverride.currency")
    if override.minor_units < 0:
        raise rule_broken(
            "negative-amount",
            "A charge is not negative; credit the charge that was too high.",
            "ChargeItem.priceOverride.value",
        )
    if "overrideReason" not in decode_residue(charge.residue):
        raise rule_broken("override-reason-required", "Say why the price is overridden.", "ChargeItem.overrideReason")


def price(context: Context, charge: ChargeItem) -> None:
    """Give the charge its amount: the override, which is the total; else it is unpriced, or refused."""
    override = charge.price_override
    charge.amount_minor, charge.amount_currency = override.minor_units, override.currency
    charge.unpriced = override.minor_units is None
    if charge.unpriced and context.tenant.setting("unpriced_charge") == "refuse":
        raise rule_broken(
            "price-not-found",
            "No price list has a price for this charge; send priceOverride with overrideReason.",
            "ChargeItem.code",
        )


async def place(tx: Transaction, charge: ChargeItem) -> None:
    """Find the account of a charge that names none, or names one by its identifier; it is then in the resource."""
    named: list[dict[str, Any]] = decode_residue(charge.residue).get("account", [])
    if len(named) > 1:
        raise rule_broken("account-ambiguous", "A charge goes to one account; name one.", "ChargeItem.account")
    if charge.account_id is not None:
        return
    if named:
        charge.account_id = await identified_account(tx, named[0]) if is_identified(named[0]) else None
    elif charge.subject is not None and charge.amount_currency is not None:
        found = await account_lookups.active_accounts(tx, charge.subject, charge.amount_currency)
        if len(found) == 1:
            charge.account_id = found[0]
            await account_balances.lock(tx, found)


def refuse_account(tx: Transaction, charge: ChargeItem) -> None:
    """Refuse a charge that its account does not take."""
    if charge.account_id is None:
        return
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
    refuse_currency(tx, charge)


def refuse_currency(tx: Transaction, charge: ChargeItem) -> None:
    """Refuse a price that is not in the currency of the charge's account."""
    balance = tx.balances.get(charge.account_id or "")
    if balance is not None and charge.amount_currency not in (None, balance.currency):
        raise rule_broken(
            "currency-mismatch",
            f"Account/{balance.account_id} is in {balance.currency}; so is each charge on it.",
            "ChargeItem.priceOverride.currency",
        )
