"""`./run upgrade`: move the embedded database to the PostgreSQL major of this release."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fhir_server.commands.options import DataDir, embedded_database, settings_with


def upgrade(
    old_binaries: Annotated[
        Path | None, typer.Option(help="Where the programs of the old PostgreSQL are, if not in the usual places.")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Move the embedded database to this release's PostgreSQL. The server must be stopped; the old files are kept."""
    from storage import postgres_upgrade

    settings = settings_with(data_dir=data_dir)
    kept = postgres_upgrade.upgrade(embedded_database(settings).data_dir, old_binaries)
    if kept is None:
        typer.echo(f"nothing to do: {settings.data_dir} holds no database of another PostgreSQL")
    else:
        typer.echo(f"done; the old files are in {kept} until you delete them")
