"""`./run rotate-key`: have the built-in issuer sign with a new key."""

from __future__ import annotations

import typer

from fhir_server.commands.options import DataDir, settings_with


def rotate_key(data_dir: DataDir = None) -> None:
    """Sign with a new key from now on. Tokens of the key before are valid still, until this is done once more."""
    from fhir_server.authorization.built_in_issuer import rotate_key as rotate

    typer.echo(f"key {rotate(settings_with(data_dir=data_dir).data_dir)}")
