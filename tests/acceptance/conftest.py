"""What acceptance tests share: connections of the server, of the auditor and of one who sees all rows; a directory."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from storage.embedded_postgres import EmbeddedPostgres
from storage.transaction import Database
from tests.acceptance.books import Books, Reader
from tests.acceptance.demo_server import DemoServer, serving_demo
from tests.database_server import DatabaseAccess


@pytest.fixture
async def app(database: DatabaseAccess) -> AsyncIterator[Database]:
    """The server's connections."""
    opened = Database(database.app, size_max=16)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
async def auditor(database: DatabaseAccess) -> AsyncIterator[Database]:
    opened = Database(database.audit)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
def reader(database: DatabaseAccess) -> Iterator[Reader]:
    opened = Reader(database.superuser)
    yield opened
    opened.close()


@pytest.fixture
async def books(app: Database) -> Books:
    return await Books.open(app)


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A data directory that every account can reach (pytest's own are closed to all but its user)."""
    parent = Path(tempfile.mkdtemp(prefix="billing-kills-"))
    parent.chmod(0o711)
    yield parent / "data"
    shutil.rmtree(EmbeddedPostgres(parent / "data").home, ignore_errors=True)
    shutil.rmtree(parent)


@pytest.fixture(scope="module")
def demo_server() -> Iterator[DemoServer]:
    with serving_demo() as server:
        yield server
