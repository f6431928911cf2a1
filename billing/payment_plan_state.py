"""A payment plan as it stands: what is paid of each instalment and what is overdue, all of it from the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from billing.context import Context
from ledger.errors import not_found
from ledger.payment_plan import Arrears, InstalmentState, PaymentPlan, PlanStatus, arrears_of, states_of, status_of
from storage import account_balances, payment_plans, resource_versions
from storage.payment_plans import KeptPlan
from storage.transaction import Reader, Transaction

SETTING = "payment_plan_grace_days"
RESOURCE_TYPE = "PaymentPlan"
"""What the outbox rows of plans are about; their version counts from 1, which is that it was made."""


@dataclass(frozen=True, slots=True)
class PlanState:
    """`overdue` is what should have been paid by `on`; `late`, what is overdue by more than the days of grace."""

    plan: PaymentPlan
    status: PlanStatus
    instalments: list[InstalmentState]
    overdue: Arrears | None
    late: Arrears | None
    on: date

    @property
    def open_minor(self) -> int:
        return sum(state.open_minor for state in self.instalments)

    @property
    def paid_minor(self) -> int:
        return sum(state.paid_minor for state in self.instalments)

    @property
    def scheduled_minor(self) -> int:
        return sum(state.scheduled_minor for state in self.instalments)

    @property
    def next_due(self) -> InstalmentState | None:
        """The first instalment that something is open of."""
        return next((state for state in self.instalments if state.open_minor > 0), None)


def grace_days(context: Context) -> int:
    return int(context.tenant.setting(SETTING))


def state_of(context: Context, kept: KeptPlan) -> PlanState:
    """A cancelled plan is as it was then, and nothing of it is overdue."""
    states = states_of(kept.plan.instalments, open_minor=kept.open_minor, paid_minor=kept.paid_minor)
    on, grace = context.today(kept.asked_at), grace_days(context)
    is_over = kept.plan.is_cancelled
    return PlanState(
        kept.plan,
        status_of(kept.plan, states, on, grace),
        states,
        None if is_over else arrears_of(states, on),
        None if is_over else arrears_of(states, on, grace),
        on,
    )


async def read_plan(reader: Reader, context: Context, plan_id: str) -> PlanState:
    """Refused where there is no such plan."""
    kept = await payment_plans.read(reader, context.tenant.id, plan_id)
    if kept is None:
        raise not_found("not-found", f"There is no payment plan {plan_id}.")
    return state_of(context, kept)


async def locked_plan(tx: Transaction, context: Context, plan_id: str) -> PlanState:
    """A plan that nobody else changes until the end, nor what is owed on its invoices."""
    account_id = (await read_plan(tx, context, plan_id)).plan.account_id
    await account_balances.lock(tx, [account_id])
    return await read_plan(tx, context, plan_id)


def announce(tx: Transaction, plan: PaymentPlan, event: str) -> None:
    """Add the outbox row of what happened to a plan: one for its making and one for each event."""
    version = len(plan.events) + 1
    at = plan.events[-1].at if plan.events else plan.made_at
    resource_versions.announce(tx, RESOURCE_TYPE, plan.id, version, at, events=(event,))
