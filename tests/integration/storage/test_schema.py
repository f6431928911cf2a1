"""The schema as the migrations make it: what the tables say, who may do what, and what nobody may."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg import errors

from storage import migrations
from storage.tables import metadata
from tests.database_server import DatabaseAccess

APPEND_ONLY = (
    *("journal_entry", "posting", "resource_versions", "outbox", "idempotency_key", "journal_block"),
    *("price", "price_rule", "charge_price"),
    "credited_line",
    "access_log",
    *("refund", "adjustment", "adjustment_part", "decision"),
    "cash_movement",
    *("payment_plan", "payment_plan_instalment", "payment_plan_invoice", "payment_plan_event"),
    *("posting_period_change", "closing_balance", "recognition_change"),
)
SEALED = ("journal_block",)  # which the worker adds to, and not the application
NATIONAL = ("price_list", "price_list_version", "price", "price_rule", "tax_rule", "charge_code")
TABLES = sorted(table.name for table in metadata.tables.values())


@pytest.fixture
def owner(fresh_database: DatabaseAccess) -> Iterator[psycopg.Connection[Any]]:
    """A connection that may do anything, in a database of this test alone."""
    with psycopg.connect(fresh_database.superuser, autocommit=True) as connection:
        yield connection


@pytest.fixture
def app(database: DatabaseAccess) -> Iterator[psycopg.Connection[Any]]:
    """A serving connection, in a transaction of a tenant of this test's own that is undone at the end."""
    with psycopg.connect(database.app) as connection:
        connection.execute("SET search_path = billing")
        connection.execute("SELECT set_config('billing.tenant', %s, true)", [f"schema-{secrets.token_hex(4)}"])
        yield connection
        connection.rollback()


def all_of(connection: psycopg.Connection[Any], query: LiteralString, *parameters: Any) -> list[Any]:
    return [row[0] for row in connection.execute(query, parameters).fetchall()]


def test_the_migrations_make_the_tables_that_the_metadata_describes(database: DatabaseAccess) -> None:
    # With the schema on the search path Alembic would leave its name out.
    engine = sa.create_engine(
        "postgresql+psycopg://",
        creator=lambda: psycopg.connect(database.superuser, options="-c search_path=public"),
        poolclass=sa.NullPool,
    )
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "include_schemas": True,
                "compare_type": True,
                "include_name": lambda name, type_, _: type_ != "schema" or name == "billing",
            },
        )
        assert compare_metadata(context, metadata) == []


def test_row_level_security_is_on_and_forced_on_every_table(owner: psycopg.Connection[Any]) -> None:
    open_tables = all_of(
        owner,
        "SELECT relname FROM pg_class WHERE relnamespace = 'billing'::regnamespace AND relkind IN ('r', 'p')"
        " AND NOT (relrowsecurity AND relforcerowsecurity)",
    )
    assert open_tables == []
    assert all_of(owner, "SELECT tablename::text FROM pg_tables WHERE schemaname = 'billing' ORDER BY 1") == TABLES


def test_the_tenant_comes_first_in_every_key(owner: psycopg.Connection[Any]) -> None:
    tenantless = all_of(
        owner,
        "SELECT conname FROM pg_constraint AS c JOIN pg_attribute AS a"
        " ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]"
        " WHERE c.connamespace = 'billing'::regnamespace AND c.contype IN ('p', 'u', 'f') AND a.attname <> 'tenant_id'",
    )
    tenantless += all_of(
        owner,
        "SELECT i.indexrelid::regclass::text FROM pg_index AS i JOIN pg_class AS t ON t.oid = i.indrelid"
        " JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = i.indkey[0]"
        " WHERE t.relnamespace = 'billing'::regnamespace AND a.attname <> 'tenant_id'",
    )
    assert tenantless == []


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_the_application_may_only_add_to_what_is_append_only(app: psycopg.Connection[Any], table: str) -> None:
    may = app.execute(
        "SELECT has_table_privilege(%(t)s, 'INSERT'), has_table_privilege(%(t)s, 'UPDATE'),"
        " has_table_privilege(%(t)s, 'DELETE'), has_table_privilege(%(t)s, 'TRUNCATE')",
        {"t": f"billing.{table}"},
    ).fetchone()
    assert may == (table not in SEALED, False, False, False)


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_the_owner_cannot_empty_what_is_append_only_by_mistake(owner: psycopg.Connection[Any], table: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege, match="append-only"):
        owner.execute(psycopg.sql.SQL("TRUNCATE {} CASCADE").format(psycopg.sql.Identifier("billing", table)))


