"""Approvals of refunds and adjustments: how many a request needs, who may give them, and what it is by then.

What counts is the sum of what one person has requested on one account, so that splitting does not help.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ledger.errors import Category, Refusal, conflict, refuse

APPROVED, REJECTED, PAID, FAILED = "approved", "rejected", "paid", "failed"
DECISIONS = (APPROVED, REJECTED, PAID, FAILED)

PENDING = "pending-approval"

NOT_COUNTED = (REJECTED, FAILED)
"""What ended so moved no money, and counts towards no threshold any more."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Minor units above which one approval is needed, and two; without the second, one is enough for any amount."""

    first_minor: int
    second_minor: int | None

    def approvals_for(self, counted_minor: int) -> int:
        """How many approvals a request needs that comes, with those that count with it, to an amount."""
        if self.second_minor is not None and counted_minor > max(self.first_minor, self.second_minor):
            return 2
        return 1 if counted_minor > self.first_minor else 0


@dataclass(frozen=True, slots=True)
class Decision:
    """What somebody decided of a request, and its status from then on."""

    decision: str
    status: str
    decided_by: str
    decided_at: datetime
    reason: str | None = None
    method: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What refunds and adjustments have in common: who asked for how much, and what was counted then.

    `counted_minor` is the amount together with the same requester's and account's of the `window_days` before;
    `limits` are those in force then. None of it ever changes.
    """

    id: str
    currency: str
    amount_minor: int
    reason: str
    requested_by: str
    requested_at: datetime
    approvals_needed: int
    counted_minor: int
    limits: Limits
    window_days: int


def approvers_of(decisions: Sequence[Decision]) -> list[str]:
    return [each.decided_by for each in decisions if each.decision == APPROVED]


def status_of(request: Request, decisions: Sequence[Decision], when_approved: str) -> str:
    """`when_approved` is what a request is called that needs no approval more."""
    if decisions:
        return decisions[-1].status
    return PENDING if request.approvals_needed else when_approved


def status_after_approval(request: Request, decisions: Sequence[Decision], when_approved: str) -> str:
    """What one approval more makes of it."""
    return PENDING if len(approvers_of(decisions)) + 1 < request.approvals_needed else when_approved


def refuse_approver(request: Request, decisions: Sequence[Decision], actor: str) -> None:
    """Refuse whoever requested it, and whoever has approved it already."""
    if actor == request.requested_by:
        raise _separation("Who requested it does not approve it; somebody else has to.")
    if actor in approvers_of(decisions):
        raise _separation("You have approved it already; a second approval is somebody else's.")


def refuse_unless(status: str, wanted: str, what: str) -> None:
    if status != wanted:
        raise conflict("invalid-state", f"The {what} is {status}; this is for one that is {wanted}.")


def _separation(message: str) -> Refusal:
    return refuse(Category.NOT_ALLOWED, "separation-of-duties", message)
