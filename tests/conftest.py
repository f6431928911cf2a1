"""What all tests share: the database server of the run, and one migrated database per pytest worker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.database_server import DatabaseAccess, DatabaseServer, ServerOfThisRun, wait_for_server

_SERVER = pytest.StashKey[ServerOfThisRun]()


def pytest_configure(config: pytest.Config) -> None:
    is_xdist_worker = hasattr(config, "workerinput")
    if not is_xdist_worker and not config.option.collectonly:
        config.stash[_SERVER] = ServerOfThisRun()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell an xdist worker where to look for the server."""
    if _SERVER in node.config.stash:
        node.workerinput["server_directory"] = str(node.config.stash[_SERVER].directory)


def pytest_unconfigure(config: pytest.Config) -> None:
    if _SERVER in config.stash:
        config.stash[_SERVER].stop()


@pytest.fixture(scope="session")
def database_server(pytestconfig: pytest.Config) -> DatabaseServer:
    """The server, with the roles set up and a migrated template database."""
    if _SERVER in pytestconfig.stash:
        return wait_for_server(pytestconfig.stash[_SERVER].directory)
    workerinput: dict[str, str] = pytestconfig.workerinput  # type: ignore[attr-defined]  # set by xdist
    return wait_for_server(Path(workerinput["server_directory"]))


@pytest.fixture(scope="session")
def database(database_server: DatabaseServer) -> Iterator[DatabaseAccess]:
    """The migrated database of this pytest worker. Tests share it, each under a tenant of its own."""
    with database_server.database() as access:
        yield access


@pytest.fixture
def fresh_database(database_server: DatabaseServer) -> Iterator[DatabaseAccess]:
    """A migrated database for one test alone, for those that damage it or look at all of it."""
    with database_server.database() as access:
        yield access


@pytest.fixture
def empty_database(database_server: DatabaseServer) -> Iterator[DatabaseAccess]:
    """A database with the roles and the schema, but not migrated."""
    with database_server.database(migrated=False) as access:
        yield access
