"""Price lists and their versions: written, brought into force, and read whole."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from ledger.price_list import Price, PriceList, PriceListVersion, PriceRule
from storage.advisory_locks import lock_conditions
from storage.array_insert import ArrayInsert
from storage.pipeline import Row, Statement
from storage.prices import LISTS
from storage.tables import price, price_list, price_list_version, price_rule
from storage.transaction import Reader, Transaction

_INSERT = ArrayInsert(price_list, 3)
_INSERT_VERSION = ArrayInsert(price_list_version, 4)
_INSERT_PRICE = ArrayInsert(price, 5)
_INSERT_RULE = ArrayInsert(price_rule, 6)

_LIST = (
    "SELECT tenant_id, list_id, name, level, facility, country, program_system, program_code FROM billing.price_list"
)
_READ = Statement(f"{_LIST} WHERE tenant_id = $1 AND list_id = $2")
_LOCK = Statement("SELECT FROM billing.price_list WHERE tenant_id = $1 AND list_id = $2 FOR NO KEY UPDATE")
_PAGE = Statement(f"{_LIST} WHERE tenant_id = $1 AND list_id > $2 ORDER BY list_id LIMIT $3::int")
_RENAME = Statement("UPDATE billing.price_list SET name = $3 WHERE tenant_id = $1 AND list_id = $2")
_VERSION = (
    "SELECT v.list_id, v.version, v.status, v.valid_from, v.valid_to, v.content_hash, v.activated_at, v.ended_at"
    " FROM billing.price_list_version AS v"
)
_VERSIONS = Statement(
    f"{_VERSION} WHERE v.tenant_id = $1 AND v.list_id = ANY($2::text[]) ORDER BY v.list_id, v.version"
)
# The active versions of the lists that are for the same as a list is, those of the list itself among them.
_RIVALS = Statement(
    f"{_VERSION} JOIN billing.price_list AS l ON l.tenant_id = v.tenant_id AND l.list_id = v.list_id"
    " JOIN billing.price_list AS o ON o.tenant_id = $1 AND o.list_id = $2"
    " AND (o.level, o.facility, o.country, o.program_system, o.program_code)"
    " IS NOT DISTINCT FROM (l.level, l.facility, l.country, l.program_system, l.program_code)"
    " WHERE v.tenant_id = $1 AND v.status = 'active' ORDER BY v.valid_from, v.list_id, v.version"
)
_ACTIVATE = Statement(
    "UPDATE billing.price_list_version SET status = 'active', activated_at = $4::timestamptz, activated_by = $5"
    " WHERE tenant_id = $1 AND list_id = $2 AND version = $3::int"
)
_DISCARD = Statement(
    "UPDATE billing.price_list_version SET status = 'discarded'"
    " WHERE tenant_id = $1 AND list_id = $2 AND version = $3::int"
)
_END = Statement(
    "UPDATE billing.price_list_version SET valid_to = $4::date, ended_at = $5::timestamptz, ended_by = $6"
    " WHERE tenant_id = $1 AND list_id = $2 AND version = $3::int"
)
_PRICES = Statement(
    "SELECT system, code, currency, amount_minor, unit, tax_category, tax_included, name FROM billing.price"
    " WHERE tenant_id = $1 AND list_id = $2 AND version = $3::int ORDER BY system, code, currency, unit"
)
_RULES = Statement(
    "SELECT rule_id, kind, percent, amount_minor, currency, system, code, modifier, modifier_system, name"
    " FROM billing.price_rule WHERE tenant_id = $1 AND list_id = $2 AND version = $3::int ORDER BY rule_id"
)


def insert(tx: Transaction, new: PriceList) -> None:
    program = new.program or (None, None)
    tx.add(
        _INSERT,
        (tx.tenant_id, new.id, new.name, new.level, new.facility, new.country, *program, tx.now, tx.actor),
    )


def rename(tx: Transaction, list_id: str, name: str) -> None:
    tx.send(_RENAME, tx.tenant_id, list_id, name)


def insert_version(
    tx: Transaction, version: PriceListVersion, prices: Sequence[Price], rules: Sequence[PriceRule]
) -> None:
    """Write a draft with all that stands in it."""
    key = (tx.tenant_id, version.list_id, version.version)
    window = (version.valid_from, version.valid_to, version.content_hash)
    tx.add(_INSERT_VERSION, (*key, version.status, *window, tx.now, tx.actor, None, None, None, None))
    for each in prices:
        tx.add(
            _INSERT_PRICE,
            (*key, *each.key, each.amount_minor, each.tax_category, each.tax_included, each.name),
        )
    for rule in rules:
        figures = (rule.percent, rule.amount_minor, rule.currency)
        about = (*(rule.code or (None, None)), rule.modifier_system, rule.modifier)
        tx.add(_INSERT_RULE, (*key, rule.id, rule.kind, *figures, *about, rule.name))


async def lock(tx: Transaction, list_id: str) -> PriceList | None:
    """The list, with its row locked: two who write versions of it go one after the other."""
    _, rows = await tx.fetch_all([(_LOCK, (tx.tenant_id, list_id)), (_READ, (tx.tenant_id, list_id))])
    await tx.read_clock()
    return _list(rows[0]) if rows else None


def lock_lists(tx: Transaction) -> None:
    """Wait for all who come into force or end, and for who found no price: there are no others until the end of this.

    Lists of other ids may be for the same facility and program, so it is all lists of the tenant that are locked.
    """
    lock_conditions(tx, [LISTS])


async def rivals(tx: Transaction, list_id: str) -> list[PriceListVersion]:
    """The active versions that are for the same as the list is, its own among them, by their first day."""
    return [_version(row) for row in await tx.fetch(_RIVALS, tx.tenant_id, list_id)]


def activate(tx: Transaction, list_id: str, version: int) -> None:
    tx.send(_ACTIVATE, tx.tenant_id, list_id, version, tx.now, tx.actor)


def discard(tx: Transaction, list_id: str, version: int) -> None:
    tx.send(_DISCARD, tx.tenant_id, list_id, version)


def end(tx: Transaction, list_id: str, version: int, last_day: date) -> None:
    tx.send(_END, tx.tenant_id, list_id, version, last_day, tx.now, tx.actor)


async def read(reader: Reader, tenant_id: str, list_id: str) -> PriceList | None:
    rows = await reader.read(tenant_id, _READ, tenant_id, list_id)
    return _list(rows[0]) if rows else None


async def page(reader: Reader, tenant_id: str, *, after: str = "", count: int = 1000) -> list[PriceList]:
    """Lists in the order of their ids."""
    return [_list(row) for row in await reader.read(tenant_id, _PAGE, tenant_id, after, count)]


async def versions(reader: Reader, tenant_id: str, list_ids: Sequence[str]) -> list[PriceListVersion]:
    """All versions of lists, oldest first."""
    return [_version(row) for row in await reader.read(tenant_id, _VERSIONS, tenant_id, list(list_ids))]


async def content(reader: Reader, tenant_id: str, list_id: str, version: int) -> tuple[list[Price], list[PriceRule]]:
    """All that stands in a version."""
    key = (tenant_id, list_id, version)
    prices, rules = await reader.read_all(tenant_id, [(_PRICES, key), (_RULES, key)])
    return [price_of_row(row) for row in prices], [rule_of_row(row) for row in rules]


def price_of_row(row: Row) -> Price:
    names = ("system", "code", "currency", "amount_minor", "unit", "tax_category", "tax_included", "name")
    return Price(**dict(zip(names, row, strict=True)))


def rule_of_row(row: Row) -> PriceRule:
    return PriceRule(
        id=row[0],
        kind=row[1],
        percent=row[2],
        amount_minor=row[3],
        currency=row[4],
        code=None if row[6] is None else (row[5], row[6]),
        modifier=row[7],
        modifier_system=row[8],
        name=row[9],
    )


def _list(row: Row) -> PriceList:
    return PriceList(
        tenant_id=row[0],
        id=row[1],
        name=row[2],
        level=row[3],
        facility=row[4],
        country=row[5],
        program=None if row[7] is None else (row[6], row[7]),
    )


def _version(row: Row) -> PriceListVersion:
    names = ("list_id", "version", "status", "valid_from", "valid_to", "content_hash", "activated_at", "ended_at")
    return PriceListVersion(**dict(zip(names, row, strict=True)))
