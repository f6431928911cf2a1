"""Books of millions of postings that `./run check` finds sound, in minutes: some are made by commands, and multiplied.

An account with charges (one of which was changed), an invoice over them and a payment of it is made as clients
make it. The owner of the database then copies all of its rows, with other ids, days, moments and legal numbers,
and renders nothing: the stored JSON is a text in which these are replaced.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.dialects import postgresql as pg

from billing.context import Context
from billing.create_resource import create_resource
from billing.tenants import add_tenant
from billing.update_resource import update_resource
from ledger.tenant import Tenant
from mappers.r4.json_text import decode, encode
from storage import tables
from storage.embedded_postgres import EmbeddedPostgres
from storage.migrations import upgrade
from storage.roles import Role
from storage.tables.account import BALANCES
from storage.tables.metadata import SCHEMA
from storage.transaction import Database, Transaction

TENANT = Tenant("large", "Large", "AF", "AFN", "Asia/Kabul")
BASE_URL = "https://billing.example/fhir"
YEAR = 2025
DAYS = 300
"""Over so many days of the year the copies are spread."""

# What is replaced in ids and texts. Both are as long as what replaces them.
ACCOUNT, OTHERS = "a00000000", "b00000000"
DAY = date(YEAR, 1, 15)
NUMBER = f"INV-{YEAR}-000001"
CHARGES, PAID = 8, 850
POSTINGS_OF_COPY = 26

_COPIED = (
    *(tables.account, tables.account_index, tables.account_balance),
    *(tables.charge_item, tables.charge_item_index),
    *(tables.invoice, tables.invoice_index, tables.invoice_line, tables.invoice_price_component),
    *(tables.payment_reconciliation, tables.payment_reconciliation_index, tables.payment_detail),
    *(tables.invoiced_charge, tables.business_key, tables.journal_entry, tables.posting),
    *(tables.resource_versions, tables.outbox),
)
_OF_ACCOUNT_ITSELF = {tables.account, tables.account_index, tables.account_balance}
_WHILE_COPYING = {
    "session_replication_role": "replica",
    "synchronous_commit": "off",
    "work_mem": "256MB",
    "maintenance_work_mem": "512MB",
    "timezone": "UTC",
}
_AT_ONCE = 5_000
"""So many copies are one transaction."""

_COPIERS = 2
"""So many connections copy at the same time."""


@contextmanager
def thrown_away() -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL of its own with the schema of this release."""
    directory = Path(tempfile.mkdtemp(prefix="billing-bench-"))
    directory.chmod(0o711)  # under root PostgreSQL runs as somebody else
    postgres = EmbeddedPostgres(directory / "data")
    try:
        with postgres.running():
            upgrade(postgres.dsn(Role.MIGRATE))
            yield postgres
    finally:
        shutil.rmtree(postgres.home, ignore_errors=True)
        shutil.rmtree(directory, ignore_errors=True)


async def make_first(conninfo: str) -> None:
    """The account that is multiplied, by the commands, as the application."""
    database = Database(conninfo, size_max=1)
    await database.open()
    try:
        await add_tenant(database, TENANT)
        await database.run(TENANT.id, "bench", _first)
        await database.run(TENANT.id, "bench", _changed)
        await database.run(TENANT.id, "bench", _invoiced)
        await database.run(TENANT.id, "bench", _paid)
    finally:
        await database.close()


_CONTEXT = replace(Context(TENANT, "bench", "bench", BASE_URL), one_time=True)
_OF_ACCOUNT = {
    "subject": {"reference": f"Patient/{ACCOUNT}"},
    "account": [{"reference": f"Account/{ACCOUNT}"}],
}


async def _create(tx: Transaction, resource_id: str, document: dict[str, Any]) -> None:
    # Decimals as they come in over HTTP, not as Python writes them.
    document = decode(encode(document))
    await create_resource(tx, _CONTEXT, document["resourceType"], document, resource_id=resource_id)


def _charge(number: int, price: int) -> dict[str, Any]:
    return {
        "resourceType": "ChargeItem",
        "id": f"{OTHERS}-{number}",
        "status": "billable",
        "code": {"coding": [{"system": "urn:example:tariff", "code": f"service-{number}"}]},
        **_OF_ACCOUNT,
        "occurrenceDateTime": DAY.isoformat(),
        "performingOrganization": {"reference": "Organization/main"},
        "priceOverride": {"value": Decimal(price), "currency": TENANT.currency},
        "overrideReason": "tariff",
    }


async def _first(tx: Transaction) -> None:
    subject = [_OF_ACCOUNT["subject"]]
    await _create(tx, ACCOUNT, {"resourceType": "Account", "status": "active", "subject": subject})
    for number in range(CHARGES):
        await _create(tx, f"{OTHERS}-{number}", _charge(number, 100))


