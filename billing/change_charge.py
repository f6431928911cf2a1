"""Change a charge. What is posted is never edited: it is reversed and posted anew, in the same transaction."""

from __future__ import annotations

from billing.capture_charge import CAPTURED, REVERSED, place, price, refuse_account, refuse_currency, refuse_price
from billing.change import Change
from billing.context import Context
from billing.record_change import record_update
from billing.server_owned import carry_over, check_status
from billing.status_rules import StatusRule
from ledger import capture as rules
from ledger.charge_item import ChargeItem
from ledger.journal import reversal
from mappers.residue import decode_residue
from storage import journal
from storage.journal import StandingEntry
from storage.transaction import Transaction

_PRICED_BY = (
    "quantity_value",
    "factor_override",
    "performing_organization",
    "occurrence_date_time",
    "occurrence_period_start",
    "occurrence_period_end",
)


async def change_charge(tx: Transaction, context: Context, charge: ChargeItem, previous: ChargeItem) -> Change:
    await carry_over(tx, charge, previous)
    rule = await check_status(tx, charge, previous.status, charge.status)
    _keep_account(charge, previous)
    if charge.status == "billable":
        refuse_price(charge)
        if _is_priced_anew(charge, previous):
            price(context, charge)
        await place(tx, charge)
    elif charge.status != "billed":
        charge.amount_minor, charge.amount_currency, charge.unpriced = None, None, False
    standing = await journal.standing(tx, "ChargeItem", [charge.id], rules.KIND)
    before = rules.captured_by(standing[0].entry) if standing else None
    day = rules.service_date_of(charge, context.tenant.timezone)
    after = rules.capture_of(charge, day or (before.service_date if before else context.today(tx.now)))
    if previous.status == "billed":
        _refuse_change_of_billed(rule, charge, previous, is_booked_otherwise=before != after)
    is_as_booked = before == after and charge.account_id == previous.account_id
    if charge.status == "billable":
        # An account that was closed meanwhile keeps the charges that it has, and takes no others.
        if is_as_booked and previous.status == "billable":
            refuse_currency(tx, charge)
        else:
            refuse_account(tx, charge)
    if is_as_booked:
        return record_update(tx, charge, previous)
    return _book(tx, charge, previous, standing, after)


def _book(
    tx: Transaction,
    charge: ChargeItem,
    previous: ChargeItem,
    standing: list[StandingEntry],
    after: rules.Capture | None,
) -> Change:
    """Write the charge, take back what stands in the journal, and post what is so now."""
    events = (CAPTURED,) if after is not None else (REVERSED,) if standing else ()
    change = record_update(tx, charge, previous, events=events)
    for entry_id, entry in standing:
        # On the day for which it was booked: as of any day the journal says what the charge was worth.
        journal.append(tx, reversal(entry, entry_id, effective_at=entry.effective_at, kind=rules.REVERSED))
    if after is not None:
        journal.append(tx, rules.capture_entry(charge.id, after))
    return change


def _keep_account(charge: ChargeItem, previous: ChargeItem) -> None:
    """A charge stays on its account when a client leaves the account out, as it may have done when it was created."""
    is_named = charge.account_id is not None or "account" in decode_residue(charge.residue)
    if not is_named and charge.subject == previous.subject:
        charge.account_id = previous.account_id


def _refuse_change_of_billed(
    rule: StatusRule, charge: ChargeItem, previous: ChargeItem, *, is_booked_otherwise: bool
) -> None:
    assert rule.refusal is not None
    if is_booked_otherwise or charge.subject != previous.subject or _is_priced_anew(charge, previous):
        raise rule.refusal.at("ChargeItem")


def _is_priced_anew(charge: ChargeItem, previous: ChargeItem) -> bool:
    """Whether anything changed that the price depends on; how many zeros an amount is written with does not."""
    return (
        previous.status not in rules.POSTED_STATUSES
        or charge.price_override[:2] != previous.price_override[:2]
        or charge.indexed("code") != previous.indexed("code")
        or any(getattr(charge, name) != getattr(previous, name) for name in _PRICED_BY)
    )
