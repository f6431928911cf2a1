"""Which tenants there are, in the registry and in the data, read for `./run check`."""

from __future__ import annotations

from typing import NamedTuple

from storage.check_snapshot import Snapshot, sql
from storage.pipeline import Statement
from storage.tables import metadata

# Who was refused because no such tenant is registered, is logged all the same.
_MAY_BE_UNREGISTERED = frozenset({"tenant", "access_log"})

_REGISTERED = Statement("SELECT tenant_id, timezone FROM billing.tenant ORDER BY tenant_id")


def _distinct(table: str) -> str:
    """The tenants of a table, each found by one step of its primary key, in which the tenant comes first."""
    return (
        f"SELECT tenant_id, '{table}' FROM (WITH RECURSIVE t AS ("
        f"(SELECT tenant_id FROM billing.{table} ORDER BY tenant_id LIMIT 1) UNION ALL"
        f" SELECT (SELECT n.tenant_id FROM billing.{table} AS n WHERE n.tenant_id > t.tenant_id"
        " ORDER BY n.tenant_id LIMIT 1) FROM t WHERE t.tenant_id IS NOT NULL)"
        " SELECT tenant_id FROM t WHERE tenant_id IS NOT NULL) AS found"
    )


# tenant, the tables that have rows of it; $1: the tenants that are looked at, all where it is NULL
_UNREGISTERED = sql(
    "SELECT tenant_id, string_agg(named, ', ' ORDER BY named) FROM ("
    + " UNION ALL ".join(
        _distinct(table.name) for table in metadata.sorted_tables if table.name not in _MAY_BE_UNREGISTERED
    )
    + ") AS used(tenant_id, named) WHERE ($1::text[] IS NULL OR tenant_id = ANY ($1::text[]))"
    " AND NOT EXISTS (SELECT FROM billing.tenant AS t WHERE t.tenant_id = used.tenant_id)"
    " GROUP BY tenant_id ORDER BY tenant_id"
)


class RegisteredTenant(NamedTuple):
    id: str
    timezone: str


async def registered(snapshot: Snapshot) -> list[RegisteredTenant]:
    return [RegisteredTenant(*row) for row in await snapshot.rows(_REGISTERED)]


async def unregistered(snapshot: Snapshot, tenants: list[str] | None) -> list[tuple[str, str]]:
    """(tenant, the tables that have rows of it) of tenants that the registry does not know."""
    return [(row[0], row[1]) for row in await snapshot.rows(_UNREGISTERED, tenants)]
