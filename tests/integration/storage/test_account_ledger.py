"""The version of a resource that made an entry is found by when both were written."""

from __future__ import annotations

import psycopg

from storage.account_ledger import SOURCE_VERSION
from storage.array_insert import made_of_tables
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
