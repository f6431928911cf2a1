"""Change a charge. What is posted is never edited: it is reversed and posted anew, in the same transaction."""

from __future__ import annotations

from billing.capture_charge import CAPTURED, REVERSED, billed_by_client, place, price
from billing.change import Change
from billing.context import Context
from billing.record_change import record_update
from billing.server_owned import carry_over
from ledger import capture as rules
from ledger.charge_item import ChargeItem
from ledger.errors import conflict
from ledger.journal import reversal
from storage import journal
from storage.journal import StandingEntry
from storage.transaction import Transaction

_PRICED_BY = ("price_override", "quantity_value", "factor_override", "performing_organization", "occurrence_date_time")


async def change_charge(tx: Transaction, context: Context, charge: ChargeItem, previous: ChargeItem) -> Change:
    await carry_over(tx, charge, previous)
    _refuse_status(charge, previous)
    if charge.status == "billable":
        if _is_priced_anew(charge, previous):
            price(context, charge)
        await place(tx, charge)
    elif charge.status != "billed":
        charge.amount_minor, charge.amount_currency, charge.unpriced = None, None, False
    standing = await journal.standing(tx, "ChargeItem", [charge.id], rules.KIND)
    before = rules.captured_by(standing[0].entry) if standing else None
    day = rules.service_date_of(charge, context.tenant.timezone)
    after = rules.capture_of(charge, day or (before.service_date if before else context.today(tx.now)))
    if before == after:
        return record_update(tx, charge, previous)
    if previous.status == "billed":
        raise charge_billed(charge.id)
    change = record_update(tx, charge, previous, events=(CAPTURED if after else REVERSED,))
    if standing:
        reverse_capture(tx, standing[0])
    if after is not None:
        journal.append(tx, rules.capture_entry(charge.id, after))
    return change


def reverse_capture(tx: Transaction, standing: StandingEntry) -> None:
    """Take a capture back on the day for which it was booked."""
    journal.append(
        tx,
        reversal(standing.entry, standing.entry_id, effective_at=standing.entry.effective_at, kind=rules.REVERSED),
    )


def charge_billed(charge_item_id: str) -> Exception:
    return conflict(
        "charge-billed",
        f"ChargeItem/{charge_item_id} is on an issued invoice; cancel or credit the invoice instead.",
        "ChargeItem.status",
    )


def _refuse_status(charge: ChargeItem, previous: ChargeItem) -> None:
    if previous.status == charge.status:
        if charge.status == "billed" and _is_priced_anew(charge, previous):
            raise charge_billed(charge.id)
        return
    if previous.status == "entered-in-error":
        raise conflict("invalid-state", "entered-in-error is final; record another charge.", "ChargeItem.status")
    if previous.status == "billed":
        raise charge_billed(charge.id)
    if charge.status == "billed":
        raise billed_by_client()


def _is_priced_anew(charge: ChargeItem, previous: ChargeItem) -> bool:
    """Whether anything changed that the price depends on."""
    if previous.status not in rules.POSTED_STATUSES:
        return True
    return charge.indexed("code") != previous.indexed("code") or any(
        getattr(charge, name) != getattr(previous, name) for name in _PRICED_BY
    )
