"""Open a drawer: from now on somebody answers for the cash in it."""

from __future__ import annotations

from billing.cash_drawer import SETTING
from billing.context import Context
from ledger.cash_session import CashSession
from ledger.errors import conflict, rule_broken
from ledger.money import Money
from storage import cash_sessions
from storage.resource_ids import new_id
from storage.transaction import Transaction


async def open_cash_session(tx: Transaction, context: Context, *, drawer: str, float_: Money) -> CashSession:
    """`float_`: what is in the drawer. Refused where a session of the drawer is open in that currency."""
    if context.tenant.setting(SETTING) == "off":
        text = "This tenant keeps no cash sessions; its setting cash_sessions is off."
        raise rule_broken("cash-sessions-off", text)
    await tx.read_clock()
    if await cash_sessions.open_of_drawer(tx, drawer, float_.currency) is not None:
        raise conflict("cash-session-open", f"A session of the drawer {drawer} is open; close it first.", "/drawer")
    session = CashSession(
        id=new_id(),
        drawer=drawer,
        currency=float_.currency,
        float_minor=float_.minor_units,
        opened_by=context.actor,
        opened_at=tx.next_instant(),
    )
    cash_sessions.insert(tx, session)
    return session
