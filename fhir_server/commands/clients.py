"""`./run clients`: who gets tokens of the built-in token endpoint by SMART Backend Services - add, list, remove."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fhir_server.commands.options import DataDir, settings_with

if TYPE_CHECKING:
    from storage.oauth_clients import OAuthClient
    from storage.transaction import Database

clients = typer.Typer(no_args_is_help=True, help="Clients of the built-in token endpoint: add, list, remove.")


@clients.command()
def add(
    name: Annotated[str, typer.Argument(help="Its name: a-z, 0-9 and hyphens. The client id is TENANT.NAME.")],
    tenant: Annotated[str, typer.Option(help="The tenant whose data it works with.")],
    scope: Annotated[str, typer.Option(help='The most that it may ask for, such as "system/*.rs".')],
    jwks: Annotated[str, typer.Option(help="Its public keys: a file with a JWKS, or the https URL of one.")],
    data_dir: DataDir = None,
) -> None:
    """Register a client by its public keys; prints its client id."""
    from billing.oauth_clients import add_client
    from fhir_server.database import migrated_database, run_as
    from fhir_server.trusted_issuer import check_jwks_url
    from storage.roles import Role

    is_url = jwks.startswith(("http://", "https://"))
    try:
        url, keys = (check_jwks_url(jwks), None) if is_url else (None, _public_keys(Path(jwks).expanduser()))
    except (OSError, ValueError, KeyError, TypeError) as failure:
        raise typer.BadParameter(f"--jwks: {failure}") from None

    async def work(database: Database) -> OAuthClient:
        return await add_client(database, tenant, name, scope, jwks_url=url, jwks=keys)

    with migrated_database(settings_with(data_dir=data_dir)) as reachable:
        typer.echo(run_as(Role.APP, reachable, work).client_id)


@clients.command("list")
def list_clients(
    tenant: Annotated[str | None, typer.Option(help="Of this tenant; of all, if it is not given.")] = None,
    data_dir: DataDir = None,
) -> None:
    """List the clients, with what they may ask for and where their keys are from."""
    from fhir_server.database import migrated_database, run_as
    from storage.oauth_clients import read_all
    from storage.roles import Role
    from storage.tenants import ids

    with migrated_database(settings_with(data_dir=data_dir)) as reachable:
        tenants = [tenant] if tenant is not None else run_as(Role.AUDIT, reachable, ids)

        async def work(database: Database) -> list[OAuthClient]:
            return [client for each in tenants for client in await read_all(database, each)]

        for client in run_as(Role.APP, reachable, work):
            typer.echo(f"{client.client_id}  {client.scope}  {client.jwks_url or 'keys given'}")


@clients.command()
def remove(
    client: Annotated[str, typer.Argument(metavar="CLIENT_ID", help="As `list` shows it.")], data_dir: DataDir = None
) -> None:
    """Remove a client: it gets no more tokens; those that it has expire within minutes."""
    from billing.oauth_clients import remove_client
    from fhir_server.database import migrated_database, run_as
    from storage.roles import Role

    async def work(database: Database) -> None:
        await remove_client(database, client)

    with migrated_database(settings_with(data_dir=data_dir)) as reachable:
        run_as(Role.APP, reachable, work)
    typer.echo(f"removed {client}")


def _public_keys(file: Path) -> str:
    """The keys of a JWKS file, private parts left out: they are nobody's business here."""
    from joserfc.errors import JoseError
    from joserfc.jwk import KeySet

    try:
        keys = KeySet.import_key_set(json.loads(file.read_text(encoding="utf-8")))
    except JoseError as failure:
        raise ValueError(f"{file} is no JSON Web Key Set: {failure}") from None
    if not keys.keys or any(key.key_type not in {"RSA", "EC"} for key in keys.keys):
        raise ValueError(f"{file} must hold one or more RSA or EC keys")
    return json.dumps(keys.as_dict(private=False))
