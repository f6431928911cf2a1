"""Aging: what is owed, by how long it has been due.

What a payer owes, and what a patient owes outside of payment plans, is due on the due date of its invoice. What a
patient owes on the invoices of a plan is due as its instalments are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from ledger.payment_plan import Instalment, states_of

BUCKETS = ("current", "1-30", "31-60", "61-90", "91-120", "121+")
_LAST_DAY = (0, 30, 60, 90, 120)

Due = tuple[date | None, int]
"""From when something is overdue, and how much it is in minor units."""


@dataclass(frozen=True, slots=True)
class PlannedDebt:
    """What patients owe on the invoices of a plan, and what payments settled of that since it was made."""

    instalments: Sequence[Instalment]
    open_minor: int
    paid_minor: int

    def dues(self) -> Iterator[Due]:
        for state in states_of(self.instalments, open_minor=self.open_minor, paid_minor=self.paid_minor):
            yield state.due, state.open_minor


def bucket_of(due: date | None, on: date) -> str:
    """The bucket of what was due on a day, looked at on another; what has no due date is current."""
    days = 0 if due is None else (on - due).days
    return next((name for name, last in zip(BUCKETS, _LAST_DAY, strict=False) if days <= last), BUCKETS[-1])


def aged(amounts: Iterable[Due], on: date) -> dict[str, int]:
    """Minor units by bucket, all six always there."""
    sums = dict.fromkeys(BUCKETS, 0)
    for due, amount in amounts:
        sums[bucket_of(due, on)] += amount
    return sums
