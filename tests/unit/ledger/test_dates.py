"""Days: what a FHIR date or dateTime means at a place."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from ledger.dates import date_of, moment_of, whole_date_of
from ledger.errors import Refusal


@pytest.mark.parametrize(
    ("written", "timezone", "day"),
    [
        ("2026", "Asia/Kabul", date(2026, 1, 1)),
        ("2026-03", "Asia/Kabul", date(2026, 3, 1)),
        ("2026-03-04", "Asia/Kabul", date(2026, 3, 4)),
        ("2026-03-04T19:29:59Z", "Asia/Kabul", date(2026, 3, 4)),
        ("2026-03-04T19:30:00Z", "Asia/Kabul", date(2026, 3, 5)),
        ("2026-03-04T00:30:00+04:30", "UTC", date(2026, 3, 3)),
        ("2026-03-04T23:59:60.123456789Z", "UTC", date(2026, 3, 4)),
        ("0001-01-01", "Asia/Dubai", date(1, 1, 1)),
    ],
)
def test_a_day_is_the_one_at_the_place(written: str, timezone: str, day: date) -> None:
    assert date_of(written, timezone) == day


@pytest.mark.parametrize("written", ["9999-12-31T23:00:00Z", "0001-01-01T01:00:00+14:00"])
def test_a_day_past_the_calendar_is_refused(written: str) -> None:
    with pytest.raises(Refusal) as refused:
        date_of(written, "Asia/Kabul" if written[0] == "9" else "America/New_York", "Invoice.date")
    assert (refused.value.code, refused.value.problems[0].expression) == ("date-out-of-range", "Invoice.date")


@pytest.mark.parametrize("written", ["2026", "2026-03"])
def test_nobody_knows_on_which_day_of_a_month_to_post(written: str) -> None:
    with pytest.raises(Refusal) as refused:
        whole_date_of(written, "Asia/Kabul", "Invoice.date")
    assert refused.value.code == "date-partial"


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2026-03-01T10:00:00+04:30", datetime(2026, 3, 1, 5, 30, tzinfo=UTC)),
        ("2026-03-01T10:00:00.123456789Z", datetime(2026, 3, 1, 10, 0, 0, 123456, tzinfo=UTC)),
        ("2016-12-31T23:59:60Z", datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_an_instant_is_a_moment_in_utc(written: str, moment: datetime) -> None:
    assert moment_of(written) == moment


@pytest.mark.parametrize("written", ["0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00"])
def test_an_instant_at_the_ends_of_the_calendar_is_refused(written: str) -> None:
    with pytest.raises(Refusal) as refused:
        moment_of(written)
    assert refused.value.code == "date-out-of-range"
