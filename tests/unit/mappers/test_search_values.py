"""The values of search parameters, one syntax after the other, and properties that hold for any value."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mappers.search_dates import read_interval
from mappers.search_numbers import read_number
from mappers.search_references import segments_of
from mappers.search_text import escaped, split_parts, split_values, unescaped
from storage.search_criteria import after_all_with
from storage.search_folding import fold

BASE = "https://billing.example.org/fhir/"
MICROSECOND = timedelta(microseconds=1)

texts = st.text(alphabet=st.characters(exclude_categories=["Cs"]) | st.sampled_from("\\,|$"))


@given(st.lists(texts, min_size=1))
def test_escaped_texts_come_back_from_between_commas(values: list[str]) -> None:
    assert [unescaped(each) for each in split_values(",".join(map(escaped, values)))] == values


@given(texts, texts)
def test_an_escaped_system_and_code_come_back_from_around_a_bar(system: str, code: str) -> None:
    assert split_parts(f"{escaped(system)}|{escaped(code)}") == [system, code]


@given(texts)
def test_an_escaped_text_has_no_separator(text: str) -> None:
    assert split_values(escaped(text)) == [escaped(text)]
    assert split_parts(escaped(text)) == [text]


def test_a_backslash_before_anything_else_is_itself() -> None:
    assert split_parts(r"a\b\\c\|d") == [r"a\b\c|d"]
    assert split_values("a\\") == ["a\\"]


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("2026", "2026-01-01T00:00:00", "2026-12-31T23:59:59.999999"),
        ("2026-12", "2026-12-01T00:00:00", "2026-12-31T23:59:59.999999"),
        ("2024-02", "2024-02-01T00:00:00", "2024-02-29T23:59:59.999999"),
        ("2026-05-10", "2026-05-10T00:00:00", "2026-05-10T23:59:59.999999"),
        ("2026-05-10T10:30", "2026-05-10T10:30:00", "2026-05-10T10:30:59.999999"),
        ("2026-05-10T10:30:15", "2026-05-10T10:30:15", "2026-05-10T10:30:15.999999"),
        ("2026-05-10T10:30:15.5Z", "2026-05-10T10:30:15.500", "2026-05-10T10:30:15.500999"),
        ("2026-05-10T10:30:15.123456Z", "2026-05-10T10:30:15.123", "2026-05-10T10:30:15.123999"),
        ("2026-05-10T00:00:00+04:30", "2026-05-09T19:30:00", "2026-05-09T19:30:00.999999"),
        ("2026-05-10T00:00:00 04:30", "2026-05-09T19:30:00", "2026-05-09T19:30:00.999999"),
        ("2026-05-10T22:00:00-05:00", "2026-05-11T03:00:00", "2026-05-11T03:00:00.999999"),
        ("9999", "9999-01-01T00:00:00", "9999-12-31T23:59:59.999999"),
    ],
)
def test_a_date_reaches_from_its_first_instant_to_its_last(text: str, low: str, high: str) -> None:
    interval = read_interval(text)
    assert interval is not None
    assert interval.low.replace(tzinfo=None) == datetime.fromisoformat(low)
    assert interval.high.replace(tzinfo=None) == datetime.fromisoformat(high)


def test_an_instant_can_be_asked_for_to_the_microsecond() -> None:
    interval = read_interval("2026-05-10T10:30:15.123456Z", finest="microsecond")
    assert interval is not None
    assert interval.low == interval.high == datetime(2026, 5, 10, 10, 30, 15, 123456, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "26",
        "2026-1",
        "2026-00",
        "2026-02-29",
        "2026-05-10T10",
        "2026-05-10T10:30:60Z",
        "2026-05-10 10:30",
        "0000",
        "2026Z",
        "2026-05-10T10:30:15.Z",
        "٢٠٢٦",
        "10000",
    ],
)
def test_what_is_no_date_is_told_apart(text: str) -> None:
    assert read_interval(text) is None


@given(st.dates())
def test_days_of_a_year_follow_each_other_without_a_gap(day: date) -> None:
    today = read_interval(day.isoformat())
    year = read_interval(f"{day.year:04}")
    assert today is not None
    assert year is not None
    assert year.low <= today.low <= today.high <= year.high
    if day < date.max:
        tomorrow = read_interval((day + timedelta(days=1)).isoformat())
        assert tomorrow is not None
        assert tomorrow.low == today.high + MICROSECOND


@given(st.datetimes(datetime.min + timedelta(days=2), datetime.max - timedelta(days=2)), st.integers(-840, 840))  # noqa: DTZ901
def test_a_time_means_the_same_instant_in_any_zone(moment: datetime, minutes: int) -> None:
    moment = moment.replace(microsecond=0)
    sign, (hours, rest) = "-" if minutes < 0 else "+", divmod(abs(minutes), 60)
    local = moment + timedelta(minutes=minutes)
    there = read_interval(f"{local.isoformat()}{sign}{hours:02}:{rest:02}")
    here = read_interval(f"{moment.isoformat()}Z")
    assert there == here
    assert there is not None


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("100", "99.5", "100.5"),
        ("100.00", "99.995", "100.005"),
        ("1e2", "50", "150"),
        ("-5", "-5.5", "-4.5"),
        ("0", "-0.5", "0.5"),
        (".5", None, None),
        ("5.", None, None),
        ("1,5", None, None),
        ("Infinity", None, None),
        ("٥", None, None),
    ],
)
def test_a_number_reaches_as_far_as_it_is_precise(text: str, low: str | None, high: str | None) -> None:
    number = read_number(text)
    if low is None or high is None:
        assert number is None
    else:
        assert number is not None
        assert (number.low, number.high) == (Decimal(low), Decimal(high))


@pytest.mark.parametrize(
    ("value", "targets", "segments"),
    [
        ("1", ("Patient",), ["Patient/1"]),
        ("1", ("Patient", "Group"), ["Patient/1", "Group/1"]),
        ("Patient/1", ("Patient", "Group"), ["Patient/1"]),
        ("Patient/1", ("Group",), []),
        ("Patient/1", (), ["Patient/1"]),
        (f"{BASE}Patient/1", ("Patient",), ["Patient/1"]),
        ("https://elsewhere.example/Patient/1", ("Patient",), ["https://elsewhere.example/Patient/1"]),
        (
            "urn:uuid:53fefa32-fcbb-4ff8-8a92-55ee120877b7",
            ("Patient",),
            ["urn:uuid:53fefa32-fcbb-4ff8-8a92-55ee120877b7"],
        ),
        ("Patient/1/_history/2", ("Patient",), None),
        ("Unknown/1", (), None),
        (f"{BASE}nothing", (), None),
        ("a b", (), None),
    ],
)
def test_a_reference_is_asked_for_as_the_columns_hold_it(
    value: str, targets: tuple[str, ...], segments: list[str] | None
) -> None:
    assert segments_of(value, targets, BASE) == segments


def test_an_id_alone_may_be_of_any_type_where_a_reference_may() -> None:
    segments = segments_of("1", (), BASE)
    assert segments is not None
    assert {"Claim/1", "Patient/1", "Invoice/1"} <= set(segments)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1), st.text())
def test_the_end_of_a_prefix_lies_behind_all_that_start_with_it(prefix: str, rest: str) -> None:
    if prefix[-1] == chr(0x10FFFF) or prefix[-1] == chr(0xD7FF):
        return
    text = (prefix + rest).encode("utf-8", "replace")
    assert prefix.encode() <= text < after_all_with(prefix).encode()


@settings(deadline=None)
@given(st.text())
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)


def test_folding_leaves_case_and_accents_out() -> None:
    assert fold("ÉMILIE Łódź") == fold("emilie łodz")
    assert fold("حَسَن") == "حسن"
    assert fold("МОСКВА") == "москва"
