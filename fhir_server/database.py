"""Which database a command works on: the one at DATABASE_URL, or the embedded one of the data directory."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from fhir_server.settings import Settings, variable_of
from fhir_server.worker_processes import ServeError
from storage.embedded_postgres import EmbeddedPostgres
from storage.roles import Role, refuse_unreachable
from storage.transaction import Database

log = logging.getLogger(__name__)

Result = TypeVar("Result")

_URL_SETTINGS = {
    Role.APP: "database_url",
    Role.MIGRATE: "migrate_database_url",
    Role.WORKER: "worker_database_url",
    Role.AUDIT: "audit_database_url",
}


@contextmanager
def serving_database(settings: Settings) -> Iterator[Settings]:
    """The settings with every database URL filled in. The embedded server runs as long as this lasts, for us alone."""
    if settings.database_url:
        refuse_unreachable(settings.database_url)
        yield settings
    else:
        with EmbeddedPostgres(settings.data_dir).running() as postgres:
            yield with_urls_of(postgres, settings)


@contextmanager
def reachable_database(settings: Settings) -> Iterator[Settings]:
    """The same for a command beside a running server, which it then uses; else the embedded server runs for a while."""
    if settings.database_url:
        yield settings
    else:
        with EmbeddedPostgres(settings.data_dir).attached() as postgres:
            yield with_urls_of(postgres, settings)


@contextmanager
def migrated_database(settings: Settings) -> Iterator[Settings]:
    """The same, at the schema of this release: for a command that may well be the first on a data directory."""
    with reachable_database(settings) as reachable:
        if reachable.migrate_database_url:
            migrate(reachable)
        yield reachable


def run_as(role: Role, settings: Settings, work: Callable[[Database], Awaitable[Result]]) -> Result:
    """Do the work on one connection of that role to the database that these settings name."""
    url = getattr(settings, _URL_SETTINGS[role])
    if not url:
        raise ServeError(f"{url_variable(role)} is not set, and this needs it")
    return asyncio.run(_with_connection(url, work))


async def _with_connection(url: str, work: Callable[[Database], Awaitable[Result]]) -> Result:
    database = Database(url, size_max=1)
    await database.open()
    try:
        return await work(database)
    finally:
        await database.close()


def migrate(settings: Settings) -> None:
    """Bring the database to the schema of this release, where these settings have the role that may."""
    from storage.migrations import upgrade

    if settings.migrate_database_url:
        upgrade(settings.migrate_database_url)
    else:
        log.warning("BILLING_MIGRATE_DATABASE_URL is not set, so the database is taken as it is, without migrating")


def url_variable(role: Role) -> str:
    """The environment variable that holds the URL for a role."""
    return variable_of(_URL_SETTINGS[role])


def with_urls_of(postgres: EmbeddedPostgres, settings: Settings) -> Settings:
    """The settings with the embedded server's conninfo for each role."""
    return settings.changed(**{name: postgres.dsn(role) for role, name in _URL_SETTINGS.items()})
