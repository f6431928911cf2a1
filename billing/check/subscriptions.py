"""The events of each subscription are numbered without gaps, and each is of a version that was made."""

from __future__ import annotations

from billing.check.corruption import Corruption
from billing.check.finding import Rule
from storage import check_subscriptions

RULES = (
    Rule(
        Corruption.EVENT_NUMBERS_BROKEN,
        check_subscriptions.NUMBERS_BROKEN,
        "Subscription/{0}",
        "its last event is {1}; {2} are kept, from {3} to {4}",
    ),
    Rule(
        Corruption.EVENT_WRONG,
        check_subscriptions.EVENT_WRONG,
        "Subscription/{0}",
        "event {1} is about {2}, which is not there or of another moment",
    ),
)
