"""A hospital for each test, on connections that all tests of a worker share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from storage.transaction import Database
from tests.database_server import DatabaseAccess
from tests.integration.billing.hospital import Hospital


@pytest_asyncio.fixture(scope="session")
async def connected(database: DatabaseAccess) -> AsyncIterator[Database]:
    """The serving connections, as the application role."""
    opened = Database(database.app, size_max=4)
    await opened.open()
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def hospital(connected: Database) -> Hospital:
    return await Hospital.open(connected)
