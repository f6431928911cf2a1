"""Clients that get tokens of the built-in token endpoint: added, listed and removed by the operator."""

from __future__ import annotations

import re

from ledger.errors import conflict, invalid, not_found
from storage import oauth_clients, tenants
from storage.oauth_clients import OAuthClient
from storage.transaction import Database, Transaction

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_OPERATOR = "operator"


def client_id_of(tenant_id: str, name: str) -> str:
    """`demo.his-1`: the id says the tenant, so that the client is found without asking all of them."""
    return f"{tenant_id}.{name}"


def tenant_of_client(client_id: str) -> str:
    """The tenant that a client's id says; empty where it is no such id."""
    tenant_id, dot, name = client_id.partition(".")
    return tenant_id if dot and _NAME.fullmatch(tenant_id) and _NAME.fullmatch(name) else ""


async def add_client(
    database: Database, tenant_id: str, name: str, scope: str, *, jwks_url: str | None = None, jwks: str | None = None
) -> OAuthClient:
    """Register a client of a tenant. Refused where the tenant is unknown or the name is taken."""
    if not _NAME.fullmatch(name):
        raise invalid("client-name", "A client's name is made of a-z, 0-9 and hyphens, at most 63 of them.")
    if await tenants.read(database, tenant_id) is None:
        raise not_found("tenant-unknown", f"There is no tenant {tenant_id}.")
    client = OAuthClient(client_id_of(tenant_id, name), name, " ".join(scope.split()), jwks_url, jwks)

    async def work(tx: Transaction) -> None:
        if not await oauth_clients.insert(tx, client, await tx.read_clock()):
            raise conflict("client-exists", f"There is a client {client.client_id} already.")

    await database.run(tenant_id, _OPERATOR, work)
    return client


async def remove_client(database: Database, client_id: str) -> None:
    """Remove a client: it gets no more tokens. Those that it has are valid until they expire."""
    tenant_id = tenant_of_client(client_id)

    async def work(tx: Transaction) -> None:
        if not await oauth_clients.delete(tx, client_id):
            raise not_found("client-unknown", f"There is no client {client_id}.")

    if not tenant_id:
        raise not_found("client-unknown", f"There is no client {client_id}.")
    await database.run(tenant_id, _OPERATOR, work)
