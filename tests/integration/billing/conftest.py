"""A hospital for each test, on connections that all tests of a worker share. At the end all their books are proved."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from billing.check_ledger import check_ledger
from storage.transaction import Database
from tests.database_server import DatabaseAccess
from tests.integration.billing.hospital import OPENED, Hospital


@pytest_asyncio.fixture(scope="session")
async def connected(database: DatabaseAccess) -> AsyncIterator[Database]:
    """The serving connections, as the application role."""
    opened, audit = Database(database.app, size_max=4), Database(database.audit, size_max=1)
    await opened.open()
    yield opened
    await opened.close()
    await audit.open()
    assert [str(finding) for finding in await check_ledger(audit, OPENED)] == []
    await audit.close()


@pytest_asyncio.fixture
async def hospital(connected: Database) -> Hospital:
    return await Hospital.open(connected)
