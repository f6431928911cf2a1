"""A server and a dispatcher that may send to the loopback, and a subscriber there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import pytest_asyncio

from billing.endpoint_policy import EndpointPolicy
from subscriptions.dispatcher import Dispatcher
from subscriptions.settings import DispatcherSettings
from tests.database_server import DatabaseAccess
from tests.integration.serving import BASE, Hospital, Server, hospital_of, serving
from tests.integration.subscriptions.receiver import Receiver, receiving

LOOPBACK = "127.0.0.0/8, localhost"


@pytest_asyncio.fixture(scope="session")
async def server(database: DatabaseAccess, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    async with serving(database, tmp_path_factory.mktemp("data"), subscription_allow=LOOPBACK) as running:
        yield running


@pytest_asyncio.fixture
async def hospital(server: Server) -> AsyncIterator[Hospital]:
    async with hospital_of(server) as one:
        yield one


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as one:
        yield one


@asynccontextmanager
async def dispatching(access: DatabaseAccess, **changed: Any) -> AsyncIterator[Dispatcher]:
    """A dispatcher at work. It tries again soon, so that nobody has to wait."""
    values: dict[str, Any] = {
        "database_url": access.worker,
        "base_url": BASE,
        "endpoints": EndpointPolicy.of_text(LOOPBACK),
        "attempts_max": 4,
        "retry_seconds": 0.05,
        "retry_seconds_max": 0.2,
    }
    dispatcher = Dispatcher(DispatcherSettings(**(values | changed)))
    working = asyncio.create_task(dispatcher.run())
    try:
        yield dispatcher
    finally:
        working.cancel()
        with suppress(asyncio.CancelledError):
            await working


@pytest_asyncio.fixture
async def dispatcher(database: DatabaseAccess) -> AsyncIterator[Dispatcher]:
    async with dispatching(database) as one:
        yield one
