"""Somebody who asks some days from now: what follows from the day can be tried without waiting for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from billing.context import Context


@dataclass(frozen=True, slots=True)
class LaterContext(Context):
    """A context of so many days from now."""

    days: int = 0

    def today(self, now: datetime) -> date:
        return Context.today(self, now) + timedelta(days=self.days)


def later(context: Context, days: int) -> Context:
    return LaterContext(
        context.tenant, context.actor, context.client, context.base_url, one_time=context.one_time, days=days
    )
