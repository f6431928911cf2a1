"""Which of two partial dates is certainly later."""

import pytest

from mappers.r4.periods import is_later


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2027", "2026"),
        ("2026-02", "2026-01"),
        ("2026-02", "2025"),
        ("2026", "2025-12-31"),
        ("2026-03-02", "2026-03-01"),
        ("2026-03-01", "2026-02"),
        ("2026-03-01T10:00:01Z", "2026-03-01T10:00:00Z"),
        ("2026-03-01T10:00:00.002Z", "2026-03-01T10:00:00.001Z"),
        ("2026-03-01T10:00:00Z", "2026-03-01T11:00:00+02:00"),
        ("2026-03-03T00:00:00Z", "2026-03-01"),
    ],
)
def test_what_is_certainly_later_is_later(start: str, end: str) -> None:
    assert is_later(start, end)
    assert not is_later(end, start)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026", "2026"),
        ("2026-03", "2026"),
        ("2026", "2026-01"),
        ("2026-02-29", "2026-01-01"),
        ("2026-03-01T10:00:00Z", "2026-03-01"),
        ("2026-03-02T06:00:00Z", "2026-03-01"),
        ("2026-03-01T10:00:00Z", "2026-03-01T12:00:00+02:00"),
        ("2026-03-01T10:00:00.100Z", "2026-03-01T10:00:00.1Z"),
        ("tomorrow", "2026"),
        ("2026", ""),
    ],
)
def test_what_may_be_the_same_or_no_date_is_not_later(start: str, end: str) -> None:
    assert not is_later(start, end)