def test_the_owner_cannot_edit_or_remove_a_posting_by_mistake(owner: psycopg.Connection[Any]) -> None:
    with owner.transaction():
        _entry(owner, [(1010, 5), (2100, -5)])
    with pytest.raises(errors.InsufficientPrivilege, match="append-only"):
        owner.execute("UPDATE billing.posting SET amount_minor = 6")
    with pytest.raises(errors.InsufficientPrivilege, match="append-only"):
        owner.execute("DELETE FROM billing.journal_entry")


@pytest.mark.parametrize("lines", [[(1010, 5)], [(1010, 5), (2100, -4)], [(1010, 5), (1020, 5)]])
def test_an_entry_that_does_not_sum_to_zero_is_refused(
    app: psycopg.Connection[Any], lines: list[tuple[int, int]]
) -> None:
    with pytest.raises(errors.CheckViolation, match="sum to zero"):
        _entry(app, lines)


def test_an_entry_balances_in_each_currency_by_itself(app: psycopg.Connection[Any]) -> None:
    with pytest.raises(errors.CheckViolation, match="sum to zero"):
        _entry(app, [(1010, 5), (2100, -5)], currencies=["AFN", "USD"])


def test_nothing_is_added_to_an_entry_of_an_earlier_transaction(owner: psycopg.Connection[Any]) -> None:
    with owner.transaction():
        _entry(owner, [(1010, 5), (2100, -5)])
    with pytest.raises(errors.CheckViolation, match="same transaction"):
        _postings(owner, [(1010, 7), (2100, -7)], first_line=3)


def test_the_lines_of_an_entry_are_written_by_one_statement(app: psycopg.Connection[Any]) -> None:
    _entry(app, [(1010, 5), (2100, -5)])
    with pytest.raises(errors.CheckViolation, match="written together"):
        _postings(app, [(1010, 7), (2100, -7)], first_line=3)


@pytest.mark.parametrize("role", ["the application", "the owner"])
def test_whoever_posts_holds_the_periods_of_the_tenant(
    app: psycopg.Connection[Any], owner: psycopg.Connection[Any], role: str
) -> None:
    connection = app if role == "the application" else owner
    with nullcontext() if role == "the application" else owner.transaction():
        _entry(connection, [(1010, 5), (2100, -5)])
        held = connection.execute(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ShareLock'"
            " AND pid = pg_backend_pid() AND (classid::bigint << 32 | objid::bigint)"
            " = hashtextextended('posting period ' ||"
            " coalesce(nullif(current_setting('billing.tenant', true), ''), 't'), 0))"
        ).fetchone()
        assert held == (True,)


def test_the_first_lines_of_an_entry_cannot_come_after_the_others(app: psycopg.Connection[Any]) -> None:
    with pytest.raises(errors.CheckViolation, match="written together"):
        _entry(app, [(1010, 5), (2100, -5)], first_line=3)


def test_an_entry_may_balance_in_several_currencies(app: psycopg.Connection[Any]) -> None:
    _entry(app, [(1010, 5), (2100, -5), (1010, 7), (2100, -7)], currencies=["AFN", "AFN", "USD", "USD"])
    assert app.execute("SELECT count(*) FROM billing.posting").fetchone() == (4,)


