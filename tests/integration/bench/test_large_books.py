"""The books that benchmarks are measured on are sound: what is measured is what a hospital has."""

from __future__ import annotations

import psycopg

from bench import large_books
from billing.check_ledger import check_ledger
from storage.transaction import Database
from tests.database_server import DatabaseAccess


async def test_multiplied_books_are_sound(fresh_database: DatabaseAccess) -> None:
    await large_books.make_first(fresh_database.app)
    large_books.multiply(fresh_database.superuser, accounts=4, onto_first=3, say=lambda _: None)
    with psycopg.connect(fresh_database.superuser) as connection:
        row = connection.execute("SELECT count(*), count(DISTINCT account_id) FROM billing.posting").fetchone()
    assert row == (8 * large_books.POSTINGS_OF_COPY, 5)
    audit = Database(fresh_database.audit, size_max=1)
    await audit.open()
    try:
        assert [str(finding) for finding in await check_ledger(audit)] == []
    finally:
        await audit.close()
