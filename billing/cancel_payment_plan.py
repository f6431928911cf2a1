"""Cancel a payment plan: what is owed is due on the due dates of the invoices again. It posts nothing."""

from __future__ import annotations

from dataclasses import replace

from billing.context import Context
from billing.payment_plan_state import PlanState, announce, locked_plan, state_of
from ledger.errors import conflict
from ledger.payment_plan import PlanEvent
from storage import account_balances, payment_plans
from storage.payment_plans import KeptPlan
from storage.transaction import Transaction

CANCELLED = "billing.plan.cancelled.v1"


async def cancel_payment_plan(tx: Transaction, context: Context, plan_id: str, *, reason: str) -> PlanState:
    """The plan as it ended. Refused where it is cancelled already, or nothing is owed on it."""
    state = await locked_plan(tx, context, plan_id)
    if state.status in ("cancelled", "completed"):
        raise conflict("invalid-state", f"The plan is {state.status}.")
    plan, balance = state.plan, tx.balances[state.plan.account_id]
    event = PlanEvent(
        number=len(plan.events) + 1,
        kind="cancelled",
        # Not before it was made, even if the tenant has moved to the west meanwhile.
        on=max(context.today(tx.now), plan.made_on),
        # As an entry: what was known before of the account's aging was known with the plan.
        at=tx.next_instant(balance.recorded_at),
        by=context.actor,
        reason=reason,
    )
    balance.recorded_at = event.at
    account_balances.mark_changed(tx, plan.account_id)
    payment_plans.add_event(tx, plan.id, event)
    payment_plans.release(tx, plan.id)
    ended = replace(plan, events=(*plan.events, event))
    announce(tx, ended, CANCELLED)
    return state_of(context, KeptPlan(ended, state.open_minor, state.paid_minor, tx.now))
