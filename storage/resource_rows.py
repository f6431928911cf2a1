"""The rows of a resource: its table, its index table and the tables of its repeating elements.

Written and read field by field from the records of `ledger`. That each table has the columns of its record is asserted
when the statements are made.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from functools import cache, lru_cache
from operator import attrgetter, itemgetter
from typing import Any

import sqlalchemy as sa

from ledger.account import Account
from ledger.charge_item import ChargeItem
from ledger.invoice import Invoice, InvoiceLine, PayerShare, PriceComponent
from ledger.payment_notice import PaymentNotice
from ledger.payment_reconciliation import PaymentDetail, PaymentReconciliation
from ledger.resource import NO_MONEY, DecimalMoney, IndexRow, Resource
from ledger.subscription import Subscription
from storage import tables
from storage.array_insert import ArrayInsert, made_of_tables, sql_type, written_columns
from storage.pipeline import Row, Statement
from storage.tables.invoice import TOTALS
from storage.transaction import Transaction

_NO_MONEY = list(NO_MONEY)
_INHERITED = ("id", "version", "last_updated", "source", "index", "residue")

Query = tuple[Statement, Sequence[Any]]


class RecordShape:
    """How a dataclass becomes columns: DecimalMoney is three, every other field one."""

    def __init__(self, record_class: type, *, leave: Iterable[str] = ()) -> None:
        self._money_at: list[int] = []
        self.names: list[str] = []
        self.columns: list[str] = []
        left = set(leave)
        for field in fields(record_class):
            if field.name in left:
                continue
            is_money = field.type in ("DecimalMoney", DecimalMoney)
            if is_money:
                self._money_at.append(len(self.names))
            self.names.append(field.name)
            self.columns += (
                [f"{field.name}_minor", f"{field.name}_currency", f"{field.name}_scale"] if is_money else [field.name]
            )
        self._values_of = attrgetter(*self.names)

    def row(self, record: Any) -> list[Any]:
        values: list[Any] = list(self._values_of(record))
        # From the last one, so that the places of those before stay what they are.
        for at in reversed(self._money_at):
            values[at : at + 1] = values[at]
        return values

    def fields(self, row: Sequence[Any]) -> dict[str, Any]:
        values = list(row)
        for at in self._money_at:
            money = values[at : at + 3]
            values[at : at + 3] = [NO_MONEY if money == _NO_MONEY else DecimalMoney(*money)]
        return dict(zip(self.names, values, strict=True))


@dataclass(frozen=True)
class Child:
    """A repeating element in a table of its own.

    `rows` takes a record apart into (key columns after the parent's id, element); `attach` puts an element back.
    """

    table: sa.Table
    element_class: type
    keys: tuple[str, ...]
    rows: Callable[[Any], Iterable[tuple[tuple[int, ...], Any]]]
    attach: Callable[[Any, tuple[int, ...], Any], None]
    leave: tuple[str, ...] = ()


def _invoice_components(invoice: Invoice) -> Iterable[tuple[tuple[int, ...], PriceComponent]]:
    for line_position, line in enumerate(invoice.lines):
        for position, component in enumerate(line.components):
            yield (line_position, position), component
    for position, component in enumerate(invoice.totals):
        yield (TOTALS, position), component


def _attach_component(invoice: Invoice, key: tuple[int, ...], component: PriceComponent) -> None:
    (invoice.totals if key[0] == TOTALS else invoice.lines[key[0]].components).append(component)


def _listed(attribute: str) -> dict[str, Any]:
    return {
        "keys": ("position",),
        "rows": lambda record: (((at,), element) for at, element in enumerate(getattr(record, attribute))),
        "attach": lambda record, _key, element: getattr(record, attribute).append(element),
    }


@dataclass(frozen=True)
class _Kept:
    record_class: type[Resource]
    table: sa.Table
    index: sa.Table
    children: tuple[Child, ...] = ()
    leave: tuple[str, ...] = ()


_KEPT = {
    "Account": _Kept(Account, tables.account, tables.account_index),
    "ChargeItem": _Kept(ChargeItem, tables.charge_item, tables.charge_item_index),
    "Invoice": _Kept(
        Invoice,
        tables.invoice,
        tables.invoice_index,
        (
            Child(tables.invoice_line, InvoiceLine, leave=("components",), **_listed("lines")),
            Child(
                tables.invoice_price_component,
                PriceComponent,
                ("line_position", "position"),
                _invoice_components,
                _attach_component,
            ),
            Child(tables.invoice_payer_share, PayerShare, **_listed("shares")),
        ),
        ("lines", "totals", "shares"),
    ),
    "PaymentReconciliation": _Kept(
        PaymentReconciliation,
        tables.payment_reconciliation,
        tables.payment_reconciliation_index,
        (Child(tables.payment_detail, PaymentDetail, **_listed("details")),),
        ("details",),
    ),
    "PaymentNotice": _Kept(PaymentNotice, tables.payment_notice, tables.payment_notice_index),
    "Subscription": _Kept(Subscription, tables.subscription, tables.subscription_index),
}

RESOURCE_TYPES = tuple(_KEPT)

_ORDER = 10
"""Where the resource tables stand among all that a transaction adds: after tenants, before the journal."""


class ResourceRows:
    """The statements of one resource type."""

    def __init__(self, kept: _Kept, order: int) -> None:
        self.table = kept.table
        self._record_class = kept.record_class
        self._index_table = kept.index
        self._shape = RecordShape(kept.record_class, leave=("index", *kept.leave))
        _same_columns(self._shape.columns, kept.table, ("tenant_id",))
        self._insert = ArrayInsert(kept.table, order)
        self._to_table = _order_of(["tenant_id", *self._shape.columns], self._insert.columns)
        self._index_insert = ArrayInsert(kept.index, order + 1)
        self._update = _update_statement(kept.table, self._shape.columns)
        self._delete = Statement(made_of_tables(f"DELETE FROM {kept.table.fullname} WHERE tenant_id = $1 AND id = $2"))
        self._forget_index = Statement(
            made_of_tables(f"DELETE FROM {kept.index.fullname} WHERE tenant_id = $1 AND id = $2")
        )
        self._select = Statement(made_of_tables(_selection(kept.table, self._shape.columns, "id")))
        self._lock = Statement(
            made_of_tables(
                f"SELECT id FROM {kept.table.fullname} WHERE tenant_id = $1 AND id = ANY($2::text[]) "
                "ORDER BY id FOR NO KEY UPDATE"
            )
        )
        self._versions = Statement(
            made_of_tables(
                f"SELECT id, version FROM {kept.table.fullname} WHERE tenant_id = $1 AND id = ANY($2::text[])"
            )
        )
        self._id_at, self._version_at = self._shape.columns.index("id"), self._shape.columns.index("version")
        self._select_index = Statement(
            made_of_tables(
                f"SELECT id, parameter, position, system, value, text FROM {kept.index.fullname} "
                "WHERE tenant_id = $1 AND id = ANY($2::text[]) ORDER BY id, parameter, position"
            )
        )
        self._children = [_ChildRows(child, order + 2 + at) for at, child in enumerate(kept.children)]

    def insert(self, tx: Transaction, record: Resource) -> None:
        tx.add(self._insert, self._to_table([tx.tenant_id, *self._shape.row(record)]))
        self._insert_index(tx, record)
        for child in self._children:
            child.insert(tx, record)

    def _insert_index(self, tx: Transaction, record: Resource) -> None:
        for row in record.index:
            tx.add(
                self._index_insert,
                (
                    *(tx.tenant_id, record.id, row.parameter, _position_text(row.position)),
                    *(row.system, row.value, row.text),
                ),
            )

    def update(self, tx: Transaction, record: Resource, previous: Resource) -> None:
        """Write the columns anew; parts that did not change stay as they are."""
        tx.change(self._update, tx.tenant_id, *self._shape.row(record))
        if record.index != previous.index:
            tx.change(self._forget_index, tx.tenant_id, record.id)
            self._insert_index(tx, record)
        for child in self._children:
            # As text: decimals that differ only in their zeros are equal, and differ here.
            if repr(child.elements(record)) != repr(child.elements(previous)):
                tx.change(child.forget, tx.tenant_id, record.id)
                child.insert(tx, record)

    def delete(self, tx: Transaction, resource_id: str) -> None:
        """Take a resource away, with its parts. Its index rows go after it: then nobody adds one any more."""
        tx.send(self._delete, tx.tenant_id, resource_id)
        tx.send(self._forget_index, tx.tenant_id, resource_id)

    def lock_query(self, tenant_id: str, ids: Sequence[str]) -> Query:
        return self._lock, (tenant_id, list(ids))

    def queries(self, tenant_id: str, ids: Sequence[str]) -> list[Query]:
        """The statements that read resources; `records` makes the records of their rows."""
        parameters = (tenant_id, list(ids))
        return [
            (self._select, parameters),
            (self._select_index, parameters),
            *((child.select, parameters) for child in self._children),
        ]

    def versions_query(self, tenant_id: str, ids: Sequence[str]) -> Query:
        return self._versions, (tenant_id, list(ids))

    def versions_of(self, results: Sequence[list[Row]]) -> set[tuple[str, int]]:
        """Which versions of which resources the rows of `queries` were read from."""
        return {(row[self._id_at], row[self._version_at]) for row in results[0]}

    def records(self, results: Sequence[list[Row]]) -> dict[str, Resource]:
        index: defaultdict[str, list[IndexRow]] = defaultdict(list)
        for resource_id, parameter, position, system, value, text in results[1]:
            index[resource_id].append(IndexRow(parameter, tuple(position), system, value, text))
        records = {}
        for row in results[0]:
            values = self._shape.fields(row)
            values["index"] = tuple(index[values["id"]])
            records[values["id"]] = self._record_class(**values)
        for child, rows in zip(self._children, results[2:], strict=True):
            child.attach(records, rows)
        return records


class _ChildRows:
    def __init__(self, child: Child, order: int) -> None:
        self._child = child
        self._shape = RecordShape(child.element_class, leave=child.leave)
        table = child.table
        parent_key = list(table.columns)[1].name
        keys = ["tenant_id", parent_key, *child.keys]
        _same_columns(self._shape.columns, table, keys)
        self._insert = ArrayInsert(table, order)
        self._to_table = _order_of([*keys, *self._shape.columns], self._insert.columns)
        ordering = ", ".join([parent_key, *child.keys])
        self.select = Statement(
            made_of_tables(
                f"SELECT {', '.join([parent_key, *child.keys, *self._shape.columns])} FROM {table.fullname} "
                f"WHERE tenant_id = $1 AND {parent_key} = ANY($2::text[]) ORDER BY {ordering}"
            )
        )
        self.forget = Statement(
            made_of_tables(f"DELETE FROM {table.fullname} WHERE tenant_id = $1 AND {parent_key} = $2")
        )

    def elements(self, record: Resource) -> list[Any]:
        return [(key, self._shape.row(element)) for key, element in self._child.rows(record)]

    def insert(self, tx: Transaction, record: Resource) -> None:
        for key, values in self.elements(record):
            tx.add(self._insert, self._to_table([tx.tenant_id, record.id, *key, *values]))

    def attach(self, records: dict[str, Resource], rows: list[Row]) -> None:
        width = 1 + len(self._child.keys)
        for row in rows:
            element = self._child.element_class(**self._shape.fields(row[width:]))
            self._child.attach(records[row[0]], row[1:width], element)


@cache
def rows_of(resource_type: str) -> ResourceRows:
    """The statements of a resource type; types are numbered so that what is referred to is written first."""
    return ResourceRows(_KEPT[resource_type], _ORDER + 10 * list(_KEPT).index(resource_type))


def elements_of(record: Resource, table: str) -> Iterable[Any]:
    """The elements of a record that are rows of that table."""
    for child in _KEPT[type(record).__name__].children:
        if child.table.name == table:
            return (element for _, element in child.rows(record))
    return ()


async def load(tx: Transaction, resource_type: str, ids: Sequence[str]) -> dict[str, Resource]:
    """The current records by id, as they are now; ids that are not there are not in the answer.

    The statements of a batch do not see one moment, and others may change what is not locked: a record whose version is
    another one after its parts were read is read again.
    """
    if not ids:
        return {}
    rows = rows_of(resource_type)
    while True:
        *results, versions = await tx.fetch_all(
            [*rows.queries(tx.tenant_id, ids), rows.versions_query(tx.tenant_id, ids)]
        )
        if rows.versions_of(results) == {(row[0], row[1]) for row in versions}:
            return rows.records(results)


async def lock_and_load(tx: Transaction, resource_type: str, ids: Sequence[str]) -> dict[str, Resource]:
    """The same, with the rows locked first, in the order of their ids; waits for whoever changes them now."""
    if not ids:
        return {}
    rows = rows_of(resource_type)
    tx.holds_locks = True
    while True:
        locked, *results = await tx.fetch_all([rows.lock_query(tx.tenant_id, ids), *rows.queries(tx.tenant_id, ids)])
        # What was created after the locks were taken is not locked: once more, with it.
        if {row[0] for row in locked} >= {resource_id for resource_id, _ in rows.versions_of(results)}:
            return rows.records(results)


def _update_statement(table: sa.Table, columns: list[str]) -> Statement:
    types = {column.name: sql_type(column) for column in table.columns}
    assignments = ", ".join(
        f'"{name}" = ${number}::{types[name]}' for number, name in enumerate(columns, 2) if name != "id"
    )
    id_number = columns.index("id") + 2
    return Statement(
        made_of_tables(f"UPDATE {table.fullname} SET {assignments} WHERE tenant_id = $1 AND id = ${id_number}")
    )


def _selection(table: sa.Table, columns: list[str], key: str) -> str:
    names = ", ".join(f'"{name}"' for name in columns)
    return f"SELECT {names} FROM {table.fullname} WHERE tenant_id = $1 AND {key} = ANY($2::text[])"


def _order_of(have: list[str], want: Sequence[sa.Column[Any]]) -> Callable[[Sequence[Any]], Sequence[Any]]:
    """What brings values into the order of a table's columns."""
    return itemgetter(*(have.index(column.name) for column in want))


@lru_cache(maxsize=1024)
def _position_text(position: tuple[int, ...]) -> str:
    return "{" + ",".join(map(str, position)) + "}"


def _same_columns(columns: list[str], table: sa.Table, keys: Iterable[str]) -> None:
    expected = {*columns, *keys}
    actual = {column.name for column in written_columns(table)}
    assert expected == actual, (table.name, expected ^ actual)
