"""`./run token`: print an access token of the built-in issuer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from fhir_server.commands.options import DataDir, settings_with


def token(
    tenant: Annotated[str, typer.Option(help="The tenant that the token is for.")],
    scope: Annotated[str, typer.Option(help='What it allows, such as "system/*.rs" or "system/Invoice.cruds".')],
    subject: Annotated[str, typer.Option(help="Who it is for; audit records name it.")] = "command-line",
    patient: Annotated[str, typer.Option(help="The id of the patient that patient/ scopes are about.")] = "",
    data_dir: DataDir = None,
) -> None:
    """Print a short-lived access token, for a server with the same --data-dir whose built-in issuer is on."""
    from fhir_server.authorization.built_in_issuer import TokenRequest, mint

    settings = settings_with(data_dir=data_dir)
    request = TokenRequest(
        tenant=tenant,
        scope=scope,
        subject=subject,
        issuer=settings.token_issuer,
        audience=settings.token_audience,
        lifetime_seconds=settings.token_lifetime_seconds,
        patient=patient,
    )
    typer.echo(mint(settings.data_dir, request, datetime.now(UTC)))