def test_a_posting_in_another_currency_than_its_account_is_refused(app: psycopg.Connection[Any]) -> None:
    app.execute(
        "INSERT INTO account (tenant_id, id, version, last_updated, status, currency, residue)"
        " VALUES (current_setting('billing.tenant'), 'a', 1, now(), 'active', 'AFN', '{}')"
    )
    app.execute(
        "INSERT INTO account_balance (tenant_id, account_id, currency, recorded_at)"
        " VALUES (current_setting('billing.tenant'), 'a', 'AFN', now())"
    )
    with pytest.raises(errors.ForeignKeyViolation):
        _entry(app, [(1150, 5), (4000, -5)], account="a", currencies=["USD", "USD"])


@pytest.mark.parametrize("table", TABLES)
def test_another_tenant_sees_and_changes_nothing_of_a_table(
    app: psycopg.Connection[Any], owner: psycopg.Connection[Any], table: str
) -> None:
    name = psycopg.sql.Identifier("billing", table)
    for role in ("billing_app", "billing_owner"):
        with owner.transaction(force_rollback=True):
            owner.execute("INSERT INTO billing.tenant VALUES ('mine', 'n', 'AF', 'AFN', 'UTC', true, now())")
            owner.execute(psycopg.sql.SQL("SET LOCAL ROLE {}").format(psycopg.sql.Identifier(role)))
            owner.execute("SELECT set_config('billing.tenant', 'theirs', true)")
            assert owner.execute(psycopg.sql.SQL("SELECT count(*) FROM {}").format(name)).fetchone() == (0,)
    operators = "(NULLIF(current_setting('billing.tenant'::text, true), ''::text) = '_operators'::text)"
    policies = app.execute(
        "SELECT roles::text[], cmd, qual, with_check FROM pg_policies WHERE schemaname = 'billing' AND tablename = %s"
        " AND roles <> '{billing_worker}' ORDER BY policyname",
        [table],
    ).fetchall()
    own = "(tenant_id = NULLIF(current_setting('billing.tenant'::text, true), ''::text))"
    national = (
        "((tenant_id = 'national'::text)"
        " AND (NULLIF(current_setting('billing.tenant'::text, true), ''::text) IS NOT NULL))"
    )
    assert policies == [
        (["billing_audit"], "SELECT", "true", None),
        *([(["billing_app"], "SELECT", national, None)] if table in NATIONAL else []),
        *([(["billing_app"], "SELECT", operators, None)] if table == "tenant" else []),
        (["public"], "ALL", own, own),
    ]


def test_the_worker_may_do_no_more_than_deliver_and_seal(owner: psycopg.Connection[Any]) -> None:
    rows = owner.execute(
        "SELECT table_name::text, string_agg(privilege_type, ' ' ORDER BY privilege_type)"
        " FROM information_schema.role_table_grants"
        " WHERE grantee = 'billing_worker' AND table_schema = 'billing' GROUP BY 1 ORDER BY 1"
    ).fetchall()
    assert dict(rows) == {
        "control_checkpoint": "INSERT SELECT UPDATE",
        "control_total": "INSERT SELECT UPDATE",
        "journal_block": "INSERT SELECT",
        "journal_entry": "SELECT",
        "outbox": "INSERT SELECT",
        "outbox_queue": "DELETE SELECT",
        "posting": "SELECT",
        "resource_versions": "INSERT SELECT",
        "subscription": "SELECT UPDATE",
        "subscription_event": "DELETE INSERT SELECT",
        "subscription_index": "SELECT",
        "subscription_log": "DELETE INSERT SELECT",
        "subscription_registry": "SELECT UPDATE",
        "subscription_secret": "SELECT",
        "subscription_state": "SELECT UPDATE",
        "tenant": "SELECT",
    }


