"""Price the charges that wait for a price, and place those that wait for an account, now that there may be one.

In batches: what a batch needs is read first, without a lock; only those for which there is something now are changed,
each in a transaction of its own that locks its account and then its row, as an update does. So it may be interrupted
and begun again, and it may run beside everything else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import cast

from billing.capture_charge import find_account
from billing.change_charge import change_charge
from billing.context import Context
from billing.price_charge import ask_prices, list_price
from billing.update_resource import locked
from ledger.capture import service_date_of
from ledger.charge_item import ChargeItem
from ledger.errors import Refusal
from storage import charge_worklists
from storage.resource_rows import load
from storage.transaction import Database, Transaction

BATCH = 200

Advance = Callable[[int], None]


@dataclass(slots=True)
class Settled:
    """How many waiting charges were looked at, and settled. `after` is the last one seen, None when all were."""

    looked_at: int = 0
    settled: int = 0
    after: str | None = None


async def settle_unpriced_charges(
    database: Database, context: Context, *, after: str = "", limit: int | None = None, advance: Advance | None = None
) -> Settled:
    """Price the charges that now have a price, at most `limit` looked at, going on after a charge."""
    return await _settle(database, context, charge_worklists.unpriced, _priceable, after, limit, advance)


async def settle_charges_without_account(
    database: Database, context: Context, *, after: str = "", limit: int | None = None, advance: Advance | None = None
) -> Settled:
    """Place the charges for which there is now one account, and capture them."""
    return await _settle(database, context, charge_worklists.without_account, _placeable, after, limit, advance)


_List = Callable[..., Awaitable[list[str]]]
_Ready = Callable[[Transaction, Context, dict[str, ChargeItem]], Awaitable[list[str]]]


async def _settle(
    database: Database,
    context: Context,
    listed: _List,
    ready: _Ready,
    after: str,
    limit: int | None,
    advance: Advance | None,
) -> Settled:
    tenant_id, done = context.tenant.id, Settled(after=after)
    while limit is None or done.looked_at < limit:
        count = BATCH if limit is None else min(BATCH, limit - done.looked_at)
        ids = await listed(database, tenant_id, after=done.after or "", count=count)
        async with database.transaction(tenant_id, context.actor) as tx:
            await tx.read_clock()
            charges = cast(dict[str, ChargeItem], await load(tx, "ChargeItem", ids))
            chosen = await ready(tx, context, charges)
        for charge_id in chosen:
            done.settled += await _settle_one(database, context, charge_id)
        done.looked_at += len(ids)
        if advance is not None:
            advance(len(ids))
        if len(ids) < count:
            done.after = None
            break
        done.after = ids[-1]
    return done


async def _priceable(tx: Transaction, context: Context, charges: dict[str, ChargeItem]) -> list[str]:
    """Those for which there is a price now, found by one question for all."""
    ask_prices(tx, context, charges.values())
    chosen = []
    for charge in charges.values():
        day = service_date_of(charge, context.tenant.timezone) or context.today(tx.now)
        try:
            if await list_price(tx, context, charge, day, settles=False) is not None:
                chosen.append(charge.id)
        except Refusal:
            continue  # it stays on the worklist, for its quantity or its code has to be mended
    return chosen


async def _placeable(tx: Transaction, context: Context, charges: dict[str, ChargeItem]) -> list[str]:  # noqa: ARG001
    return [charge.id for charge in charges.values() if await find_account(tx, charge) is not None]


async def _settle_one(database: Database, context: Context, charge_id: str) -> bool:
    """Price and place one charge as an update that changes nothing else does; False where it cannot be after all."""

    async def command(tx: Transaction) -> bool:
        current = await locked(tx, "ChargeItem", charge_id, naming=None, context=context)
        if not isinstance(current, ChargeItem) or current.status != "billable":
            return False
        change = await change_charge(tx, context, replace(current), current)
        return change.outcome == "updated"

    try:
        return await database.run(context.tenant.id, context.actor, command)
    except Refusal:
        # Its account is closed, or in another currency: somebody has to look at it, and it is still listed.
        return False
