"""Change a charge. What is posted is never edited: it is reversed and posted anew, in the same transaction."""

from __future__ import annotations

from billing.capture_charge import (
    CAPTURED,
    REVERSED,
    place,
    price,
    record_pricing,
    reductions_of,
    refuse_account,
    refuse_currency,
    refuse_price,
    take_named_account,
)
from billing.change import Change
from billing.context import Context
from billing.price_charge import asks_otherwise
from billing.record_change import record_update
from billing.server_owned import carry_over, check_status
from billing.status_rules import StatusRule
from billing.validate_codes import refuse_unknown_codes
from ledger import capture as rules
from ledger.charge_item import ChargeItem
from ledger.journal import reversal
from mappers.charge_item import CHARGE_ITEM
from storage import journal, prices
from storage.journal import StandingEntry
from storage.transaction import Transaction

_PRICED_BY = (
    "quantity_value",
    "quantity_code",
    "factor_override",
    "performing_organization",
    "occurrence_date_time",
    "occurrence_period_start",
    "occurrence_period_end",
)


async def change_charge(
    tx: Transaction, context: Context, charge: ChargeItem, previous: ChargeItem, *, reason: str | None = None
) -> Change:
    """`reason`: why what was posted is taken back, where somebody said so."""
    await carry_over(tx, charge, previous)
    rule = await check_status(tx, charge, previous.status, charge.status)
    _keep_account(charge, previous)
    standing = await journal.standing(tx, "ChargeItem", [charge.id], rules.KIND)
    before = rules.captured_by(standing[0].entry) if standing else None
    day = rules.service_date_of(charge, context.tenant.timezone)
    day = day or (before.service_date if before else context.today(tx.now))
    pricing = None
    is_priced_anew = charge.status == "billable" and is_priced_otherwise(charge, previous)
    if charge.status == "billable":
        refuse_price(charge)
        if is_coded_otherwise(charge, previous):
            await refuse_unknown_codes(tx, context, charge, day)
        await take_named_account(tx, charge)
        if is_priced_anew or previous.unpriced or _is_in_other_currency(tx, charge):
            pricing = await price(tx, context, charge, day, was_unpriced=previous.unpriced and not is_priced_anew)
            is_priced_anew = True
        await place(tx, charge)
    elif charge.status != "billed":
        charge.amount_minor, charge.amount_currency, charge.unpriced = None, None, False
    reductions = reductions_of(pricing) if is_priced_anew else await _standing_reductions(tx, charge)
    after = rules.capture_of(charge, day, reductions)
    if previous.status == "billed":
        _refuse_change_of_billed(rule, charge, previous, is_booked_otherwise=before != after)
    is_as_booked = before == after and charge.account_id == previous.account_id
    if charge.status == "billable":
        # An account that was closed meanwhile keeps the charges that it has, and takes no others.
        if is_as_booked and previous.status == "billable":
            refuse_currency(tx, charge)
        else:
            refuse_account(tx, charge)
    change = (
        record_update(tx, charge, previous) if is_as_booked else _book(tx, charge, previous, standing, after, reason)
    )
    if change.outcome == "updated":
        record_pricing(tx, charge, pricing)
    return change


async def _standing_reductions(tx: Transaction, charge: ChargeItem) -> rules.Reductions:
    """What a price list took off the price that the charge has and keeps."""
    if charge.amount_minor is None or charge.price_override.minor_units is not None:
        return rules.NO_REDUCTIONS
    return rules.Reductions(*await prices.latest_reductions(tx, charge.id))


def _is_in_other_currency(tx: Transaction, charge: ChargeItem) -> bool:
    """Whether a list's price is not in the currency of the account: it was moved to another."""
    balance = tx.balances.get(charge.account_id or "")
    has_list_price = charge.price_override.minor_units is None and charge.amount_currency is not None
    return has_list_price and balance is not None and balance.currency != charge.amount_currency


def _book(
    tx: Transaction,
    charge: ChargeItem,
    previous: ChargeItem,
    standing: list[StandingEntry],
    after: rules.Capture | None,
    reason: str | None,
) -> Change:
    """Write the charge, take back what stands in the journal, and post what is so now."""
    events = (CAPTURED,) if after is not None else (REVERSED,) if standing else ()
    change = record_update(tx, charge, previous, events=events)
    for entry_id, entry in standing:
        # On the day for which it was booked: as of any day the journal says what the charge was worth.
        undone = reversal(entry, entry_id, effective_at=entry.effective_at, kind=rules.REVERSED, reason=reason)
        journal.append(tx, undone)
    if after is not None:
        journal.append(tx, rules.capture_entry(charge.id, after, tx.recognition_point(after.service_date)))
    return change


def _keep_account(charge: ChargeItem, previous: ChargeItem) -> None:
    """A charge stays on its account when a client leaves the account out, as it may have done when it was created."""
    is_named = charge.account_id is not None or CHARGE_ITEM.without_columns(charge, "account") is not None
    if not is_named and charge.subject == previous.subject:
        charge.account_id = previous.account_id


def _refuse_change_of_billed(
    rule: StatusRule, charge: ChargeItem, previous: ChargeItem, *, is_booked_otherwise: bool
) -> None:
    assert rule.refusal is not None
    if is_booked_otherwise or charge.subject != previous.subject or is_priced_otherwise(charge, previous):
        raise rule.refusal.at("ChargeItem")


def is_coded_otherwise(charge: ChargeItem, previous: ChargeItem) -> bool:
    """Whether it is for something else, or was not charged before: what was accepted is not looked at again."""
    return previous.status not in rules.POSTED_STATUSES or charge.indexed("code") != previous.indexed("code")


def is_priced_otherwise(charge: ChargeItem, previous: ChargeItem) -> bool:
    """Whether anything changed that the price depends on; how many zeros an amount is written with does not."""
    return (
        previous.status not in rules.POSTED_STATUSES
        or charge.price_override[:2] != previous.price_override[:2]
        or charge.indexed("code") != previous.indexed("code")
        or any(getattr(charge, name) != getattr(previous, name) for name in _PRICED_BY)
        or asks_otherwise(charge, previous)
    )
