"""Close a drawer: what was counted is held against what should be there, and the difference is booked."""

from __future__ import annotations

from billing.context import Context
from ledger.cash_session import CashSession, over_short_entry
from ledger.errors import conflict, not_found, rule_broken
from ledger.money import Money
from storage import cash_sessions, journal, posting_periods
from storage.transaction import Transaction


async def close_cash_session(tx: Transaction, context: Context, session_id: str, *, declared: Money) -> CashSession:
    """`declared`: what was counted in the drawer. It waits for whoever takes cash in the session at the moment."""
    posting_periods.hold(tx)
    await tx.read_clock()
    session = await cash_sessions.lock(tx, session_id)
    if session is None:
        raise not_found("not-found", f"There is no cash session {session_id}.")
    if not session.is_open:
        raise conflict("invalid-state", "The session is closed already.")
    if declared.currency != session.currency:
        text = f"The session counts {session.currency}."
        raise rule_broken("currency-mismatch", text, "/declared/currency")
    session.declared_minor = declared.minor_units
    session.expected_minor = session.float_minor + await cash_sessions.moved(tx, session_id)
    session.closed_by, session.closed_at = context.actor, tx.next_instant()
    entry = over_short_entry(session, context.today(tx.now))
    if entry is not None:
        journal.append(tx, entry)
    cash_sessions.close(tx, session)
    return session
