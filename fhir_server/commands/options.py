"""Options that several commands share, and how they become settings."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from fhir_server.settings import Settings
    from storage.embedded_postgres import EmbeddedPostgres

DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Where the embedded database and the signing key are kept. [default: ./var]"),
]


def settings_with(**options: Any) -> Settings:
    """The settings of the environment, with what was given on the command line instead, and logging set up by them."""
    from fhir_server import log
    from fhir_server.settings import Settings, unknown_variables

    settings = Settings().changed(**options)
    log.configure(settings)
    for name in unknown_variables(os.environ):
        logging.getLogger(__name__).warning("there is no setting %s; ./run settings lists them all", name)
    return settings


def embedded_database(settings: Settings) -> EmbeddedPostgres:
    """The embedded database, for commands that are about it and no other."""
    from storage.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresError

    if settings.database_url:
        raise EmbeddedPostgresError(
            "DATABASE_URL is set, and this command is for the embedded database. "
            "A server of your own is backed up, restored and upgraded with PostgreSQL's own tools, as a superuser"
        )
    return EmbeddedPostgres(settings.data_dir)
