"""Payment plans as a list, by what they are about and how they stand."""

from __future__ import annotations

from billing.context import Context
from billing.payment_plan_state import PlanState, state_of
from ledger.payment_plan import PlanStatus
from storage import payment_plans
from storage.transaction import Reader

_BATCH = 100


async def find_payment_plans(
    reader: Reader,
    context: Context,
    *,
    account_id: str | None,
    invoice_id: str | None,
    status: PlanStatus | None,
    before: str | None,
    count: int,
) -> list[PlanState]:
    """The latest made first, from the one behind `before` on.

    How a plan stands follows from the ledger and the day, so those of a status are found by looking at all.
    """
    is_cancelled = None if status is None else status == "cancelled"
    batch = count if status in (None, "cancelled") else max(count, _BATCH)
    found: list[PlanState] = []
    while len(found) < count:
        kept = await payment_plans.page(
            reader,
            context.tenant.id,
            account_id=account_id,
            invoice_id=invoice_id,
            is_cancelled=is_cancelled,
            before=before,
            count=batch,
        )
        states = [state_of(context, each) for each in kept]
        found += [state for state in states if status in (None, state.status)]
        if len(kept) < batch:
            break
        before = kept[-1].plan.id
    return found[:count]
