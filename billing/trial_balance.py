"""The trial balance of a tenant: exact at once, whatever the projection of the control totals has caught up with."""

from __future__ import annotations

import asyncio
from datetime import date, datetime, timedelta

from billing.context import Context
from ledger.errors import Category, refuse, rule_broken
from ledger.trial_balance import LedgerAccountTotal
from storage import control_totals, journal_blocks
from storage.transaction import Reader

WAIT = timedelta(seconds=2)
_PAUSE_SECONDS = 0.02


async def trial_balance(
    reader: Reader,
    context: Context,
    *,
    on: date | None = None,
    recorded: datetime | None = None,
    facility: str | None = None,
) -> list[LedgerAccountTotal]:
    """What each ledger account was debited and credited, effective up to a day and as known at a moment.

    An answer for a moment never changes: it is waited for until nobody can record anything at it any more.
    """
    if recorded is not None:
        await _settled(reader, context, recorded)
    return await control_totals.totals(reader, context.tenant.id, effective=on, recorded=recorded, facility=facility)


async def _settled(reader: Reader, context: Context, recorded: datetime) -> None:
    horizon, now = await journal_blocks.horizon_and_now(reader, context.tenant.id)
    if recorded > now:
        raise rule_broken("recorded-in-future", "What will be known is not known yet.")
    asked_at = now
    while horizon < recorded and now - asked_at < WAIT:
        await asyncio.sleep(_PAUSE_SECONDS)
        horizon, now = await journal_blocks.horizon_and_now(reader, context.tenant.id)
    if horizon < recorded:
        text = "Changes of that moment are still under way; ask again."
        raise refuse(Category.UNAVAILABLE, "not-settled", text, "", "transient")
