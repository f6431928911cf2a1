"""Refunds and adjustments: approved by whom they had to be, counted together, held, and booked once."""

from __future__ import annotations

from billing.check.corruption import Corruption
from billing.check.finding import Rule
from storage import check_approvals

RULES = (
    Rule(
        Corruption.HELD_WRONG,
        check_approvals.HELD_WRONG,
        "{0}",
        "{1} minor units are held of {3} unapplied, and requests for refunds hold {2}",
    ),
    Rule(
        Corruption.APPROVALS_LACKING,
        check_approvals.APPROVALS_LACKING,
        "{0} {1}",
        "it has {2} approvals of others than its requester, and by its limits it needs {3}",
    ),
    Rule(
        Corruption.APPROVER_WRONG,
        check_approvals.APPROVER_WRONG,
        "{0} {1}",
        "{2} requested it and approved it, or approved it twice",
    ),
    Rule(
        Corruption.COUNTED_WRONG,
        check_approvals.COUNTED_WRONG,
        "{0} {1}",
        "{2} minor units were counted towards its limits, and what counts comes to {3}",
    ),
    Rule(
        Corruption.DECISIONS_BROKEN,
        check_approvals.DECISIONS_BROKEN,
        "{0} {1}",
        "decision {2} does not follow from the request and what was decided before",
    ),
    Rule(
        Corruption.PAYMENT_REFUNDED_DIFFERS,
        check_approvals.REFUNDED_DIFFERS,
        "PaymentReconciliation/{0}",
        "it says that {1} minor units are refunded, and its refunds come to {2}",
    ),
    Rule(
        Corruption.REFUND_BOOKING_WRONG,
        check_approvals.REFUND_BOOKING_WRONG,
        "refund {0}",
        "it is {1}, and what is booked of it is not that",
    ),
    Rule(
        Corruption.ADJUSTMENT_BOOKING_WRONG,
        check_approvals.ADJUSTMENT_BOOKING_WRONG,
        "adjustment {0}",
        "the {1} is {2}, and what is booked of it is not that",
    ),
)
