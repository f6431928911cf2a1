"""Capturing a charge by itself: whether it is posted, the entry, and what an entry says was captured."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from ledger.capture import (
    Capture,
    Reductions,
    capture_entry,
    capture_of,
    captured_by,
    facility_of,
    service_date_of,
)
from ledger.charge_item import ChargeItem
from ledger.chart import LedgerAccount as L
from ledger.journal import JournalEntry, Posting
from tests.unit.ledger.refusals import refused

DAY = date(2026, 3, 1)
CHARGE = ChargeItem(
    id="c",
    status="billable",
    account_id="a",
    amount_minor=900,
    amount_currency="AFN",
    performing_organization="Organization/north",
)


def test_a_charge_that_is_billable_priced_and_placed_is_posted() -> None:
    assert capture_of(CHARGE, DAY) == Capture("a", "AFN", 900, DAY, "north", 0, 0)
    assert capture_of(replace(CHARGE, status="billed"), DAY, Reductions(70, 30)) == Capture(
        "a", "AFN", 900, DAY, "north", 70, 30
    )


@pytest.mark.parametrize(
    "changed", [{"status": "planned"}, {"account_id": None}, {"amount_minor": None}, {"amount_minor": 0}]
)
def test_what_is_not_due_yet_or_costs_nothing_is_not_posted(changed: dict[str, object]) -> None:
    assert capture_of(replace(CHARGE, **changed), DAY) is None  # type: ignore[arg-type]


def test_what_costs_nothing_after_its_reductions_is_posted_with_them() -> None:
    free = replace(CHARGE, amount_minor=0)
    assert capture_of(free, DAY, Reductions(0, 500)) == Capture("a", "AFN", 0, DAY, "north", 0, 500)


def test_a_capture_debits_what_is_unbilled_and_credits_revenue() -> None:
    entry = capture_entry("c", Capture("a", "AFN", 900, DAY, "north"))
    assert entry == JournalEntry(
        kind="charge-captured",
        currency="AFN",
        effective_at=DAY,
        service_date=DAY,
        source_type="ChargeItem",
        source_id="c",
        postings=(
            Posting(L.UNBILLED_RECEIVABLE, 900, "a", charge_item_id="c", facility="north"),
            Posting(L.PATIENT_REVENUE, -900, "a", charge_item_id="c", facility="north"),
        ),
    )


def test_what_a_list_took_off_is_booked_against_revenue_too() -> None:
    entry = capture_entry("c", Capture("a", "AFN", 800, DAY, None, 150, 50))
    assert entry.postings == (
        Posting(L.UNBILLED_RECEIVABLE, 800, "a", charge_item_id="c"),
        Posting(L.PATIENT_REVENUE, -1000, "a", charge_item_id="c"),
        Posting(L.COURTESY_DISCOUNTS, 150, "a", charge_item_id="c"),
        Posting(L.CHARITY, 50, "a", charge_item_id="c"),
    )


@pytest.mark.parametrize(
    "capture",
    [
        Capture("a", "AFN", 900, DAY, "north"),
        Capture("a", "KWD", 1, DAY, None, 150, 50),
        Capture("a", "JPY", 0, DAY, None, 0, 50),
    ],
)
def test_an_entry_says_what_was_captured(capture: Capture) -> None:
    assert captured_by(capture_entry("c", capture)) == capture


def test_the_day_of_the_service_is_kept_where_the_books_count_it_later() -> None:
    entry = replace(capture_entry("c", Capture("a", "AFN", 900, DAY, None)), effective_at=date(2026, 4, 1))
    assert captured_by(entry).service_date == DAY
    assert captured_by(replace(entry, service_date=None)).service_date == date(2026, 4, 1)


def test_the_day_of_a_service_is_the_first_that_is_said() -> None:
    both = replace(CHARGE, occurrence_date_time="2026-03-01T22:00:00Z", occurrence_period_start="2026-02-01")
    assert service_date_of(both, "Asia/Kabul") == date(2026, 3, 2)
    assert service_date_of(replace(CHARGE, occurrence_period_start="2026-02"), "Asia/Kabul") == date(2026, 2, 1)
    assert service_date_of(replace(CHARGE, occurrence_period_end="2026-02-05"), "Asia/Kabul") == date(2026, 2, 5)
    assert service_date_of(CHARGE, "Asia/Kabul") is None


@pytest.mark.parametrize(
    ("reference", "facility"),
    [
        ("Organization/north", "north"),
        ("https://fhir.example/Organization/n-1.b", "n-1.b"),
        ("Practitioner/north", None),
        ("Organization/", None),
        (None, None),
    ],
)
def test_a_facility_is_known_by_the_id_of_its_organization(reference: str | None, facility: str | None) -> None:
    assert facility_of(reference) == facility


def test_what_a_list_took_off_may_be_as_much_as_what_is_left() -> None:
    half = replace(CHARGE, amount_minor=500)
    assert capture_of(half, DAY, Reductions(300, 200)) == Capture("a", "AFN", 500, DAY, "north", 300, 200)


def test_a_date_that_is_none_is_refused_at_the_occurrence() -> None:
    late = replace(CHARGE, occurrence_date_time="9999-12-31T23:00:00Z")
    message = "Send a date within the years 1 to 9999."
    expected = [("rule_broken", "date-out-of-range", message, "ChargeItem.occurrence")]
    assert refused(service_date_of, late, "Asia/Kabul") == expected
