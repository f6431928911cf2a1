"""`./run settings`: every setting, its default and what it means, as in docs/configuration.md."""

from __future__ import annotations

import typer


def settings() -> None:
    """Print every setting as a table."""
    from fhir_server.settings import table

    typer.echo(table())
