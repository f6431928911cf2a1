"""Payment plans: each is about what was owed, an invoice is on one at a time, and what is recorded of them follows."""

from __future__ import annotations

from billing.check.corruption import Corruption
from billing.check.finding import Rule
from storage import check_payment_plans

RULES = (
    Rule(
        Corruption.PAYMENT_PLAN_WRONG,
        check_payment_plans.PLAN_WRONG,
        "PaymentPlan/{0}",
        "its instalments come to {1} minor units, {2} were owed; of {3} invoices {4} are its account's; {5} instalments"
        " are out of order",
    ),
    Rule(
        Corruption.PLANNED_INVOICE_WRONG,
        check_payment_plans.HOLD_WRONG,
        "Invoice/{0}",
        "the payment plan that holds it is {1}, the live one that is over it is {2}",
    ),
    Rule(
        Corruption.PLAN_EVENTS_BROKEN,
        check_payment_plans.EVENTS_BROKEN,
        "PaymentPlan/{0}",
        "its event {1}, {2}, cannot follow what was recorded before it",
    ),
    Rule(
        Corruption.PLANS_OVERLAP,
        check_payment_plans.OVERLAPPING,
        "Invoice/{0}",
        "the payment plans {1} and {2} are over it at the same time",
    ),
    Rule(
        Corruption.PLAN_NOT_ANNOUNCED,
        check_payment_plans.NOT_ANNOUNCED,
        "PaymentPlan/{0}",
        "what happened to it and the outbox row of its version {1} do not go together",
    ),
)
