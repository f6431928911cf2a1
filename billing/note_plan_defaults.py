"""Find the payment plans that are in default, and those that have caught up again, and record it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from billing.context import Context
from billing.payment_plan_state import PlanState, announce, locked_plan, state_of
from ledger.payment_plan import PlanEvent, PlanEventKind
from storage import payment_plans
from storage.transaction import Database, Transaction

DEFAULTED = "billing.plan.defaulted.v1"
RECOVERED = "billing.plan.recovered.v1"
BATCH = 200


@dataclass(slots=True)
class Noted:
    """How many plans were looked at, and what was recorded of them."""

    looked_at: int = 0
    defaulted: int = 0
    recovered: int = 0


async def note_plan_defaults(database: Database, context: Context) -> Noted:
    """Look at all plans of a tenant on which something is owed. It may be repeated, and done by several at once."""
    noted, after = Noted(), ""
    while found := await payment_plans.live(database, context.tenant.id, after, BATCH):
        for kept in found:
            noted.looked_at += 1
            if _change_of(state_of(context, kept)) is not None:
                recorded = await _note(database, context, kept.plan.id)
                noted.defaulted += recorded == "defaulted"
                noted.recovered += recorded == "recovered"
        after = found[-1].plan.id
    return noted


async def note_default(tx: Transaction, context: Context, plan_id: str) -> PlanEventKind | None:
    """What is recorded of one plan by this: nothing where all is said already."""
    state = await locked_plan(tx, context, plan_id)
    kind = _change_of(state)
    if kind is None:
        return None
    event = PlanEvent(
        number=len(state.plan.events) + 1,
        kind=kind,
        on=state.on,
        at=tx.next_instant(),
        by=context.actor,
        overdue_minor=state.late.amount_minor if state.late else None,
        overdue_since=state.late.since if state.late else None,
    )
    payment_plans.add_event(tx, plan_id, event)
    announce(
        tx, replace(state.plan, events=(*state.plan.events, event)), DEFAULTED if kind == "defaulted" else RECOVERED
    )
    return kind


async def _note(database: Database, context: Context, plan_id: str) -> PlanEventKind | None:
    async def attempt(tx: Transaction) -> PlanEventKind | None:
        return await note_default(tx, context, plan_id)

    return await database.run(context.tenant.id, context.actor, attempt)


def _change_of(state: PlanState) -> PlanEventKind | None:
    if state.plan.is_cancelled or state.plan.is_marked_defaulted == (state.late is not None):
        return None
    return "recovered" if state.late is None else "defaulted"