def test_the_worker_writes_versions_of_subscriptions_only(database: DatabaseAccess) -> None:
    with psycopg.connect(database.worker) as connection, pytest.raises(errors.InsufficientPrivilege, match="policy"):
        connection.execute(
            "INSERT INTO billing.resource_versions (tenant_id, resource_type, id, version, last_updated, interaction,"
            " content, mapper_version, created_by) VALUES ('t', 'Invoice', '1', 1, now(), 'create', '{}', 1, 'x')"
        )


def test_the_secrets_of_subscriptions_are_not_for_those_who_audit(owner: psycopg.Connection[Any]) -> None:
    may = owner.execute(
        "SELECT has_table_privilege('billing_audit', 'billing.subscription_secret', 'SELECT')"
    ).fetchone()
    assert may == (False,)


def test_without_a_tenant_nothing_is_seen(database: DatabaseAccess) -> None:
    with psycopg.connect(database.app) as connection:
        assert connection.execute("SELECT count(*) FROM billing.tenant").fetchone() == (0,)
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute("INSERT INTO billing.tenant VALUES ('x', 'n', 'AF', 'AFN', 'UTC', true, now())")


@pytest.mark.parametrize(
    ("written", "low", "high"),
    [
        ("2026", "2026-01-01 00:00:00+00", "2026-12-31 23:59:59.999999+00"),
        ("2024-02", "2024-02-01 00:00:00+00", "2024-02-29 23:59:59.999999+00"),
        ("2026-11-20", "2026-11-20 00:00:00+00", "2026-11-20 23:59:59.999999+00"),
        ("2026-11-20T10:00:00+04:30", "2026-11-20 05:30:00+00", "2026-11-20 05:30:00.999999+00"),
        ("2026-11-20T10:00:00.123Z", "2026-11-20 10:00:00.123+00", "2026-11-20 10:00:00.123999+00"),
    ],
)
def test_a_partial_date_reaches_from_its_first_to_its_last_instant(
    app: psycopg.Connection[Any], written: str, low: str, high: str
) -> None:
    app.execute("SET timezone = 'UTC'")
    assert app.execute(
        "SELECT billing.fhir_low(%(d)s)::text, billing.fhir_high(%(d)s)::text", {"d": written}
    ).fetchone() == (low, high)


_ENTRY = "00000000-0000-7000-8000-000000000001"


def _entry(
    connection: psycopg.Connection[Any],
    lines: list[tuple[int, int]],
    *,
    account: str | None = None,
    currencies: list[str] | None = None,
    first_line: int = 1,
) -> None:
    connection.execute(
        "INSERT INTO billing.journal_entry (tenant_id, entry_id, kind, effective_at, recorded_at, source_type,"
        " source_id, created_by) VALUES (coalesce(nullif(current_setting('billing.tenant', true), ''), 't'), %s, 'k',"
        " '2026-01-01', '2026-01-01', 'x', 'x', 'test')",
        [_ENTRY],
    )
    _postings(connection, lines, account=account, currencies=currencies, first_line=first_line)


def _postings(
    connection: psycopg.Connection[Any],
    lines: list[tuple[int, int]],
    *,
    first_line: int = 1,
    account: str | None = None,
    currencies: list[str] | None = None,
) -> None:
    connection.execute(
        "INSERT INTO billing.posting (tenant_id, entry_id, line, ledger_account, currency, amount_minor, effective_at,"
        " recorded_at, account_id) SELECT coalesce(nullif(current_setting('billing.tenant', true), ''), 't'), %s,"
        " %s + n, a, c, m, '2026-01-01', '2026-01-01', %s"
        " FROM unnest(%s::int[], %s::bigint[], %s::text[]) WITH ORDINALITY AS u(a, m, c, n)",
        [
            _ENTRY,
            first_line - 1,
            account,
            [account_ for account_, _ in lines],
            [amount for _, amount in lines],
            currencies or ["AFN"] * len(lines),
        ],
    )


def test_the_newest_migration_is_the_last_of_the_one_chain_that_alembic_runs() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent).replace("%", "%%"))
    assert ScriptDirectory.from_config(config).get_heads() == [migrations.newest()]
