"""Tax rules: added, ended, and those that a tenant goes by - its own and its country's."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from ledger.tax_rule import TaxRule
from storage.advisory_locks import lock_conditions
from storage.array_insert import ArrayInsert
from storage.pipeline import Row, Statement
from storage.tables import tax_rule
from storage.transaction import Reader, Transaction

_RULES = "tax rules"

_INSERT = ArrayInsert(tax_rule, 7)
_RULE = (
    "SELECT tenant_id, rule_id, category, code, treatment, percent, valid_from, valid_to, system, inclusive, facility,"
    " country, name FROM billing.tax_rule"
)
_OF_TENANT = Statement(f"{_RULE} WHERE tenant_id = $1 ORDER BY rule_id")
_FOR_TENANT = Statement(
    f"{_RULE} WHERE tenant_id = $1 OR (tenant_id = 'national' AND country = $2) ORDER BY tenant_id, rule_id"
)
_PAGE = Statement(f"{_RULE} WHERE tenant_id = $1 AND rule_id > $2 ORDER BY rule_id LIMIT $3::int")
_READ = Statement(f"{_RULE} WHERE tenant_id = $1 AND rule_id = $2")
_END = Statement(
    "UPDATE billing.tax_rule SET valid_to = $3::date, ended_at = $4::timestamptz, ended_by = $5"
    " WHERE tenant_id = $1 AND rule_id = $2"
)

# The tax category of the list that priced a charge last.
_CATEGORIES = Statement(
    "SELECT charge_item_id, tax_category FROM (SELECT DISTINCT ON (charge_item_id) charge_item_id, tax_category"
    " FROM billing.charge_price WHERE tenant_id = $1 AND charge_item_id = ANY($2::text[])"
    " ORDER BY charge_item_id, charge_version DESC) AS latest WHERE tax_category IS NOT NULL"
)

Query = tuple[Statement, Sequence[Any]]


async def lock_all(tx: Transaction) -> list[TaxRule]:
    """All rules of the tenant; whoever else adds or ends one waits for the end of this transaction."""
    lock_conditions(tx, [_RULES])
    found = [_rule(row) for row in await tx.fetch(_OF_TENANT, tx.tenant_id)]
    await tx.read_clock()
    return found


def insert(tx: Transaction, rule: TaxRule) -> None:
    tax = (rule.category, rule.system, rule.code, rule.treatment, rule.percent, rule.inclusive)
    about = (rule.facility, rule.country, rule.name, rule.valid_from, rule.valid_to)
    tx.add(_INSERT, (tx.tenant_id, rule.id, *tax, *about, tx.now, tx.actor, None, None))


def end(tx: Transaction, rule_id: str, last_day: date) -> None:
    tx.send(_END, tx.tenant_id, rule_id, last_day, tx.now, tx.actor)


def query(tenant_id: str, country: str) -> Query:
    """The statement that reads the rules which a tenant goes by; `rules_of` makes them of its rows."""
    return _FOR_TENANT, (tenant_id, country)


def categories_query(tenant_id: str, charge_item_ids: Sequence[str]) -> Query:
    """The statement that reads (charge, tax category) of charges that price lists priced."""
    return _CATEGORIES, (tenant_id, list(charge_item_ids))


def rules_of(rows: Sequence[Row]) -> list[TaxRule]:
    return [_rule(row) for row in rows]


async def read(reader: Reader, tenant_id: str, rule_id: str) -> TaxRule | None:
    rows = await reader.read(tenant_id, _READ, tenant_id, rule_id)
    return _rule(rows[0]) if rows else None


async def page(reader: Reader, tenant_id: str, *, after: str = "", count: int = 1000) -> list[TaxRule]:
    """Rules of the tenant by id, from behind one."""
    return [_rule(row) for row in await reader.read(tenant_id, _PAGE, tenant_id, after, count)]


async def for_tenant(reader: Reader, tenant_id: str, country: str) -> list[TaxRule]:
    """The rules that a tenant goes by: its own, and its country's."""
    return rules_of(await reader.read(tenant_id, _FOR_TENANT, tenant_id, country))


def _rule(row: Row) -> TaxRule:
    return TaxRule(
        tenant_id=row[0],
        id=row[1],
        category=row[2],
        code=row[3],
        treatment=row[4],
        percent=row[5],
        valid_from=row[6],
        valid_to=row[7],
        system=row[8],
        inclusive=row[9],
        facility=row[10],
        country=row[11],
        name=row[12],
    )
