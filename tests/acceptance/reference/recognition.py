"""Recognition of revenue in the model: what is deferred of a charge, and by which point it is captured on a day."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from tests.acceptance.reference.accounts import Accounts
from tests.acceptance.reference.books import Fields, refuse_if


class Recognition(Accounts):
    def __init__(self, *, recognised_at: str = "capture", **settings: Any) -> None:
        super().__init__(**settings)
        self.points: list[tuple[date, str]] = [(date(1900, 1, 1), recognised_at)]
        self.captured_on: list[date] = []

    def recognise_at(self, point: str) -> None:
        """Change the point, from the first period on that is open and in which nothing was captured."""
        if point == self.points[-1][1]:
            return
        first_open = self.periods[-1]["last_day"] + timedelta(days=1) if self.periods else date(1900, 1, 1)
        last = max(self.captured_on, default=date.min)
        first_day = first_open if last < first_open else _next_month(last)
        refuse_if(recognition_point_in_use=first_day > _next_month(self.today))
        self.points.append((first_day, point))

    def is_deferred_on(self, day: date) -> bool:
        point = "capture"
        for first_day, changed in self.points:
            if first_day <= day:
                point = changed
        return point == "issue"

    def has_both(self, first_day: date, last_day: date) -> bool:
        """Whether the point changes within days."""
        turns = [day for day, _ in self.points if first_day < day <= last_day]
        return any(self.is_deferred_on(day) != self.is_deferred_on(day - timedelta(days=1)) for day in turns)

    def deferred_lines(self, charge: Fields, sign: int) -> list[tuple[int, int, None]]:
        """What recognises the revenue of a charge, or with -1 takes that back."""
        _, _, amount, _, _, discount, exemption = charge["posted"]
        return [
            (2400, sign * amount, None),
            (4000, -sign * (amount + discount + exemption), None),
            (4110, sign * discount, None),
            (4120, sign * exemption, None),
        ]

    def recognise(self, id_: str, on: date) -> None:
        charge = self.charges[id_]
        if charge["deferred"]:
            charge["recognised_on"] = self.counts_on(max(on, charge["booked_on"]))
            self.book(charge["recognised_on"], charge["currency"], *self.deferred_lines(charge, 1))

    def defer_again(self, id_: str, on: date) -> None:
        charge = self.charges[id_]
        if charge["deferred"]:
            self.book(max(on, charge["recognised_on"]), charge["currency"], *self.deferred_lines(charge, -1))

    def deferred(self) -> dict[str, int]:
        """Currency -> the revenue of charges that were captured so and are not billed, by what the charges say."""
        sums: dict[str, int] = {}
        for charge in self.charges.values():
            if charge["deferred"] and charge["status"] == "billable":
                sums[charge["currency"]] = sums.get(charge["currency"], 0) + charge["amount"]
        return {currency: amount for currency, amount in sums.items() if amount}


def _next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
