"""Which database a command works on: the one at DATABASE_URL, or the embedded one of the data directory."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from fhir_server.settings import Settings, variable_of
from storage.embedded_postgres import EmbeddedPostgres
from storage.roles import Role

log = logging.getLogger(__name__)

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
