"""In which drawer cash lies, and which session answers for what comes into it and goes out."""

from __future__ import annotations

from billing.context import Context
from ledger.cash_session import CashSession
from ledger.chart import LedgerAccount
from ledger.errors import rule_broken
from storage import cash_sessions
from storage.transaction import Transaction

MAIN = "main"
SETTING = "cash_sessions"
SETTING_VALUES = ("off", "optional", "required")


async def drawer_for(
    tx: Transaction, context: Context, asset: LedgerAccount, currency: str, named: str | None = None, place: str = ""
) -> str | None:
    """The drawer of cash that is about to move: the named one, else that of the actor's open session, else main.

    None where the money is no cash. From here on the session of the drawer stays open until the end of the transaction,
    and `storage.journal` counts what moves to it. Refused where the tenant requires a session and none is open.
    """
    if asset is not LedgerAccount.CASH:
        return None
    uses = context.tenant.setting(SETTING)
    if uses == "off":
        return named or MAIN
    session = await _session(tx, currency, named)
    if session is None:
        if uses == "required":
            text = "Cash is taken in an open session: open one of the drawer, or name a drawer that has one."
            raise rule_broken("cash-session-required", text, place)
        return named or MAIN
    tx.cash_sessions[session.drawer, currency] = session.id
    return session.drawer


async def _session(tx: Transaction, currency: str, named: str | None) -> CashSession | None:
    if named is not None:
        return await cash_sessions.open_of_drawer(tx, named, currency)
    own = await cash_sessions.open_of_actor(tx, currency)
    return own[0] if len(own) == 1 else await cash_sessions.open_of_drawer(tx, MAIN, currency)
