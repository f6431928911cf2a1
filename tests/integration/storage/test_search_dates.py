"""All prefixes over dates, times and periods of any precision, compared with what the specification says of intervals.

https://hl7.org/fhir/R4/search.html#prefix
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from mappers.search_dates import Interval, read_interval
from tests.database_server import DatabaseAccess
from tests.integration.searching import NOW, searched_tenant

FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)

# Around the edges of a year, a month, a day and a second, in several zones.
DATES = (
    "2025",
    "2025-12",
    "2025-12-31",
    "2025-12-31T23:59:59Z",
    "2025-12-31T23:59:59.999Z",
    "2026",
    "2026-01",
    "2026-01-01",
    "2026-01-01T00:00:00Z",
    "2026-01-01T00:00:00.000Z",
    "2026-01-01T00:00:00.5Z",
    "2026-01-01T00:00:01Z",
    "2026-01-01T04:30:00+04:30",
    "2026-01-01T00:00:00+04:30",
    "2026-01-02",
    "2026-01-31",
    "2026-02",
    "2026-02-28",
    "2026-03-01T00:00:00-05:00",
    "2027",
)
PERIODS = (
    ("2025-12-31", "2026-01-01"),
    ("2026-01-01", "2026-01-01"),
    ("2026-01-01", "2026-01-31"),
    ("2026-01", "2026-02"),
    ("2026-01-01T00:00:00Z", None),
    (None, "2026-01-01"),
    ("2024", "2028"),
)
# The events and the bounds of a timing, and its outer limits.
TIMINGS: tuple[tuple[list[str], dict[str, str] | None, tuple[str | None, str | None]], ...] = (
    (["2026-01-01"], None, ("2026-01-01", "2026-01-01")),
    (["2026-02", "2025-12-31T23:59:59Z"], None, ("2025-12-31T23:59:59Z", "2026-02")),
    ([], {"start": "2026-01-01", "end": "2026-01-31"}, ("2026-01-01", "2026-01-31")),
    ([], {"end": "2026-01-01"}, (None, "2026-01-01")),
    (["2027"], {"start": "2026-01-01", "end": "2026-01-02"}, ("2026-01-01", "2027")),
)
ASKED = (
    "2025",
    "2026",
    "2026-01",
    "2026-02",
    "2025-12-31",
    "2026-01-01",
    "2026-01-01T00:00Z",
    "2026-01-01T00:00:00Z",
    "2026-01-01T00:00:00.500Z",
    "2025-12-31T23:59:59.999Z",
    "2026-03-01",
)
PREFIXES = ("", "ne", "gt", "ge", "lt", "le", "sa", "eb", "ap")


def holds(prefix: str, stored: Interval, asked: Interval) -> bool:
    match prefix:
        case "":
            return asked.low <= stored.low and stored.high <= asked.high
        case "ne":
            return not holds("", stored, asked)
        case "gt":
            return stored.high > asked.high
        case "lt":
            return stored.low < asked.low
        case "ge":
            return holds("gt", stored, asked) or holds("", stored, asked)
        case "le":
            return holds("lt", stored, asked) or holds("", stored, asked)
        case "sa":
            return stored.low > asked.high
        case "eb":
            return stored.high < asked.low
        case _:
            gap = max(asked.low - NOW, NOW - asked.high, timedelta()) / 10
            return stored.low <= asked.high + gap and stored.high >= asked.low - gap


def interval(text: str) -> Interval:
    found = read_interval(text)
    assert found is not None
    return found


def period(start: str | None, end: str | None) -> Interval:
    return Interval(interval(start).low if start else FIRST, interval(end).high if end else LAST)


@pytest.mark.parametrize("resource_type", ["Invoice", "ChargeItem", "Account"])
async def test_each_prefix_finds_what_the_specification_says(database: DatabaseAccess, resource_type: str) -> None:
    stored: dict[str, Interval] = {}
    documents: list[dict[str, Any]] = []
    plain = {"resourceType": resource_type, "status": "planned" if resource_type == "ChargeItem" else "active"}
    if resource_type == "ChargeItem":
        plain |= {"code": {"text": "x"}}  # type: ignore[dict-item]
    parameter = {"Invoice": "date", "ChargeItem": "occurrence", "Account": "period"}[resource_type]
    if resource_type != "Account":
        element = {"Invoice": "date", "ChargeItem": "occurrenceDateTime"}[resource_type]
        for number, text in enumerate(DATES):
            stored[f"d{number}"] = interval(text)
            documents.append({**plain, "id": f"d{number}", element: text})
    if resource_type != "Invoice":
        element = {"ChargeItem": "occurrencePeriod", "Account": "servicePeriod"}[resource_type]
        for number, (start, end) in enumerate(PERIODS):
            stored[f"p{number}"] = period(start, end)
            ends = {name: text for name, text in (("start", start), ("end", end)) if text}
            documents.append({**plain, "id": f"p{number}", element: ends})
    if resource_type == "ChargeItem":
        for number, (events, within, limits) in enumerate(TIMINGS):
            stored[f"t{number}"] = period(*limits)
            timing: dict[str, Any] = {"event": events} if events else {}
            timing |= {"repeat": {"boundsPeriod": within}} if within else {}
            documents.append({**plain, "id": f"t{number}", "occurrenceTiming": timing})
        unlimited = {"repeat": {"frequency": 3, "period": 1, "periodUnit": "d"}}
        documents.append({**plain, "id": "unlimited", "occurrenceTiming": unlimited})
    documents.append({**plain, "id": "none"})
    async with searched_tenant(database) as tenant:
        await tenant.store(*documents)
        for prefix, text in product(PREFIXES, ASKED):
            expected = sorted(id_ for id_, each in stored.items() if holds(prefix, each, interval(text)))
            search = f"{resource_type}?{parameter}={prefix}{text}"
            assert await tenant.find(search) == expected, search
            pages = [page async for page in tenant.pages(f"{search}&_sort=-{parameter}&_count=3")]
            assert sorted(match.anchor.id for page in pages for match in page.matches) == expected, search
