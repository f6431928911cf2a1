"""Recognition of revenue by itself: which point is in force on a day, what it defers, and what recognises that."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.capture import Capture, capture_entry, captured_by
from ledger.chart import LedgerAccount as L
from ledger.journal import JournalEntry, Posting, merged
from ledger.posting_period import (
    SOFT_CLOSED,
    PostingDays,
    PostingPeriod,
    period_from,
    recognition_from,
    soft_closed,
)
from ledger.recognition import (
    CAPTURE,
    ISSUE,
    RecognitionChange,
    income_account,
    is_deferred,
    point_on,
    recognition_entry,
    turning_days,
)
from tests.unit.ledger.refusals import refused

DAY = date(2026, 3, 1)
TODAY = date(2026, 11, 21)
ONE = timedelta(days=1)
captures = st.builds(
    Capture,
    account_id=st.just("a"),
    currency=st.just("AFN"),
    amount_minor=st.integers(0, 10**15),
    service_date=st.just(DAY),
    facility=st.sampled_from([None, "north"]),
    discount_minor=st.integers(0, 10**6),
    exemption_minor=st.integers(0, 10**6),
).filter(lambda capture: capture.amount_minor + capture.discount_minor + capture.exemption_minor > 0)


def at_issue(capture: Capture) -> JournalEntry:
    return capture_entry("c", capture, ISSUE)


def test_a_tenant_that_changed_nothing_recognises_revenue_at_capture() -> None:
    assert point_on([], DAY) == CAPTURE
    assert capture_entry("c", Capture("a", "AFN", 900, DAY, None)).postings[1].ledger_account is L.PATIENT_REVENUE


def test_a_change_is_in_force_from_its_day_on() -> None:
    changes = [RecognitionChange(DAY, ISSUE), RecognitionChange(date(2026, 6, 1), CAPTURE)]
    days = [DAY - ONE, DAY, date(2026, 5, 31), date(2026, 6, 1)]
    assert [point_on(changes, day) for day in days] == [CAPTURE, ISSUE, ISSUE, CAPTURE]
    assert turning_days(changes) == [DAY, date(2026, 6, 1)]
    for_a_day = [RecognitionChange(DAY, ISSUE), RecognitionChange(DAY + ONE, CAPTURE)]
    assert turning_days(for_a_day) == [DAY, DAY + ONE]


def test_a_later_change_goes_before_an_earlier_one_that_begins_with_it_or_behind_it() -> None:
    planned = RecognitionChange(date(2026, 6, 1), ISSUE)
    assert turning_days([planned]) == [date(2026, 6, 1)]
    assert turning_days([planned, RecognitionChange(date(2026, 6, 1), CAPTURE)]) == []
    assert turning_days([planned, RecognitionChange(DAY, CAPTURE)]) == []


def test_what_is_deferred_says_where_it_goes_and_what_is_owed_stays() -> None:
    about = {"account_id": "a", "charge_item_id": "c", "facility": "north"}
    entry = at_issue(Capture("a", "AFN", 800, DAY, "north", 150, 50))
    assert entry.postings == (
        Posting(L.UNBILLED_RECEIVABLE, 800, **about),
        Posting(L.DEFERRED_REVENUE, -1000, **about, detail="4000"),
        Posting(L.DEFERRED_REVENUE, 150, **about, detail="4110"),
        Posting(L.DEFERRED_REVENUE, 50, **about, detail="4120"),
    )
    assert (entry.kind, entry.source_id, entry.service_date) == ("charge-captured", "c", DAY)
    assert [income_account(line) for line in entry.postings] == [
        L.UNBILLED_RECEIVABLE,
        L.PATIENT_REVENUE,
        L.COURTESY_DISCOUNTS,
        L.CHARITY,
    ]


def test_what_an_invoice_bills_is_recognised_on_the_accounts_that_it_was_deferred_for() -> None:
    about = {"account_id": "a", "invoice_id": "i", "charge_item_id": "c", "facility": None}
    entry = recognition_entry(at_issue(Capture("a", "AFN", 0, DAY, None, 0, 50)), "i", TODAY)
    assert entry == JournalEntry(
        kind="revenue-recognised",
        currency="AFN",
        effective_at=TODAY,
        source_type="ChargeItem",
        source_id="c",
        postings=(
            Posting(L.DEFERRED_REVENUE, -50, **about, detail="4120"),
            Posting(L.CHARITY, 50, **about),
            Posting(L.DEFERRED_REVENUE, 50, **about, detail="4000"),
            Posting(L.PATIENT_REVENUE, -50, **about),
        ),
    )


def test_revenue_that_its_capture_recognised_is_not_recognised_again() -> None:
    entry = capture_entry("c", Capture("a", "AFN", 900, DAY, None, 150, 50), CAPTURE)
    assert not is_deferred(entry.postings)
    assert recognition_entry(entry, "i", TODAY) is None


def test_nothing_is_recognised_before_its_capture_counts() -> None:
    late = replace(at_issue(Capture("a", "AFN", 900, DAY, None)), effective_at=TODAY)
    entry = recognition_entry(late, "i", TODAY - ONE)
    assert entry is not None
    assert entry.effective_at == TODAY


@given(captures)
def test_deferring_and_recognising_comes_to_what_recognising_at_once_does(capture: Capture) -> None:
    at_once, put_off = capture_entry("c", capture), at_issue(capture)
    assert is_deferred(put_off.postings)
    assert captured_by(put_off) == captured_by(at_once) == capture
    recognised = recognition_entry(put_off, "i", TODAY)
    assert recognised is not None
    both = [line._replace(invoice_id=None) for line in (*put_off.postings, *recognised.postings)]
    assert set(merged(both)) == set(at_once.postings)


# From when on a change is in force.

OCTOBER = PostingPeriod(date(2026, 10, 1), date(2026, 10, 31), SOFT_CLOSED)
SHORT = PostingPeriod(date(2026, 11, 1), date(2026, 11, 10), SOFT_CLOSED)


@pytest.mark.parametrize(
    ("shut", "last_captured", "first_day"),
    [
        ([], None, date(1900, 1, 1)),
        ([OCTOBER], None, date(2026, 11, 1)),
        ([OCTOBER], date(2026, 10, 31), date(2026, 11, 1)),
        ([OCTOBER], date(2026, 11, 1), date(2026, 12, 1)),
        ([OCTOBER], date(2026, 11, 30), date(2026, 12, 1)),
        ([OCTOBER, SHORT], date(2026, 11, 10), date(2026, 11, 11)),
        ([OCTOBER, SHORT], date(2026, 11, 11), date(2026, 12, 1)),
        ([], date(2026, 8, 15), date(2026, 9, 1)),
    ],
)
def test_a_change_begins_with_the_first_open_period_without_charges_in_it_or_behind_it(
    shut: list[PostingPeriod], last_captured: date | None, first_day: date
) -> None:
    assert recognition_from(shut, last_captured, TODAY) == first_day


def test_a_change_behind_the_next_period_is_refused() -> None:
    text = (
        "A charge counts on 2026-12-01, after the current period; change the recognition point once its day is mended,"
        " or past."
    )
    assert refused(recognition_from, [OCTOBER], date(2026, 12, 1), TODAY) == [
        ("conflict", "recognition-point-in-use", text, "")
    ]


@given(
    shut=st.sampled_from([[], [OCTOBER], [OCTOBER, SHORT]]),
    captured=st.lists(st.dates(date(2026, 8, 1), date(2026, 11, 30)), max_size=5),
)
def test_no_charge_counts_from_the_day_of_a_change_on_and_the_day_begins_a_period(
    shut: list[PostingPeriod], captured: list[date]
) -> None:
    first_open = shut[-1].last_day + ONE if shut else date.min
    captured = [max(day, first_open) for day in captured]
    first_day = recognition_from(shut, max(captured, default=None), TODAY)
    assert all(day < first_day for day in captured)
    assert first_day in (first_open, date(1900, 1, 1)) or first_day.day == 1
    assert first_day <= period_from(TODAY).last_day + ONE


NOVEMBER = date(2026, 11, 1)


@pytest.mark.parametrize(
    "changes",
    [
        [],
        [RecognitionChange(NOVEMBER, ISSUE)],
        [RecognitionChange(date(2026, 11, 16), ISSUE)],
        [RecognitionChange(date(2026, 11, 10), ISSUE), RecognitionChange(NOVEMBER, CAPTURE)],
    ],
)
def test_a_period_that_is_all_by_one_point_is_closed(changes: list[RecognitionChange]) -> None:
    change = soft_closed([OCTOBER], PostingDays(), NOVEMBER, date(2026, 11, 15), TODAY, changes)
    assert change.period.last_day == date(2026, 11, 15)


@pytest.mark.parametrize("day", [date(2026, 11, 2), date(2026, 11, 15)])
def test_a_period_in_which_the_point_changes_is_to_end_on_the_day_before(day: date) -> None:
    changes = [RecognitionChange(day, ISSUE)]
    text = f"From {day} on revenue is recognised at issue; end the period on {day - ONE}."
    assert refused(soft_closed, [OCTOBER], PostingDays(), NOVEMBER, date(2026, 11, 15), TODAY, changes) == [
        ("rule_broken", "recognition-mixed", text, "/last_day")
    ]
