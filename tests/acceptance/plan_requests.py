"""Payment plans as the acceptance tests ask for them, also on later days."""

from __future__ import annotations

from datetime import date
from typing import Any

from billing.cancel_payment_plan import cancel_payment_plan
from billing.context import Context
from billing.make_payment_plan import EqualInstalments, PlanRequest, make_payment_plan
from billing.note_plan_defaults import note_default
from ledger.money import Money
from storage.transaction import Transaction
from tests.later_context import later

OPERATIONS = ("plan", "cancel-plan", "note-default")


async def perform_plan(
    tx: Transaction, context: Context, operation: str, type_or_id: str, content: dict[str, Any]
) -> tuple[str, str, str]:
    """(type, id, status) of a plan; of what is noted the kind. `content` is as `tests.acceptance.reference.plans`."""
    id_ = type_or_id.partition("/")[2]
    match operation:
        case "plan":
            made = await make_payment_plan(tx, context, _request(content))
            return "PaymentPlan", made.plan.id, made.status
        case "cancel-plan":
            ended = await cancel_payment_plan(tx, context, id_, reason="other terms")
            return "PaymentPlan", id_, ended.status
        case "note-default":
            noted = await note_default(tx, later(context, content["days"]), id_)
            return "PaymentPlan", id_, noted or "nothing"
    raise AssertionError(operation)


def _request(content: dict[str, Any]) -> PlanRequest:
    schedule: EqualInstalments | list[tuple[date, Money]]
    if content["equal"]:
        schedule = EqualInstalments(*content["equal"])
    else:
        schedule = [(day, Money(content["currency"], amount)) for day, amount in content["instalments"]]
    return PlanRequest(account_id=content["account"], invoice_ids=content["invoices"], schedule=schedule)


def equally(account: str, *invoices: str, count: int = 3, first: date, every_days: int = 30) -> dict[str, Any]:
    """The content of a request for equal instalments."""
    return {"account": account, "invoices": list(invoices), "equal": (count, first, "day", every_days)}
