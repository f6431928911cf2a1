"""Payment plans of a test's hospital, made and looked at as the edge does, also on later days."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from billing.cancel_payment_plan import cancel_payment_plan
from billing.make_payment_plan import EqualInstalments, PlanRequest, make_payment_plan
from billing.note_plan_defaults import Noted, note_plan_defaults
from billing.payment_plan_state import PlanState, read_plan
from ledger.money import Money
from tests.integration.billing.hospital import Document, Hospital
from tests.later_context import later


async def plan(
    hospital: Hospital,
    account: Document,
    *invoices: Document,
    equal: int = 0,
    first: int = 0,
    every: int = 30,
    amounts: tuple[tuple[int, int], ...] = (),
    currency: str = "AFN",
) -> PlanState:
    """`equal` instalments, the first due in `first` days, or `amounts`: (days from today, minor units)."""
    today = await hospital.today()
    schedule: EqualInstalments | list[tuple[date, Money]] = EqualInstalments(
        equal, today + timedelta(days=first), "day", every
    )
    if amounts:
        schedule = [(today + timedelta(days=days), Money(currency, amount)) for days, amount in amounts]
    request = PlanRequest(account_id=account["id"], invoice_ids=[each["id"] for each in invoices], schedule=schedule)
    return await hospital.run(lambda tx: make_payment_plan(tx, hospital.context, request))


async def cancel_plan(hospital: Hospital, plan_id: str, reason: str = "asked for longer terms") -> PlanState:
    return await hospital.run(lambda tx: cancel_payment_plan(tx, hospital.context, plan_id, reason=reason))


async def plan_now(hospital: Hospital, plan_id: str, days: int = 0) -> PlanState:
    """A plan as it stands, looked at so many days from now."""
    return await read_plan(hospital.database, later(hospital.context, days), plan_id)


async def note_defaults(hospital: Hospital, days: int = 0) -> Noted:
    return await note_plan_defaults(hospital.database, later(hospital.context, days))


def amounts_of(state: PlanState) -> list[tuple[int, int]]:
    """(to be paid, paid) of each instalment."""
    return [(each.scheduled_minor, each.paid_minor) for each in state.instalments]


async def with_grace(hospital: Hospital, days: int) -> None:
    settings = {**hospital.context.tenant.settings, "payment_plan_grace_days": str(days)}
    hospital.context = replace(hospital.context, tenant=replace(hospital.context.tenant, settings=settings))
