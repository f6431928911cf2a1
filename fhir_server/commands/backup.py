"""`./run backup`: dump the embedded database to a file, also while the server serves."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fhir_server.commands.options import DataDir, embedded_database, settings_with


def backup(
    file: Annotated[Path, typer.Argument(help="The file to write; one that is there is replaced.")],
    data_dir: DataDir = None,
) -> None:
    """Dump the embedded database to FILE: one consistent snapshot of all tenants."""
    from storage.backup import back_up

    settings = settings_with(data_dir=data_dir)
    with embedded_database(settings).attached() as postgres:
        back_up(postgres, file.absolute())
    typer.echo(f"{file}: {file.stat().st_size:,} bytes")
