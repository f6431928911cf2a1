"""Price lists and what charges were priced at, read for `./run check`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import Decimal

from ledger.price_list import Coding, Price, PriceRule
from ledger.pricing import ListKey, PriceBook
from storage.check_snapshot import LIMIT, Snapshot
from storage.pipeline import Row, Statement
from storage.price_lists import price_of_row, rule_of_row
from storage.prices import priced_list_of_row

# list, version, list, version: both in force on some day for the same
OVERLAPS = Statement(
    "SELECT a.list_id, a.version, b.list_id, b.version FROM billing.price_list_version AS a"
    " JOIN billing.price_list AS l ON l.tenant_id = a.tenant_id AND l.list_id = a.list_id"
    " JOIN billing.price_list AS m ON m.tenant_id = l.tenant_id"
    " AND (m.level, m.facility, m.country, m.program_system, m.program_code)"
    " IS NOT DISTINCT FROM (l.level, l.facility, l.country, l.program_system, l.program_code)"
    " JOIN billing.price_list_version AS b ON b.tenant_id = m.tenant_id AND b.list_id = m.list_id"
    " AND (b.list_id, b.version) > (a.list_id, a.version)"
    " WHERE a.tenant_id = $1 AND a.status = 'active' AND b.status = 'active'"
    " AND a.valid_from <= coalesce(b.valid_to, 'infinity') AND b.valid_from <= coalesce(a.valid_to, 'infinity')"
    " ORDER BY 1, 2, 3, 4" + LIMIT
)
_VERSIONS = Statement(
    "SELECT list_id, version, valid_from, content_hash FROM billing.price_list_version"
    " WHERE tenant_id = $1 ORDER BY list_id, version"
)
_PRICES = (
    "SELECT system, code, currency, amount_minor, unit, tax_category, tax_included, name, list_id, version"
    " FROM billing.price"
)
_RULES = (
    "SELECT rule_id, kind, percent, amount_minor, currency, system, code, modifier, modifier_system, name, list_id,"
    " version FROM billing.price_rule"
)
_PRICES_OF_VERSION = Statement(f"{_PRICES} WHERE tenant_id = $1 AND list_id = $2 AND version = $3::int")
_RULES_OF_VERSION = Statement(f"{_RULES} WHERE tenant_id = $1 AND list_id = $2 AND version = $3::int")
_LATEST = Statement(
    "SELECT DISTINCT ON (charge_item_id) charge_item_id, list_tenant, list_id, list_version, system, code, currency,"
    " unit, service_date, unit_price_minor, quantity, factor, tax_category, tax_rate, base_minor, surcharge_minor,"
    " discount_minor, exemption_minor, rules, priced_at FROM billing.charge_price"
    " WHERE tenant_id = $1 AND charge_item_id = ANY($2::text[]) ORDER BY charge_item_id, charge_version DESC"
)
_LISTS = Statement(
    "SELECT v.tenant_id, v.list_id, v.version, l.level, l.facility, l.program_system, l.program_code, v.valid_from,"
    " CASE WHEN v.ended_at IS NULL THEN v.valid_to END FROM unnest($1::text[], $2::text[], $3::int[]) AS w(t, l, v)"
    " JOIN billing.price_list_version AS v ON v.tenant_id = w.t AND v.list_id = w.l AND v.version = w.v"
    " JOIN billing.price_list AS l ON l.tenant_id = v.tenant_id AND l.list_id = v.list_id WHERE v.status = 'active'"
)
_PRICES_OF_LISTS = Statement(
    "SELECT p.tenant_id, p.list_id, p.version, p.system, p.code, p.currency, p.amount_minor, p.unit, p.tax_category,"
    " p.tax_included, p.name FROM unnest($1::text[], $2::text[], $3::int[]) AS w(t, l, v)"
    " JOIN billing.price AS p ON p.tenant_id = w.t AND p.list_id = w.l AND p.version = w.v"
    " AND (p.system, p.code) IN (SELECT * FROM unnest($4::text[], $5::text[]))"
)
_RULES_OF_LISTS = Statement(
    "SELECT r.tenant_id, r.list_id, r.version, r.rule_id, r.kind, r.percent, r.amount_minor, r.currency, r.system,"
    " r.code, r.modifier, r.modifier_system, r.name FROM unnest($1::text[], $2::text[], $3::int[]) AS w(t, l, v)"
    " JOIN billing.price_rule AS r ON r.tenant_id = w.t AND r.list_id = w.l AND r.version = w.v"
    " WHERE r.code IS NULL OR (r.system, r.code) IN (SELECT * FROM unnest($4::text[], $5::text[]))"
    " ORDER BY r.rule_id"
)


@dataclass(frozen=True, slots=True)
class ListContent:
    """A version of a list with all that stands in it."""

    list_id: str
    version: int
    valid_from: date
    content_hash: str
    prices: list[Price]
    rules: list[PriceRule]


@dataclass(frozen=True, slots=True)
class ChargePrice:
    """What a charge was priced at last."""

    key: ListKey
    code: Coding
    currency: str
    unit: str
    service_date: date
    unit_price_minor: int
    quantity: Decimal
    factor: Decimal
    tax_category: str | None
    tax_rate: Decimal | None
    base_minor: int
    surcharge_minor: int
    discount_minor: int
    exemption_minor: int
    rules: tuple[str, ...]
    priced_at: datetime

    @property
    def amount_minor(self) -> int:
        return self.base_minor + self.surcharge_minor - self.discount_minor - self.exemption_minor


async def lists(snapshot: Snapshot, tenant_id: str) -> AsyncIterator[ListContent]:
    """All versions of all lists of a tenant, one after the other."""
    for list_id, version, valid_from, content_hash in await snapshot.rows(_VERSIONS, tenant_id):
        key = (tenant_id, list_id, version)
        prices, rules = await snapshot.rows_of_all([(_PRICES_OF_VERSION, key), (_RULES_OF_VERSION, key)])
        yield ListContent(
            list_id,
            version,
            valid_from,
            content_hash,
            [price_of_row(row[:8]) for row in prices],
            [rule_of_row(row[:10]) for row in rules],
        )


async def charge_prices(snapshot: Snapshot, tenant_id: str, ids: Sequence[str]) -> dict[str, ChargePrice]:
    """What charges were priced at last, by their ids."""
    return {row[0]: _charge_price(row) for row in await snapshot.rows(_LATEST, tenant_id, list(ids))}


def _charge_price(row: Row) -> ChargePrice:
    names = [each.name for each in fields(ChargePrice)][2:]
    values = dict(zip(names, (*row[6:18], tuple(row[18]), row[19]), strict=True))
    return ChargePrice(key=(row[1], row[2], row[3]), code=(row[4], row[5]), **values)


async def book_of(snapshot: Snapshot, priced: Sequence[ChargePrice]) -> PriceBook:
    """What the lists say by which charges were priced. A version that was ended later counts as if it had not been."""
    book = PriceBook({}, {}, {})
    if not priced:
        return book
    keys = sorted({each.key for each in priced})
    codes = sorted({each.code for each in priced})
    named = [list(column) for column in zip(*keys, strict=True)]
    coded = [list(column) for column in zip(*codes, strict=True)]
    lists_, prices, rules = await snapshot.rows_of_all(
        [(_LISTS, named), (_PRICES_OF_LISTS, [*named, *coded]), (_RULES_OF_LISTS, [*named, *coded])]
    )
    for row in lists_:
        key = (row[0], row[1], row[2])
        book.lists[key] = priced_list_of_row(row)
    for row in prices:
        price = price_of_row(row[3:])
        book.prices.setdefault((price.system, price.code), {})[(row[0], row[1], row[2]), price.key] = price
    for row in rules:
        rule = rule_of_row(row[3:])
        book.rules.setdefault((row[0], row[1], row[2]), {})[rule.id] = rule
    return book
