"""What price lists have for codes, in one array statement for all of a transaction; what each charge was priced at.

Prices are asked for before they are needed, so that the question travels with the one that locks the accounts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from typing import NamedTuple

from ledger.price_list import Coding, Price, PriceRule
from ledger.pricing import ListKey, PriceBook, PricedList, Pricing
from ledger.tax_rule import TaxRule
from ledger.tenant import NATIONAL
from storage import advisory_locks
from storage.array_insert import ArrayInsert
from storage.pipeline import Row, Statement
from storage.tables import charge_price
from storage.transaction import Transaction

LISTS = "price lists"
"""The condition that is locked while a version of a list comes into force or ends, and shared by who found no price."""

_INSERT = ArrayInsert(charge_price, 870)

# In force on a day from $4 to $5, for the tenant $1 in the country $2; $3 and the last are the codes.
_IN_FORCE = (
    "v.status = 'active' AND v.valid_from <= $5::date AND (v.valid_to IS NULL OR v.valid_to >= $4::date)"
    " AND (l.country IS NULL OR l.country = $2)"
)
_LIST = " JOIN billing.price_list AS l ON l.tenant_id = v.tenant_id AND l.list_id = v.list_id"
# OFFSET 0 has it done in this order, code by code on the index: no list is read whole, also where PostgreSQL does not
# know yet how many prices there are.
_PRICES = Statement(
    "SELECT p.tenant_id, p.list_id, p.version, f.level, f.facility, f.program_system, f.program_code, f.valid_from,"
    " f.valid_to, p.system, p.code, p.currency, p.amount_minor, p.unit, p.tax_category, p.tax_included"
    " FROM unnest($6::text[], $3::text[]) AS w(system, code)"
    " CROSS JOIN LATERAL (SELECT * FROM billing.price WHERE tenant_id IN ($1, 'national')"
    " AND code = w.code AND system = w.system OFFSET 0) AS p"
    " CROSS JOIN LATERAL (SELECT l.*, v.valid_from, v.valid_to FROM billing.price_list_version AS v"
    + _LIST
    + " WHERE v.tenant_id = p.tenant_id AND v.list_id = p.list_id AND v.version = p.version AND "
    + _IN_FORCE
    + " OFFSET 0) AS f"
)
_RULES = Statement(
    "SELECT r.tenant_id, r.list_id, r.version, r.rule_id, r.kind, r.percent, r.amount_minor, r.currency, r.system,"
    " r.code, r.modifier, r.modifier_system FROM billing.price_list_version AS v"
    " JOIN billing.price_rule AS r ON r.tenant_id = v.tenant_id AND r.list_id = v.list_id AND r.version = v.version"
    + _LIST
    + " WHERE v.tenant_id IN ($1, 'national') AND (r.code IS NULL OR r.code = ANY($3::text[])) AND "
    + _IN_FORCE
    + " ORDER BY r.tenant_id, r.list_id, r.version, r.rule_id"
)
_LATEST = Statement(
    "SELECT DISTINCT ON (charge_item_id) charge_item_id, discount_minor, exemption_minor FROM billing.charge_price"
    " WHERE tenant_id = $1 AND charge_item_id = ANY($2::text[]) ORDER BY charge_item_id, charge_version DESC"
)

Days = tuple[date, date]
ANY_DAY: Days = (date.min, date.max)


@dataclass(slots=True)
class KnownPrices:
    """What a transaction has asked so far: for which codes on which days, and what there is.

    `is_settled`: no version can come into force any more before the end of this transaction.
    """

    asked: dict[Coding, list[Days]] = field(default_factory=dict)
    book: PriceBook = field(default_factory=lambda: PriceBook({}, {}, {}))
    is_settled: bool = False
    tax_rules: list[TaxRule] | None = None

    def knows(self, coding: Coding, days: Days) -> bool:
        return any(first <= days[0] and days[1] <= last for first, last in self.asked.get(coding, ()))


def ask(tx: Transaction, country: str, codes: Iterable[Coding], days: Days) -> None:
    """Have prices of codes read on the way of the next question, where they are not known yet."""
    known = known_by(tx)
    unknown = [coding for coding in codes if not known.knows(coding, days)]
    if unknown:
        _ask(tx, country, sorted(set(unknown)), days)


async def book_for(tx: Transaction, country: str, codes: Sequence[Coding], day: date) -> PriceBook:
    """Prices and rules that may matter for codes on a day."""
    known = known_by(tx)
    ask(tx, country, codes, (day, day))
    if tx.has_questions:
        await tx.flush()
    return known.book


async def settle(tx: Transaction, country: str, codes: Sequence[Coding], day: date) -> PriceBook:
    """The same, and nothing that comes into force at this moment is missed: its activation waits, and then sees us."""
    known = known_by(tx)
    if not known.is_settled:
        advisory_locks.share_conditions(tx, (tx.tenant_id, NATIONAL), LISTS)
        known.asked, known.is_settled = {}, True
    return await book_for(tx, country, codes, day)


def known_by(tx: Transaction) -> KnownPrices:
    if tx.known_prices is None:
        tx.known_prices = KnownPrices()
    return tx.known_prices


def _ask(tx: Transaction, country: str, codes: Sequence[Coding], days: Days) -> None:
    known = known_by(tx)
    parameters = (tx.tenant_id, country, [code for _, code in codes], *days)
    tx.ask(partial(_take_prices, known.book), _PRICES, *parameters, [system for system, _ in codes])
    tx.ask(partial(_take_rules, known.book), _RULES, *parameters)
    for coding in codes:
        known.asked.setdefault(coding, []).append(days)


def priced_list_of_row(row: Row) -> PricedList:
    """A version of a list: the first nine columns."""
    return PricedList(
        tenant_id=row[0],
        list_id=row[1],
        version=row[2],
        level=row[3],
        facility=row[4],
        program=None if row[6] is None else (row[5], row[6]),
        valid_from=row[7],
        valid_to=row[8],
    )


def _take_prices(book: PriceBook, rows: Sequence[Row]) -> None:
    # Many prices are of one list, which is read anew with each question.
    lists: dict[ListKey, PricedList] = {}
    for row in rows:
        key = (row[0], row[1], row[2])
        if key not in lists:
            lists[key] = priced_list_of_row(row)
        price = Price(
            system=row[9],
            code=row[10],
            currency=row[11],
            amount_minor=row[12],
            unit=row[13],
            tax_category=row[14],
            tax_included=row[15],
        )
        book.prices.setdefault((row[9], row[10]), {})[key, price.key] = price
    book.lists.update(lists)


def _take_rules(book: PriceBook, rows: Sequence[Row]) -> None:
    for row in rows:
        book.rules.setdefault((row[0], row[1], row[2]), {})[row[3]] = PriceRule(
            id=row[3],
            kind=row[4],
            percent=row[5],
            amount_minor=row[6],
            currency=row[7],
            code=None if row[9] is None else (row[8], row[9]),
            modifier=row[10],
            modifier_system=row[11],
        )


class PricedReductions(NamedTuple):
    """What the list took off the price of a charge when it was priced last, in minor units."""

    discount_minor: int
    exemption_minor: int


def record(tx: Transaction, charge_item_id: str, charge_version: int, pricing: Pricing, priced_at: datetime) -> None:
    """Add what a version of a charge was priced at."""
    listed, price, wanted, tax = pricing.list, pricing.price, pricing.wanted, pricing.tax
    tx.add(
        _INSERT,
        (
            *(tx.tenant_id, charge_item_id, charge_version, *listed.key),
            *(price.system, price.code, price.currency, price.unit, wanted.day, price.amount_minor),
            *(wanted.quantity, wanted.factor, price.tax_category),
            *((None, None) if tax is None else (tax.percent, tax.rule)),
            *(pricing.base.minor_units, pricing.surcharge.minor_units),
            *(pricing.discount.minor_units, pricing.exemption.minor_units),
            "{" + ",".join(pricing.rules) + "}",
            priced_at,
        ),
    )


async def latest_reductions(tx: Transaction, charge_item_id: str) -> PricedReductions:
    """What was taken off when a list priced the charge last; nothing where none ever did."""
    rows = await tx.fetch(_LATEST, tx.tenant_id, [charge_item_id])
    return PricedReductions(*rows[0][1:]) if rows else PricedReductions(0, 0)
