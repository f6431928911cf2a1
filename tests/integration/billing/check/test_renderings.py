"""Re-rendered = stored, column by column: no typed column of a resource changes without being found."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.dialects import postgresql as pg

from billing.check.progress import Progress
from billing.check.seals import SealProof
from billing.check_ledger import check_snapshot
from storage import tables
from storage.array_insert import written_columns
from storage.check_snapshot import Snapshot
from storage.pipeline import Pipeline, prepare_connection
from tests.integration.billing.check.books import Books

TABLES = (
    tables.account,
    tables.charge_item,
    tables.invoice,
    tables.payment_reconciliation,
    tables.payment_notice,
    tables.invoice_line,
    tables.invoice_price_component,
    tables.invoice_payer_share,
    tables.payment_detail,
    tables.account_index,
    tables.invoice_index,
)


def _changed(column: sa.Column[Any]) -> sql.SQL:
    """Another value than the column has, of its type."""
    if isinstance(column.type, sa.Boolean):
        return sql.SQL("NOT {column}")
    if isinstance(column.type, sa.DateTime):
        return sql.SQL("{column} - interval '1 microsecond'")
    if isinstance(column.type, (sa.Integer, sa.Numeric)):
        return sql.SQL("coalesce({column}, 0) + 1")
    if column.name.endswith(("date", "start", "end", "date_time")) or column.name == "created":
        return sql.SQL("CASE WHEN {column} = '2020-02-02' THEN '2020-02-03' ELSE '2020-02-02' END")
    if column.name == "residue":
        return sql.SQL("""'{{"language":"xx"}}'""")
    if column.name.endswith("_events"):
        return sql.SQL("""'["2020-02-02"]'""")
    return sql.SQL("coalesce({column}, '') || 'tampered'")


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
async def test_a_changed_column_of_any_row_is_found(sound_books: Books, table: sa.Table) -> None:
    unseen = []
    async with await psycopg.AsyncConnection.connect(sound_books.access.superuser, autocommit=True) as connection:
        prepare_connection(connection)
        snapshot = Snapshot(Pipeline(connection))
        for column in written_columns(table):
            if column.name == "tenant_id" or isinstance(column.type, pg.ARRAY):
                continue
            await connection.execute("BEGIN")
            await connection.execute("SET LOCAL session_replication_role = replica")
            for constraint in table.constraints:
                if isinstance(constraint, sa.CheckConstraint):
                    drop = sql.SQL("ALTER TABLE billing.{} DROP CONSTRAINT IF EXISTS {}")
                    await connection.execute(drop.format(sql.Identifier(table.name), sql.Identifier(_name(constraint))))
            value = _changed(column).format(column=sql.Identifier(column.name))
            statement = sql.SQL(
                "UPDATE billing.{} SET {} = {} WHERE ctid = (SELECT ctid FROM billing.{} WHERE tenant_id = {} LIMIT 1)"
            )
            name = sql.Identifier(table.name)
            await connection.execute(
                statement.format(name, sql.Identifier(column.name), value, name, sql.Literal(sound_books.tenant_id))
            )
            findings = await check_snapshot(snapshot, [sound_books.tenant_id], Progress(), SealProof())
            await connection.execute("ROLLBACK")
            if not [finding for finding in findings if finding.code != "constraint-missing"]:
                unseen.append(column.name)
    assert unseen == []


def _name(constraint: sa.CheckConstraint) -> str:
    return f"{constraint.table.name}_{constraint.name}_check"
