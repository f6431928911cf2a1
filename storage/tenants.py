"""The tenant registry."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from ledger.tenant import OPERATORS, Tenant
from storage.array_insert import ArrayInsert
from storage.pipeline import Row, Statement
from storage.tables import facility, tenant
from storage.transaction import Database, Reader, Transaction

_INSERT = ArrayInsert(tenant, 1)
_INSERT_FACILITY = ArrayInsert(facility, 2)
_COLUMNS = "tenant_id, name, country, currency, timezone, active"
_READ = Statement(
    f"SELECT {_COLUMNS}, extract(epoch FROM statement_timestamp() - confirmed_at)::float8"
    " FROM billing.tenant WHERE tenant_id = $1"
)
_READ_SETTINGS = Statement("SELECT key, value FROM billing.tenant_setting WHERE tenant_id = $1 ORDER BY key")
_READ_FACILITIES = Statement("SELECT facility_id, name FROM billing.facility WHERE tenant_id = $1 ORDER BY facility_id")
_LOCK = Statement("SELECT FROM billing.tenant WHERE tenant_id = $1 FOR NO KEY UPDATE")
_FORGET_SETTINGS = Statement("DELETE FROM billing.tenant_setting WHERE tenant_id = $1 AND NOT key = ANY($2::text[])")
_IDS = Statement("SELECT tenant_id FROM billing.tenant WHERE tenant_id <> 'national' ORDER BY tenant_id")
# $1: behind this id; $2: whether active, whatever it is where NULL
_PAGE = Statement(
    f"SELECT {_COLUMNS} FROM billing.tenant WHERE tenant_id > $1 AND tenant_id <> 'national'"
    " AND ($2::boolean IS NULL OR active = $2::boolean) ORDER BY tenant_id LIMIT $3::int"
)
_SET = Statement(
    "INSERT INTO billing.tenant_setting (tenant_id, key, value) VALUES ($1, $2, $3)"
    " ON CONFLICT (tenant_id, key) DO UPDATE SET value = excluded.value"
)
_CHANGE = Statement(
    "UPDATE billing.tenant SET name = $2, country = $3, timezone = $4, active = $5::boolean, currency = $6"
    " WHERE tenant_id = $1"
)
# An account has its currency for life, and a deleted one had it, too.
_HAS_ACCOUNTS = Statement(
    "SELECT EXISTS (SELECT FROM billing.resource_versions WHERE tenant_id = $1 AND resource_type = 'Account')"
)
_CONFIRM = Statement(
    "INSERT INTO billing.tenant (tenant_id, name, country, currency, timezone, active, created_at, confirmed_at)"
    " VALUES ($1, $2, $3, $4, $5, $6::boolean, statement_timestamp(), statement_timestamp())"
    " ON CONFLICT (tenant_id) DO UPDATE SET name = excluded.name, country = excluded.country,"
    " timezone = excluded.timezone, active = excluded.active, confirmed_at = excluded.confirmed_at,"
    " currency = CASE WHEN EXISTS (SELECT FROM billing.resource_versions AS v WHERE v.tenant_id = $1"
    " AND v.resource_type = 'Account') THEN billing.tenant.currency ELSE excluded.currency END"
)
_SUSPEND = Statement(
    "UPDATE billing.tenant SET active = false, confirmed_at = statement_timestamp() WHERE tenant_id = $1"
)
_SET_FACILITY = Statement(
    "INSERT INTO billing.facility (tenant_id, facility_id, name) VALUES ($1, $2, $3)"
    " ON CONFLICT (tenant_id, facility_id) DO UPDATE SET name = excluded.name"
)


class Registered(NamedTuple):
    """A tenant as it is registered; `age_seconds`: since the tenant service last said so, None where it never did."""

    tenant: Tenant
    age_seconds: float | None


async def read(reader: Reader, tenant_id: str) -> Tenant | None:
    registered = await read_registered(reader, tenant_id)
    return None if registered is None else registered.tenant


async def read_registered(reader: Reader, tenant_id: str) -> Registered | None:
    rows, settings, facilities = await reader.read_all(
        tenant_id, [(statement, (tenant_id,)) for statement in (_READ, _READ_SETTINGS, _READ_FACILITIES)]
    )
    if not rows:
        return None
    return Registered(_tenant(rows[0], settings=dict(settings), facilities=dict(facilities)), rows[0][6])


def _tenant(row: Row, **more: Mapping[str, str]) -> Tenant:
    tenant_id, name, country, currency, timezone, active = row[:6]
    return Tenant(tenant_id, name, country, currency, timezone, active, **more)


async def ids(audit_database: Database) -> list[str]:
    """All tenants but the reserved one, read by the role that may see them all."""
    return [row[0] for row in await audit_database.read("", _IDS)]


async def page(reader: Reader, *, after: str, active: bool | None, count: int) -> list[Tenant]:
    """Tenants without their facilities and settings, by id, as operators read them."""
    return [_tenant(row) for row in await reader.read(OPERATORS, _PAGE, after, active, count)]


def insert(tx: Transaction, new: Tenant, created_at: datetime) -> None:
    tx.add(_INSERT, (new.id, new.name, new.country, new.currency, new.timezone, new.active, created_at, None))
    for facility_id, name in new.facilities.items():
        tx.add(_INSERT_FACILITY, (new.id, facility_id, name))
    set_settings(tx, new.settings)


async def lock(tx: Transaction) -> Tenant | None:
    """The transaction's tenant, which nobody else changes until its end."""
    await tx.fetch(_LOCK, tx.tenant_id)
    return await read(tx, tx.tenant_id)


async def has_accounts(tx: Transaction) -> bool:
    """Whether the tenant has, or ever had, an account."""
    return bool((await tx.fetch(_HAS_ACCOUNTS, tx.tenant_id))[0][0])


async def lock_settings(tx: Transaction) -> dict[str, str]:
    """The tenant's settings as they are, which nobody else replaces until the end of the transaction."""
    _, rows = await tx.fetch_all([(_LOCK, (tx.tenant_id,)), (_READ_SETTINGS, (tx.tenant_id,))])
    return dict(rows)


def replace_settings(tx: Transaction, settings: Mapping[str, str]) -> None:
    """Have exactly these settings; every other one is at its default again."""
    tx.send(_FORGET_SETTINGS, tx.tenant_id, list(settings))
    set_settings(tx, settings)


def set_settings(tx: Transaction, settings: Mapping[str, str]) -> None:
    for key, value in settings.items():
        tx.send(_SET, tx.tenant_id, key, value)


def set_facility(tx: Transaction, facility_id: str, name: str) -> None:
    tx.send(_SET_FACILITY, tx.tenant_id, facility_id, name)


def change(tx: Transaction, changed: Tenant) -> None:
    """Write what may change of a tenant."""
    row = (changed.id, changed.name, changed.country, changed.timezone, changed.active, changed.currency)
    tx.send(_CHANGE, *row)


def confirm(tx: Transaction, facts: Tenant) -> None:
    """Register what the tenant service says, but for another currency where there are accounts. Settings stay."""
    row = (facts.id, facts.name, facts.country, facts.currency, facts.timezone, facts.active)
    tx.send(_CONFIRM, *row)
    for facility_id, name in facts.facilities.items():
        set_facility(tx, facility_id, name)


def suspend(tx: Transaction) -> None:
    """Register that the tenant service knows the tenant no longer."""
    tx.send(_SUSPEND, tx.tenant_id)
