"""`./run restore`: put a dump back, after which everything goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fhir_server.commands.options import DataDir, embedded_database, settings_with


def restore(
    file: Annotated[Path, typer.Argument(help="A file that ./run backup wrote.")],
    force: Annotated[bool, typer.Option("--force", help="Replace a database that is not empty.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Put the dump in FILE into the embedded database, and migrate it. The server must be stopped."""
    from fhir_server.commands.seal import accept_heads
    from fhir_server.database import migrate, with_urls_of
    from storage import backup

    settings = settings_with(data_dir=data_dir)
    with embedded_database(settings).running() as postgres:
        backup.restore(postgres, file.absolute(), force=force)
        reachable = with_urls_of(postgres, settings)
        migrate(reachable)
        # The books go on from where the dump ends; what was sealed after it is named.
        accept_heads(reachable)
    typer.echo(f"restored {file} into {settings.data_dir}; ./run check proves the books")
