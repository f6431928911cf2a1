"""Posting periods in the model: closed through a day for good, and soft-closed through a later one."""

from __future__ import annotations

from datetime import date, timedelta

from tests.acceptance.reference.books import Fields, refuse_if
from tests.acceptance.reference.recognition import Recognition

DAY = timedelta(days=1)


class Periods(Recognition):
    def soft_close(self, first_day: date, last_day: date | None) -> None:
        next_month = (first_day.replace(day=1) + timedelta(days=32)).replace(day=1)
        last_day = last_day or next_month - DAY
        after = self.periods[-1]["last_day"] + DAY if self.periods else first_day
        refuse_if(
            invalid_state=any(period["first_day"] == first_day for period in self.periods),
            period_order=first_day != after,
            period_range=last_day < first_day,
            period_not_over=last_day >= self.today,
            recognition_mixed=self.has_both(first_day, last_day),
        )
        self.periods.append({"first_day": first_day, "last_day": last_day, "closed": False})

    def close(self, first_day: date) -> None:
        period = self._period(first_day)
        refuse_if(invalid_state=period is None or period["closed"])
        assert period is not None
        refuse_if(period_order=period is not next(each for each in self.periods if not each["closed"]))
        period["closed"] = True

    def reopen(self, first_day: date) -> None:
        period = self._period(first_day)
        refuse_if(invalid_state=period is None or period["closed"])
        refuse_if(period_order=period is not self.periods[-1])
        self.periods.pop()

    def trial_balance(self, last_day: date) -> dict[tuple[int, str], int]:
        """What each ledger account comes to by what counts up to a day."""
        sums: dict[tuple[int, str], int] = {}
        for code, currency, amount, on in self.posted:
            if on <= last_day:
                sums[code, currency] = sums.get((code, currency), 0) + amount
        return {key: amount for key, amount in sums.items() if amount}

    def _period(self, first_day: date) -> Fields | None:
        return next((period for period in self.periods if period["first_day"] == first_day), None)
