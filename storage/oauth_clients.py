"""Clients of the built-in token endpoint, and the assertions that were used."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from storage.pipeline import Statement
from storage.transaction import Reader, Transaction

_READ = Statement(
    "SELECT client_id, name, scope, jwks_url, jwks FROM billing.oauth_client WHERE tenant_id = $1 AND client_id = $2"
)
_LIST = Statement(
    "SELECT client_id, name, scope, jwks_url, jwks FROM billing.oauth_client WHERE tenant_id = $1 ORDER BY client_id"
)
_INSERT = Statement(
    "INSERT INTO billing.oauth_client (tenant_id, client_id, name, scope, jwks_url, jwks, created_at)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7::timestamptz) ON CONFLICT DO NOTHING RETURNING client_id"
)
_DELETE = Statement("DELETE FROM billing.oauth_client WHERE tenant_id = $1 AND client_id = $2 RETURNING client_id")
_USE = Statement(
    "INSERT INTO billing.oauth_assertion (tenant_id, client_id, jti, expires_at)"
    " VALUES ($1, $2, $3, $4::timestamptz) ON CONFLICT DO NOTHING RETURNING jti"
)
_FORGET = Statement("DELETE FROM billing.oauth_assertion WHERE tenant_id = $1 AND expires_at < $2::timestamptz")


class OAuthClient(NamedTuple):
    """A client. Its keys come from `jwks_url`, or are `jwks`, a JSON Web Key Set as text."""

    client_id: str
    name: str
    scope: str
    jwks_url: str | None
    jwks: str | None


async def read(reader: Reader, tenant_id: str, client_id: str) -> OAuthClient | None:
    rows = await reader.read(tenant_id, _READ, tenant_id, client_id)
    return OAuthClient(*rows[0]) if rows else None


async def read_all(reader: Reader, tenant_id: str) -> list[OAuthClient]:
    return [OAuthClient(*row) for row in await reader.read(tenant_id, _LIST, tenant_id)]


async def insert(tx: Transaction, client: OAuthClient, created_at: datetime) -> bool:
    """False where there is one of this id already."""
    return bool(await tx.fetch(_INSERT, tx.tenant_id, *client, created_at))


async def delete(tx: Transaction, client_id: str) -> bool:
    return bool(await tx.fetch(_DELETE, tx.tenant_id, client_id))


async def use_assertion(tx: Transaction, client_id: str, jti: str, expires_at: datetime, now: datetime) -> bool:
    """Note that an assertion is used; False where it was already. Those that have expired are forgotten."""
    tx.send(_FORGET, tx.tenant_id, now)
    return bool(await tx.fetch(_USE, tx.tenant_id, client_id, jti, expires_at))
