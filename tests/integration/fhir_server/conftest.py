"""One application for the tests of a worker, and a new tenant for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.database_server import DatabaseAccess
from tests.integration.serving import Hospital, Server, hospital_of, serving


@pytest_asyncio.fixture(scope="session")
async def server(database: DatabaseAccess, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    async with serving(database, tmp_path_factory.mktemp("data")) as running:
        yield running


@pytest_asyncio.fixture
async def hospital(server: Server) -> AsyncIterator[Hospital]:
    async with hospital_of(server) as one:
        yield one
