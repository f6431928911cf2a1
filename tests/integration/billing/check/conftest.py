"""Sound books, and books that a test may spoil: in databases that nobody looks at as a whole but these tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.database_server import DatabaseAccess, DatabaseServer
from tests.integration.billing.check.books import Books, opened_books, write_a_month


@pytest.fixture(scope="session")
def books_database(database_server: DatabaseServer) -> Iterator[DatabaseAccess]:
    with database_server.database() as access:
        yield access


@pytest_asyncio.fixture(scope="session")
async def sound_books(books_database: DatabaseAccess) -> AsyncIterator[Books]:
    """The books of a tenant with something of everything in them, made once: to look at, not to change."""
    async with opened_books(books_database) as opened:
        await write_a_month(opened)
        yield opened


@pytest.fixture
async def own_books(fresh_database: DatabaseAccess) -> AsyncIterator[Books]:
    """The same in a database of the test's own."""
    async with opened_books(fresh_database) as opened:
        await write_a_month(opened)
        yield opened
