"""Price the charges that wait for a price, and place those that wait for an account, now that there may be one.

In bounded batches, each a transaction of its own: what may be settled now is found by a few questions without a lock;
then the accounts of all of these are locked, then their rows, and each is changed as by an update in which nothing
else changes. What is settled already, or cannot be, is left as it is. So a run may be interrupted and begun again, may
run beside everything else, and nothing is settled twice.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple, cast

from billing.capture_charge import find_account
from billing.change_charge import change_charge
from billing.context import Context
from billing.price_charge import ask_prices, list_price
from ledger.capture import service_date_of
from ledger.charge_item import ChargeItem
from ledger.errors import Refusal
from storage import account_balances, charge_worklists
from storage.resource_rows import load, lock_and_load
from storage.transaction import Database, Transaction

BATCH = 50
SWEEP_MAX = 1000
"""How many waiting charges are looked at when a list has come into force; somebody has to ask for the others."""


class Settled(NamedTuple):
    """How many waiting charges were looked at and settled. `after` is the last seen, None when there are no more."""

    looked_at: int
    settled: int
    after: str | None


async def settle_unpriced_charges(tx: Transaction, context: Context, *, after: str = "", count: int = BATCH) -> Settled:
    """Price the charges, and place and capture them, for which there is a price now."""
    await tx.read_clock()
    ids = await charge_worklists.unpriced(tx, tx.tenant_id, after=after, count=count)
    charges = await _loaded(tx, ids)
    ask_prices(tx, context, charges)
    chosen = [charge for charge in charges if await _is_priceable(tx, context, charge)]
    return await _settle(tx, context, ids, chosen, count)


async def settle_charges_without_account(
    tx: Transaction, context: Context, *, after: str = "", count: int = BATCH
) -> Settled:
    """Place the charges, and capture those that are priced, for which there is one account now."""
    await tx.read_clock()
    ids = await charge_worklists.without_account(tx, tx.tenant_id, after=after, count=count)
    chosen = []
    for charge in await _loaded(tx, ids):
        found = await find_account(tx, charge)
        if found is not None:
            chosen.append(replace(charge, account_id=found))
    return await _settle(tx, context, ids, chosen, count)


Settle = Callable[..., Awaitable[Settled]]


async def settle_all(
    database: Database,
    context: Context,
    settle: Settle,
    *,
    count_max: int | None = None,
    advance: Callable[[Settled], None] | None = None,
) -> Settled:
    """One batch after the other, each in a transaction of its own, until all were looked at, or so many."""
    done = Settled(0, 0, "")
    while done.after is not None and (count_max is None or done.looked_at < count_max):
        batch = await database.run(context.tenant.id, context.actor, partial(_batch, context, settle, done.after))
        done = Settled(done.looked_at + batch.looked_at, done.settled + batch.settled, batch.after)
        if advance is not None:
            advance(batch)
    return done


async def _batch(context: Context, settle: Settle, after: str, tx: Transaction) -> Settled:
    return await settle(tx, context, after=after)


async def _loaded(tx: Transaction, ids: Sequence[str]) -> list[ChargeItem]:
    charges = cast(dict[str, ChargeItem], await load(tx, "ChargeItem", ids))
    return [charges[id_] for id_ in ids if id_ in charges]


async def _is_priceable(tx: Transaction, context: Context, charge: ChargeItem) -> bool:
    """Whether there is a price. One whose quantity or code has to be mended stays on the worklist."""
    try:
        day = service_date_of(charge, context.tenant.timezone) or context.today(tx.now)
        return await list_price(tx, context, charge, day, settles=False) is not None
    except Refusal:
        return False


async def _settle(
    tx: Transaction, context: Context, ids: Sequence[str], chosen: Sequence[ChargeItem], count: int
) -> Settled:
    await account_balances.lock(tx, {charge.account_id for charge in chosen if charge.account_id})
    locked = cast(dict[str, ChargeItem], await lock_and_load(tx, "ChargeItem", [charge.id for charge in chosen]))
    settled = sum([await _settle_one(tx, context, charge) for charge in locked.values()])
    return Settled(len(ids), settled, ids[-1] if len(ids) == count else None)


async def _settle_one(tx: Transaction, context: Context, charge: ChargeItem) -> bool:
    """Change one charge as an update in which nothing else changes; False where nothing comes of it."""
    if charge.status != "billable":
        return False
    try:
        return (await change_charge(tx, context, replace(charge), charge)).outcome == "updated"
    except Refusal:
        # Nothing is written of it: its account is closed, say. Somebody has to look at it, and it is still listed.
        return False
