"""How histories are found: by an index, as the application role under row-level security, however long they are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from storage.history import HistoryWanted, Position, page_query
from storage.pipeline import parameters
from storage.resource_rows import RESOURCE_TYPES
from tests.database_server import DatabaseAccess, DatabaseServer

ROWS = 20_000
_FILL = f"""
INSERT INTO billing.resource_versions (tenant_id, resource_type, id, version, last_updated, interaction, content,
    mapper_version, created_by)
SELECT 'big', (ARRAY['ChargeItem', 'Invoice'])[1 + n % 2], 'r' || n / 6, 1 + n % 6 / 2,
    '2026-01-01'::timestamptz + n * interval '1 second', 'update', '{{}}', 1, 'test'
FROM generate_series(1, {ROWS}) AS n
"""
MOMENT = datetime(2026, 1, 1, 3, tzinfo=UTC)
AFTER = Position(MOMENT, "Invoice", "r1800", 2)


@pytest.fixture(scope="module")
def filled(database_server: DatabaseServer) -> Iterator[DatabaseAccess]:
    with database_server.database() as access:
        with psycopg.connect(access.superuser) as connection:
            connection.execute(_FILL)
        with psycopg.connect(access.superuser, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
        yield access


def rows_touched(access: DatabaseAccess, wanted: HistoryWanted) -> Any:
    statement, values = page_query("big", wanted)
    texts = [value.decode() for value in parameters(values) if value is not None]
    with psycopg.connect(access.app, autocommit=True) as connection:
        connection.execute("SET plan_cache_mode = force_generic_plan")
        connection.execute("SELECT set_config('billing.tenant', 'big', false)")
        connection.execute(b"PREPARE history AS " + statement.sql)
        arguments = ", ".join(f"'{text}'" for text in texts)
        row = connection.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE history({arguments})").fetchone()
        assert row is not None
        return sum(map(touched, nodes(row[0][0]["Plan"])))


def nodes(plan: Any) -> Iterator[Any]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


def touched(node: Any) -> Any:
    is_scan = "Scan" in node["Node Type"] and node["Node Type"] != "Subquery Scan"
    return node["Actual Loops"] * (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) if is_scan else 0


@pytest.mark.parametrize(
    ("wanted", "oldest_first"),
    [
        ({}, False),
        ({}, True),
        ({"after": AFTER}, False),
        ({"after": AFTER}, True),
        ({"since": MOMENT}, False),
        ({"since": MOMENT}, True),
        ({"since": MOMENT, "after": AFTER}, False),
        ({"since": MOMENT, "after": AFTER}, True),
        # Oldest first it is looked for from the start: what was made long before may still be current.
        ({"at": (datetime(2026, 1, 1, 2, tzinfo=UTC), MOMENT)}, False),
    ],
)
@pytest.mark.parametrize("types", [("Invoice",), RESOURCE_TYPES])
def test_a_page_touches_few_versions(
    filled: DatabaseAccess, types: tuple[str, ...], wanted: dict[str, Any], oldest_first: bool
) -> None:
    page = HistoryWanted(types=types, id=None, count=20, oldest_first=oldest_first, **wanted)
    assert rows_touched(filled, page) <= 200
