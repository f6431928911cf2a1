"""The ledger of an account: which version of a resource made an entry, and by which index its postings are found."""

from __future__ import annotations

import psycopg
import pytest

from storage import account_ledger, aging, journal
from storage.account_ledger import SOURCE_VERSION
from storage.array_insert import made_of_tables
from storage.pipeline import Statement
from tests.database_server import DatabaseAccess
from tests.integration.billing.check.books import opened_books, write_a_month

# Of each entry the version that is found, and whether one of its source was written by the same transaction as it.
_FOUND = made_of_tables(
    f"SELECT e.entry_id, e.kind, s.version, EXISTS (SELECT FROM billing.resource_versions AS v WHERE v.tenant_id ="
    " e.tenant_id AND v.resource_type = e.source_type AND v.id = e.source_id AND v.version = s.version"
    " AND v.xmin = e.xmin), EXISTS (SELECT FROM billing.resource_versions AS v WHERE v.tenant_id = e.tenant_id"
    " AND v.resource_type = e.source_type AND v.id = e.source_id AND v.xmin = e.xmin)"
    f" FROM billing.journal_entry AS e CROSS JOIN LATERAL (SELECT {SOURCE_VERSION}) AS s(version)"
)


async def test_the_version_of_an_entry_is_of_its_transaction(fresh_database: DatabaseAccess) -> None:
    async with opened_books(fresh_database) as books:
        await write_a_month(books)
    with psycopg.connect(fresh_database.superuser) as connection:
        rows = connection.execute(_FOUND).fetchall()
    made_one = [row for row in rows if row[4]]
    assert len(made_one) > 20
    assert [row for row in made_one if not row[3]] == []


STRETCH = "'t', 'a', '2026-01-01', 'infinity', '2026-03-01', '2026-01-01', '-infinity', 0, 100"


@pytest.mark.parametrize(
    ("statement", "arguments"),
    [
        (account_ledger._LINES, STRETCH),
        (account_ledger._ENTRIES, f"{STRETCH}, '{{1100,1150}}'"),
        (journal._as_of((1100, 1150)), "'t', 'a', '{1100,1150}', '2026-03-01', 'infinity'"),
        (aging._UNPLANNED, "'t', 'a', '2026-03-01', 'infinity'"),
    ],
    ids=["lines", "entries", "sums", "aging"],
)
def test_days_and_moments_are_looked_up_in_the_index_under_row_level_security(
    fresh_database: DatabaseAccess, statement: Statement, arguments: str
) -> None:
    with psycopg.connect(fresh_database.app, autocommit=True) as connection:
        connection.execute("SET plan_cache_mode = force_generic_plan")
        connection.execute("SET enable_seqscan = off")
        connection.execute("SET enable_bitmapscan = off")
        connection.execute("SELECT set_config('billing.tenant', 't', false)")
        connection.execute(b"PREPARE asked AS " + statement.sql)
        rows = connection.execute(made_of_tables(f"EXPLAIN EXECUTE asked({arguments})")).fetchall()
    plan = [row[0] for row in rows]
    [at] = [number for number, line in enumerate(plan) if "using posting_account_idx" in line]
    assert "effective_at <=" in plan[at + 1], plan
    assert "recorded_at" in plan[at + 1], plan