async def _changed(tx: Transaction) -> None:
    await update_resource(tx, _CONTEXT, "ChargeItem", f"{OTHERS}-0", decode(encode(_charge(0, 150))))


async def _invoiced(tx: Transaction) -> None:
    lines = [{"chargeItemReference": {"reference": f"ChargeItem/{OTHERS}-{number}"}} for number in range(CHARGES)]
    invoice = {
        "resourceType": "Invoice",
        "status": "issued",
        "subject": _OF_ACCOUNT["subject"],
        "account": {"reference": f"Account/{ACCOUNT}"},
        "date": DAY.isoformat(),
        "lineItem": lines,
        "extension": [
            {"url": "https://billing.ghasi.example/fhir/StructureDefinition/invoice-due-date", "valueDate": f"{DAY}"}
        ],
    }
    await _create(tx, f"{OTHERS}-i", invoice)


async def _paid(tx: Transaction) -> None:
    amount = {"value": Decimal(PAID), "currency": TENANT.currency}
    detail = {
        "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/payment-type", "code": "payment"}]},
        "request": {"reference": f"Invoice/{OTHERS}-i"},
        "amount": amount,
    }
    payment = {
        "resourceType": "PaymentReconciliation",
        "status": "active",
        "created": DAY.isoformat(),
        "paymentDate": DAY.isoformat(),
        "paymentAmount": amount,
        "detail": [detail],
    }
    await _create(tx, f"{OTHERS}-p", payment)


def multiply(superuser: str, *, accounts: int = 0, onto_first: int = 0, say: Callable[[str], None] = print) -> None:
    """Copy the first account so often, and all that is on it onto it again so often; `say` is told how far it is."""
    with ExitStack() as stack:
        copiers = [stack.enter_context(_copier(superuser)) for _ in range(_COPIERS)]
        connection = copiers[0]
        began, ended = _span(connection)
        # An index is made of all rows at once in a fraction of the time.
        indexes = _drop_indexes(connection)
        # The copies are older than what they are copied from, so that the newest entry stays the newest.
        _copy_all(copiers, 1, accounts, timedelta(milliseconds=1), one_account=False, say=say)
        apart = ended - began + timedelta(milliseconds=1)
        _copy_all(copiers, accounts + 1, accounts + onto_first, apart, one_account=True, say=say)
        for number, index in enumerate(indexes, 1):
            connection.execute(index)
            say(f"{number} of {len(indexes)} indexes")
        connection.execute(_multiplied_balances(onto_first + 1))
        series = sql.SQL("UPDATE billing.number_series SET last_number = {} WHERE tenant_id = {}")
        connection.execute(series.format(accounts + onto_first + 1, TENANT.id))
        connection.execute("VACUUM (ANALYZE)")


