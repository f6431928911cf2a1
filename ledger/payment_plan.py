"""Payment plans: what patients owe on invoices, to be paid in instalments.

A plan never says what is paid: it has a schedule, and what became of it follows from the journal. What payments settle
of the covered invoices pays the instalments in their order. What is taken off them otherwise (a credit, a write-off, a
cancellation) takes the last instalments away first, so that the patient goes on as agreed and is done sooner. What
comes on top of them (a payer that leaves its part to the patient) is due with the last instalment.
"""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Literal, NamedTuple

from ledger.errors import rule_broken
from ledger.money import Money, apportion

INSTALMENTS_MAX = 120
INVOICES_MAX = 100
YEARS_MAX = 20

PlanStatus = Literal["active", "defaulted", "completed", "cancelled"]
PlanEventKind = Literal["defaulted", "recovered", "cancelled"]
Unit = Literal["day", "week", "month"]


class Instalment(NamedTuple):
    """What is agreed to be paid, and until when."""

    due: date
    amount_minor: int


class InstalmentState(NamedTuple):
    """An instalment as things are: `scheduled` is what is to be paid of it by now, of which some is paid."""

    due: date
    agreed_minor: int
    scheduled_minor: int
    paid_minor: int

    @property
    def open_minor(self) -> int:
        return self.scheduled_minor - self.paid_minor


class Arrears(NamedTuple):
    """What should have been paid by now, and since when the oldest of it."""

    amount_minor: int
    since: date


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanEvent:
    """What was recorded of a plan after it was made. `overdue`: what was overdue when it was defaulted."""

    number: int
    kind: PlanEventKind
    on: date
    at: datetime
    by: str
    reason: str | None = None
    overdue_minor: int | None = None
    overdue_since: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentPlan:
    """A plan as it was agreed, with what was recorded of it since."""

    id: str
    account_id: str
    currency: str
    invoice_ids: tuple[str, ...]
    instalments: tuple[Instalment, ...]
    made_on: date
    made_at: datetime
    made_by: str
    note: str | None = None
    events: tuple[PlanEvent, ...] = ()

    @property
    def amount_minor(self) -> int:
        return sum(instalment.amount_minor for instalment in self.instalments)

    @property
    def is_cancelled(self) -> bool:
        return any(event.kind == "cancelled" for event in self.events)

    @property
    def is_marked_defaulted(self) -> bool:
        """Whether the last that was recorded of its arrears is that it is in default."""
        return next((event.kind for event in reversed(self.events) if event.kind != "cancelled"), "") == "defaulted"


def states_of(instalments: Sequence[Instalment], *, open_minor: int, paid_minor: int) -> list[InstalmentState]:
    """What became of each instalment, in their order. What is open of them comes to `open_minor`, whatever that is.

    `open_minor`: what the patient owes on the covered invoices; `paid_minor`: what payments settled of that since the
    plan was made (less than nothing where money from before was taken off).
    """
    paid = max(paid_minor, 0)
    scheduled = [instalment.amount_minor for instalment in instalments]
    added = open_minor + paid - sum(scheduled)
    if added < 0:
        for at in reversed(range(len(scheduled))):
            cut = min(scheduled[at], -added)
            scheduled[at] -= cut
            added += cut
    scheduled[-1] += added
    states: list[InstalmentState] = []
    for instalment, amount in zip(instalments, scheduled, strict=True):
        # The last takes what is left; sound books leave no more than it is of.
        part = paid if len(states) == len(scheduled) - 1 else min(paid, amount)
        paid -= part
        states.append(InstalmentState(instalment.due, instalment.amount_minor, amount, part))
    return states


def arrears_of(states: Sequence[InstalmentState], on: date, grace_days: int = 0) -> Arrears | None:
    """What was due more than some days before a day and is not paid; None where nothing is."""
    late = [state for state in states if state.open_minor > 0 and (on - state.due).days > grace_days]
    return Arrears(sum(state.open_minor for state in late), late[0].due) if late else None


def status_of(plan: PaymentPlan, states: Sequence[InstalmentState], on: date, grace_days: int) -> PlanStatus:
    """In default is a plan that was found so and has not caught up since."""
    if plan.is_cancelled:
        return "cancelled"
    if not any(state.open_minor for state in states):
        return "completed"
    in_default = plan.is_marked_defaulted and arrears_of(states, on, grace_days) is not None
    return "defaulted" if in_default else "active"


def equal_instalments(total: Money, count: int, first_due: date, unit: Unit, every: int) -> tuple[Instalment, ...]:
    """An amount in so many instalments that differ by one minor unit at most, the larger first, and come to it exactly.

    Refused where there are more instalments than minor units.
    """
    if count > total.minor_units:
        text = f"{total} cannot be paid in {count} instalments; take fewer."
        raise rule_broken("instalment-too-small", text, "/equal/count")
    parts = apportion(total, [1] * count)
    return tuple(
        Instalment(_later(first_due, unit, every * number), part.minor_units) for number, part in enumerate(parts)
    )


def _later(first: date, unit: Unit, times: int) -> date:
    """So many units later. A month that has no such day gives its last: the 31st, 30 April, the 31st."""
    try:
        if unit != "month":
            return first + timedelta(days=times * (7 if unit == "week" else 1))
        year, month = divmod(first.year * 12 + first.month - 1 + times, 12)
        return date(year, month + 1, min(first.day, calendar.monthrange(year, month + 1)[1]))
    except (OverflowError, ValueError):
        raise _too_long("/equal") from None


def refuse_schedule(instalments: Sequence[Instalment], total: Money, today: date, place: str) -> None:
    """Refuse a schedule that does not come to what is owed, or is not in the order of its days from today on."""
    dues = [instalment.due for instalment in instalments]
    if dues[0] < today:
        raise rule_broken("instalment-in-past", "No instalment is due before the plan is made.", place)
    if any(later <= earlier for earlier, later in pairwise(dues)):
        raise rule_broken("instalments-unordered", "Each instalment is due after the one before it.", place)
    if dues[-1].year - today.year > YEARS_MAX:
        raise _too_long(place)
    sum_ = sum(instalment.amount_minor for instalment in instalments)
    if sum_ != total.minor_units:
        text = f"The instalments come to {sum_} minor units; the patient owes {total} on these invoices."
        raise rule_broken("instalments-mismatch", text, place)


def _too_long(place: str) -> Exception:
    return rule_broken("plan-too-long", f"A plan reaches at most {YEARS_MAX} years ahead.", place)
