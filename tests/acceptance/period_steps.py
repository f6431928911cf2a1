"""Steps of the state machine about posting periods, which are closed while everything else goes on."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import strategies as st

from tests.acceptance.books import Request
from tests.acceptance.drawing import often, rarely
from tests.acceptance.tenant_life import TenantLife

_CLOSING_BALANCE = (
    "SELECT ledger_account, currency, (debit_minor - credit_minor)::bigint FROM billing.closing_balance"
    " WHERE tenant_id = %s AND closed_through = %s AND debit_minor <> credit_minor"
)
lengths = st.sampled_from([None, None, 1, 20, 60, 300])
days_before = st.sampled_from([500, 420, 110, 50, 30, 2, 0])


class PeriodSteps(TenantLife):
    def change_period(self, data: st.DataObject) -> None:
        # Who may close periods posts into soft-closed ones, as anybody else does not.
        self.books.posts_into_soft_closed = self.model.into_soft_closed = data.draw(rarely)
        match data.draw(st.sampled_from(["soft-close", "soft-close", "close", "reopen"])):
            case "soft-close":
                self._soft_close(data)
            case "close":
                self._close(data)
            case _:
                self._reopen(data)

    def _soft_close(self, data: st.DataObject) -> None:
        today, days, before = self.drawing(data).model.today, data.draw(lengths), data.draw(days_before)
        periods = self.model.periods
        goes_on: bool = data.draw(often)
        if periods and goes_on:
            first_day = periods[-1]["last_day"] + timedelta(days=1)
        else:
            first_day = today - timedelta(days=before)
        last_day = None if days is None else first_day + timedelta(days=days)
        if data.draw(rarely):
            last_day = first_day - timedelta(days=1)
        self._send(data, "soft-close", first_day, {"last_day": last_day})

    def _close(self, data: st.DataObject) -> None:
        first_day = self._drawn(data, [each["first_day"] for each in self.model.periods if not each["closed"]][:1])
        self._send(data, "close", first_day, {})
        closed = [each for each in self.model.periods if each["closed"]]
        if closed:
            last_day = closed[-1]["last_day"]
            rows = self.reader.rows(_CLOSING_BALANCE, self.books.tenant_id, last_day)
            assert {(code, currency): amount for code, currency, amount in rows} == self.model.trial_balance(last_day)

    def _reopen(self, data: st.DataObject) -> None:
        soft_closed = [each["first_day"] for each in self.model.periods if not each["closed"]]
        self._send(data, "reopen", self._drawn(data, soft_closed[-1:]), {})

    def _drawn(self, data: st.DataObject, sensible: list[date]) -> date:
        is_sensible: bool = data.draw(often)
        if sensible and is_sensible:
            return sensible[0]
        known: list[date] = [each["first_day"] for each in self.model.periods] or [self.local_today()]
        return known[data.draw(st.integers(0, len(known) - 1))]

    def _send(self, data: st.DataObject, operation: str, first_day: date, content: dict[str, date | None]) -> None:
        request = Request(operation, f"Period/{first_day}", content, self.key(data))

        def change() -> None:
            match operation:
                case "soft-close":
                    self.model.soft_close(first_day, content["last_day"])
                case "close":
                    self.model.close(first_day)
                case _:
                    self.model.reopen(first_day)

        self.send(request, lambda _: change())