@contextmanager
def _copier(superuser: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection with the first account set aside, on which no trigger and no foreign key looks at what is copied.

    `./run check` does it afterwards.
    """
    with psycopg.connect(superuser, autocommit=True) as connection:
        for setting, value in _WHILE_COPYING.items():
            connection.execute("SELECT set_config(%s, %s, false)", (setting, value))
        for table in _COPIED:
            connection.execute(_set_aside(table))
        yield connection


def _drop_indexes(connection: psycopg.Connection[Any]) -> list[sql.SQL]:
    """Drop the indexes of the copied tables that no constraint needs; the statements that make them again."""
    rows = connection.execute(
        "SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) FROM pg_index AS i"
        " WHERE i.indrelid = ANY (%s::regclass[]) AND NOT i.indisunique ORDER BY 1",
        ([f"{SCHEMA}.{table.name}" for table in _COPIED],),
    ).fetchall()
    for name, _ in rows:
        connection.execute(sql.SQL("DROP INDEX {}").format(sql.SQL(name)))
    return [sql.SQL(definition) for _, definition in rows]


def _copy_all(
    copiers: Sequence[psycopg.Connection[Any]],
    first: int,
    last: int,
    apart: timedelta,
    *,
    one_account: bool,
    say: Callable[[str], None],
) -> None:
    """The copies with these numbers, some in each transaction; whoever has made some takes the next."""
    copied = [table for table in _COPIED if not (one_account and table in _OF_ACCOUNT_ITSELF)]
    waiting = iter(range(first, last + 1, _AT_ONCE))

    def copy(connection: psycopg.Connection[Any]) -> None:
        for begin in waiting:
            end = min(begin + _AT_ONCE - 1, last)
            with connection.transaction():
                for table in copied:
                    connection.execute(_copy(table, one_account=one_account), (begin, end, apart))
            say(f"{end:,} of {last:,} copies")

    with ThreadPoolExecutor(len(copiers)) as pool:
        list(pool.map(copy, copiers))


def recorded(superuser: str) -> tuple[datetime, datetime]:
    """When the first and the last posting to the first account were recorded."""
    with psycopg.connect(superuser) as connection:
        row = connection.execute(
            "SELECT min(recorded_at), max(recorded_at) FROM billing.posting WHERE account_id = %s", (ACCOUNT,)
        ).fetchone()
        assert row is not None
        return row[0].astimezone(UTC), row[1].astimezone(UTC)


def _span(connection: psycopg.Connection[Any]) -> tuple[datetime, datetime]:
    row = connection.execute(
        "SELECT min(last_updated), max(last_updated) FROM billing.resource_versions WHERE tenant_id = %s", (TENANT.id,)
    ).fetchone()
    assert row is not None
    return row[0].astimezone(UTC), row[1].astimezone(UTC)


def _set_aside(table: sa.Table) -> sql.Composed:
    return sql.SQL("CREATE TEMP TABLE {} AS SELECT * FROM {} WHERE tenant_id = {}").format(
        sql.Identifier(f"first_{table.name}"), sql.Identifier(SCHEMA, table.name), TENANT.id
    )


def _copy(table: sa.Table, *, one_account: bool) -> sql.Composed:
    """Every row of the first account, once for each n between two numbers; the third: how far apart copies are."""
    columns = [column for column in table.columns if column.computed is None and column.identity is None]
    return sql.SQL(
        "INSERT INTO {table} ({columns}) SELECT {values} FROM {first} AS t, generate_series(%s::bigint, %s) AS c(n),"
        " (SELECT %s::interval AS step) AS s WHERE {copied}"
    ).format(
        copied=sql.SQL("resource_type <> 'Account'" if one_account and "resource_type" in table.columns else "true"),
        table=sql.Identifier(SCHEMA, table.name),
        first=sql.Identifier(f"first_{table.name}"),
        columns=sql.SQL(", ").join(sql.Identifier(column.name) for column in columns),
        values=sql.SQL(", ").join(_value(column, one_account=one_account) for column in columns),
    )


def _value(column: sa.Column[Any], *, one_account: bool) -> sql.Composable:
    name = sql.Identifier("t", column.name)
    match column.type:
        case pg.UUID():
            # As those that the server gives: what is made together lies together in the indexes.
            made: LiteralString = "(lpad(to_hex(c.n), 12, '0') || substr(md5({0}::text || c.n), 13))::uuid"
            return sql.SQL(f"CASE WHEN {{0}} IS NOT NULL THEN {made} END").format(name)
        case sa.DateTime():
            return sql.SQL("{} - c.n * s.step").format(name)
        case sa.Date():
            return sql.SQL("{} + mod(c.n, {})::int").format(name, sql.Literal(DAYS))
        case pg.JSON():
            return sql.SQL("{}::json").format(_replaced(sql.SQL("{}::text").format(name), one_account=one_account))
        case sa.Text() if column.name == "content":
            moment: LiteralString = """to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
            updated = sql.SQL("replace({}, {}, {})").format(
                name,
                sql.SQL(moment).format(sql.SQL("t.last_updated")),
                sql.SQL(moment).format(sql.SQL("(t.last_updated - c.n * s.step)")),
            )
            return _replaced(updated, one_account=one_account)
        case sa.Text() if column.name != "tenant_id":
            return _replaced(name, one_account=one_account)
    return name


def _replaced(text: sql.Composable, *, one_account: bool) -> sql.Composable:
    """A text of the first account as one of the n-th copy."""
    to_replace: list[tuple[str, LiteralString]] = [
        (OTHERS, "'b' || lpad(c.n::text, 8, '0')"),
        (DAY.isoformat(), "to_char({day}::date + mod(c.n, {days})::int, 'YYYY-MM-DD')"),
        (NUMBER, "{series} || lpad((c.n + 1)::text, greatest(6, length((c.n + 1)::text)), '0')"),
    ]
    if not one_account:
        to_replace.append((ACCOUNT, "'a' || lpad(c.n::text, 8, '0')"))
    for what, by in to_replace:
        new = sql.SQL(by).format(
            day=sql.Literal(DAY.isoformat()), days=sql.Literal(DAYS), series=sql.Literal(NUMBER[:-6])
        )
        text = sql.SQL("replace({}, {}, {})").format(text, sql.Literal(what), new)
    return text


def _multiplied_balances(times: int) -> sql.Composed:
    changes = sql.SQL(", ").join(sql.SQL("{0} = {0} * {1}").format(sql.Identifier(name), times) for name in BALANCES)
    return sql.SQL("UPDATE billing.account_balance SET {} WHERE tenant_id = {} AND account_id = {}").format(
        changes, TENANT.id, ACCOUNT
    )
