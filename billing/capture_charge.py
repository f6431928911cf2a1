"""Capture a charge: price it, find its account, and post it."""

from __future__ import annotations

from datetime import date
from typing import Any

from billing.change import Change
from billing.context import Context
from billing.named_accounts import account_identified_by, identified_account, is_identified
from billing.price_charge import list_price, net_override
from billing.record_change import record_creation
from billing.server_owned import check_status
from billing.status_rules import NEW
from billing.validate_codes import refuse_unknown_codes
from ledger.capture import NO_REDUCTIONS, Reductions, capture_entry, capture_of, service_date_of
from ledger.charge_item import ChargeItem
from ledger.errors import rule_broken
from ledger.pricing import Pricing
from mappers.charge_item import CHARGE_ITEM
from mappers.residue import decode_residue
from storage import account_balances, account_lookups, journal, prices
from storage.transaction import Transaction

CAPTURED = "billing.charge.captured.v1"
REVERSED = "billing.charge.reversed.v1"


async def capture_charge(tx: Transaction, context: Context, charge: ChargeItem, *, base_version: int = 0) -> Change:
    """What is billable and priced is posted; what has no price or no account yet is kept, and posts nothing."""
    await check_status(tx, charge, NEW, charge.status)
    day, pricing = service_date(tx, context, charge), None
    if charge.status == "billable":
        refuse_price(charge)
        await refuse_unknown_codes(tx, context, charge, day)
        await take_named_account(tx, charge)
        pricing = await price(tx, context, charge, day)
        await place(tx, charge)
        refuse_account(tx, charge)
    capture = capture_of(charge, day, reductions_of(pricing))
    change = record_creation(tx, charge, base_version=base_version, events=(CAPTURED,) if capture else ())
    record_pricing(tx, charge, pricing)
    if capture is not None:
        journal.append(tx, capture_entry(charge.id, capture, tx.recognition_point(capture.service_date)))
    return change


def reductions_of(pricing: Pricing | None) -> Reductions:
    """What the price list took off."""
    return NO_REDUCTIONS if pricing is None else Reductions(pricing.discount.minor_units, pricing.exemption.minor_units)


def record_pricing(tx: Transaction, charge: ChargeItem, pricing: Pricing | None) -> None:
    """Keep for ever what the current version of a charge was priced at, where a list priced it."""
    if pricing is not None:
        assert charge.last_updated is not None
        prices.record(tx, charge.id, charge.version, pricing, charge.last_updated)


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


async def price(
    tx: Transaction, context: Context, charge: ChargeItem, day: date, *, was_unpriced: bool = False
) -> Pricing | None:
    """Give the charge its amount: the override, which is the total, else that of the price lists.

    Without either it is unpriced, or refused where the tenant wants that (not if it was kept unpriced before).
    """
    override = charge.price_override
    charge.amount_minor, charge.amount_currency = override.minor_units, override.currency
    charge.unpriced = False
    if override.minor_units is not None:
        charge.amount_minor = await net_override(tx, context, charge, day)
        return None
    pricing = await list_price(tx, context, charge, day)
    if pricing is not None:
        amount = pricing.amount
        charge.amount_minor, charge.amount_currency = amount.minor_units, amount.currency
    elif context.tenant.setting("unpriced_charge") == "refuse" and not was_unpriced:
        raise rule_broken(
            "price-not-found",
            "No price list has a price for this charge; send priceOverride with overrideReason.",
            "ChargeItem.code",
        )
    charge.unpriced = pricing is None
    return pricing


async def take_named_account(tx: Transaction, charge: ChargeItem) -> None:
    """Find the account that a charge names by its identifier; its currency is that of the price."""
    named = _named_accounts(charge)
    if len(named) > 1:
        raise rule_broken("account-ambiguous", "A charge goes to one account; name one.", "ChargeItem.account")
    if charge.account_id is None and named and is_identified(named[0]):
        charge.account_id = await identified_account(tx, named[0])


def _named_accounts(charge: ChargeItem) -> list[dict[str, Any]]:
    """What the charge says of accounts and no column owns."""
    named: list[dict[str, Any]] = CHARGE_ITEM.without_columns(charge, "account") or []
    return named


async def place(tx: Transaction, charge: ChargeItem) -> None:
    """Find the account of a charge that names none: the patient's only active one in its currency."""
    if charge.account_id is None and not _named_accounts(charge):
        found = await find_account(tx, charge)
        if found is not None:
            charge.account_id = found
            await account_balances.lock(tx, [found])


async def find_account(tx: Transaction, charge: ChargeItem) -> str | None:
    """The id of the one account that a charge is meant for; None where there is none, or more than one."""
    named = _named_accounts(charge)
    if named:
        return await account_identified_by(tx, named[0]) if is_identified(named[0]) else None
    if charge.subject is None or charge.amount_currency is None:
        return None
    found = await account_lookups.active_accounts(tx, charge.subject, charge.amount_currency)
    return found[0] if len(found) == 1 else None


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
