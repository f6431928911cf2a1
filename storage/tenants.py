"""The tenant registry."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from ledger.tenant import Tenant
from storage.array_insert import ArrayInsert
from storage.pipeline import Statement
from storage.tables import facility, tenant
from storage.transaction import Database, Transaction

_INSERT = ArrayInsert(tenant, 1)
_INSERT_FACILITY = ArrayInsert(facility, 2)
_READ = Statement(
    "SELECT tenant_id, name, country, currency, timezone, active FROM billing.tenant WHERE tenant_id = $1"
)
_READ_SETTINGS = Statement("SELECT key, value FROM billing.tenant_setting WHERE tenant_id = $1 ORDER BY key")
_READ_FACILITIES = Statement("SELECT facility_id, name FROM billing.facility WHERE tenant_id = $1 ORDER BY facility_id")
_LOCK = Statement("SELECT FROM billing.tenant WHERE tenant_id = $1 FOR NO KEY UPDATE")
_FORGET_SETTINGS = Statement("DELETE FROM billing.tenant_setting WHERE tenant_id = $1 AND NOT key = ANY($2::text[])")
_IDS = Statement("SELECT tenant_id FROM billing.tenant WHERE tenant_id <> 'national' ORDER BY tenant_id")
_SET = Statement(
    "INSERT INTO billing.tenant_setting (tenant_id, key, value) VALUES ($1, $2, $3)"
    " ON CONFLICT (tenant_id, key) DO UPDATE SET value = excluded.value"
)
_CHANGE = Statement(
    "UPDATE billing.tenant SET name = $2, country = $3, timezone = $4, active = $5::boolean WHERE tenant_id = $1"
)
_SET_FACILITY = Statement(
    "INSERT INTO billing.facility (tenant_id, facility_id, name) VALUES ($1, $2, $3)"
    " ON CONFLICT (tenant_id, facility_id) DO UPDATE SET name = excluded.name"
)


async def read(database: Database, tenant_id: str) -> Tenant | None:
    rows, settings, facilities = await database.read_all(
        tenant_id, [(statement, (tenant_id,)) for statement in (_READ, _READ_SETTINGS, _READ_FACILITIES)]
    )
    if not rows:
        return None
    name, country, currency, timezone, active = rows[0][1:]
    return Tenant(
        tenant_id, name, country, currency, timezone, active, settings=dict(settings), facilities=dict(facilities)
    )


async def ids(audit_database: Database) -> list[str]:
    """All tenants but the reserved one, read by the role that may see them all."""
    return [row[0] for row in await audit_database.read("", _IDS)]


def insert(tx: Transaction, new: Tenant, created_at: datetime) -> None:
    tx.add(_INSERT, (new.id, new.name, new.country, new.currency, new.timezone, new.active, created_at))
    for facility_id, name in new.facilities.items():
        tx.add(_INSERT_FACILITY, (new.id, facility_id, name))
    set_settings(tx, new.settings)


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
    """Write what may change of a tenant: not its currency, which its accounts were opened in."""
    tx.send(_CHANGE, changed.id, changed.name, changed.country, changed.timezone, changed.active)
