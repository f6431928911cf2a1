"""What keeps everybody from changing the books, read from PostgreSQL's own catalog for `./run check`.

What must be there is known from the table definitions and from the migrations, so that a new table is looked after from
its first day. Statements look at the schema `billing`; each finds what is not as it must be.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from storage.check_snapshot import Snapshot, sql
from storage.pipeline import Row, Statement
from storage.tables import metadata

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

NATIONAL = ("price_list", "price_list_version", "price", "price_rule", "tax_rule", "charge_code")
"""The tables of which every tenant reads what the reserved tenant has, by the policy `national_reads`."""

OPERATORS_READ = "tenant"
"""The table that a token of operators reads of all tenants, by the policy `operator_reads`."""

_MIGRATIONS = Path(__file__).parent / "migrations" / "versions"
_FUNCTION = re.compile(
    r"CREATE (?:OR REPLACE )?FUNCTION billing\.(\w+)\s*\(.*?\bAS (\$\w*\$)(.*?)\2", re.DOTALL | re.IGNORECASE
)

# What a policy must say that lets a serving role in: only rows of the tenant that the transaction has set.
_OF_TENANT = "(tenant_id = NULLIF(current_setting('billing.tenant'::text, true), ''::text))"
# And, for the tables of national lists and rules, the reading of those of the reserved tenant.
_OF_NATION = (
    "((tenant_id = 'national'::text) AND (NULLIF(current_setting('billing.tenant'::text, true), ''::text) IS NOT NULL))"
)
# And, for the registry, the reading by operators.
_OF_OPERATORS = "(NULLIF(current_setting('billing.tenant'::text, true), ''::text) = '_operators'::text)"

_TABLES_MISSING = Statement(
    "SELECT w.name FROM unnest($1::text[]) AS w(name)"
    " WHERE to_regclass('billing.' || quote_ident(w.name)) IS NULL ORDER BY 1"
)
_CONSTRAINTS_MISSING = Statement(
    "SELECT w.name, w.constraint_name FROM unnest($1::text[], $2::text[]) AS w(name, constraint_name)"
    " WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_constraint AS c"
    " WHERE c.conrelid = to_regclass('billing.' || quote_ident(w.name)) AND c.conname = w.constraint_name"
    " AND c.convalidated) ORDER BY 1, 2"
)
_TABLE = " FROM pg_catalog.pg_class AS t WHERE t.relnamespace = 'billing'::regnamespace AND t.relkind IN ('r', 'p')"
_ROW_SECURITY_OFF = sql(
    f"SELECT t.relname::text{_TABLE} AND NOT (t.relrowsecurity AND t.relforcerowsecurity) ORDER BY 1"
)
# table, policy: it lets others than the auditor and the worker see or write more than one tenant
_POLICY_TOO_WIDE = Statement(
    "SELECT t.relname::text, p.polname::text FROM pg_catalog.pg_policy AS p"
    " JOIN pg_catalog.pg_class AS t ON t.oid = p.polrelid"
    " WHERE t.relnamespace = 'billing'::regnamespace AND p.polpermissive"
    " AND NOT (p.polcmd = 'r' AND p.polroles <@ ARRAY(SELECT oid FROM pg_catalog.pg_roles"
    " WHERE rolname IN ('billing_audit', 'billing_worker')))"
    " AND NOT p.polroles <@ ARRAY(SELECT oid FROM pg_catalog.pg_roles WHERE rolname = 'billing_worker')"
    " AND NOT (p.polname = 'national_reads' AND p.polcmd = 'r' AND t.relname = ANY ($3::text[])"
    " AND pg_get_expr(p.polqual, p.polrelid) = $2)"
    " AND NOT (p.polname = 'operator_reads' AND p.polcmd = 'r' AND t.relname = $4"
    " AND pg_get_expr(p.polqual, p.polrelid) = $5)"
    " AND (coalesce(pg_get_expr(p.polqual, p.polrelid), $1) <> $1"
    " OR coalesce(pg_get_expr(p.polwithcheck, p.polrelid), $1) <> $1) ORDER BY 1, 2"
)
# table, policy: missing; without the tenant's nothing is served, without the auditor's nothing is checked
_POLICY_MISSING = sql(
    "SELECT t.relname::text, w.name FROM pg_catalog.pg_class AS t"
    " CROSS JOIN (VALUES ('tenant_isolation'), ('audit_reads')) AS w(name)"
    " WHERE t.relnamespace = 'billing'::regnamespace AND t.relkind IN ('r', 'p') AND NOT EXISTS ("
    "SELECT FROM pg_catalog.pg_policy AS p WHERE p.polrelid = t.oid AND p.polname = w.name) ORDER BY 1, 2"
)
# table, trigger: $1 the tables to which rows are only ever added
_TRIGGER_MISSING = Statement(
    "SELECT w.name, w.trigger FROM (SELECT a.name, v.trigger, v.function, v.type FROM unnest($1::text[]) AS a(name)"
    # The bits of pg_trigger.tgtype: row 1, before 2, insert 4, delete 8, update 16, truncate 32.
    " CROSS JOIN (VALUES ('append_only', 'append_only', 27), ('append_only_truncate', 'append_only', 34))"
    " AS v(trigger, function, type) UNION ALL VALUES ('posting', 'posting_is_sound', 'posting_is_sound', 4),"
    " ('price', 'price_is_of_new_version', 'price_is_of_new_version', 4),"
    " ('price_rule', 'price_is_of_new_version', 'price_is_of_new_version', 4),"
    " ('price_list_version', 'price_list_version_stays', 'price_list_version_stays', 19),"
    " ('posting_period_change', 'posting_period_change_follows', 'posting_period_change_follows', 7),"
    " ('tax_rule', 'tax_rule_stays', 'tax_rule_stays', 19))"
    " AS w(name, trigger, function, type) WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_trigger AS g"
    " JOIN pg_catalog.pg_proc AS f ON f.oid = g.tgfoid AND f.pronamespace = 'billing'::regnamespace"
    " WHERE g.tgrelid = to_regclass('billing.' || quote_ident(w.name)) AND g.tgname = w.trigger"
    " AND f.proname = w.function AND g.tgtype = w.type AND g.tgqual IS NULL) ORDER BY 1, 2"
)
# table, trigger: it is there and does not fire (those of foreign keys among them)
_TRIGGER_DISABLED = Statement(
    "SELECT t.relname::text, g.tgname::text FROM pg_catalog.pg_trigger AS g"
    " JOIN pg_catalog.pg_class AS t ON t.oid = g.tgrelid"
    " WHERE t.relnamespace = 'billing'::regnamespace AND g.tgenabled NOT IN ('O', 'A') ORDER BY 1, 2"
)
# A setting of the database or of a role that switches triggers or row-level security off for its connections.
_SETTING_WRONG = Statement(
    "SELECT coalesce(r.rolname::text, 'all roles'), c.setting FROM pg_catalog.pg_db_role_setting AS s"
    " LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = s.setrole CROSS JOIN LATERAL unnest(s.setconfig) AS c(setting)"
    " WHERE s.setdatabase IN (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()))"
    " AND (c.setting LIKE 'session_replication_role=%' OR c.setting LIKE 'row_security=%') ORDER BY 1, 2"
)
# role, right, table: what nobody but the owner may do; $1: the tables to which rows are only ever added
_GRANT_TOO_WIDE = Statement(
    "SELECT r.rolname::text, v.privilege, t.relname::text FROM pg_catalog.pg_class AS t"
    " CROSS JOIN pg_catalog.pg_roles AS r"
    " CROSS JOIN (VALUES ('UPDATE'), ('DELETE'), ('TRUNCATE'), ('TRIGGER'), ('INSERT')) AS v(privilege)"
    " WHERE t.relnamespace = 'billing'::regnamespace AND t.relkind IN ('r', 'p')"
    " AND r.rolname IN ('billing_app', 'billing_worker', 'billing_audit')"
    " AND (v.privilege IN ('TRUNCATE', 'TRIGGER') OR r.rolname = 'billing_audit'"
    " OR (t.relname = ANY ($1::text[]) AND v.privilege IN ('UPDATE', 'DELETE')))"
    " AND (has_table_privilege(r.oid, t.oid, v.privilege) OR CASE WHEN v.privilege IN ('UPDATE', 'INSERT')"
    " THEN has_any_column_privilege(r.oid, t.oid, v.privilege) ELSE false END) ORDER BY 1, 2, 3"
)
# role, what it is that it must not be
_ROLE_TOO_POWERFUL = Statement(
    "SELECT r.rolname::text, v.power FROM pg_catalog.pg_roles AS r CROSS JOIN LATERAL (VALUES"
    " (r.rolsuper, 'is a superuser'), (r.rolbypassrls, 'bypasses row-level security'),"
    " (r.rolreplication, 'may replicate'), (r.rolcreaterole AND r.rolname <> 'billing_owner', 'may create roles'),"
    " (r.rolname = 'billing_owner' AND r.rolcanlogin, 'may log in'),"
    " (r.rolname IN ('billing_app', 'billing_worker', 'billing_audit')"
    " AND pg_has_role(r.oid, 'billing_owner', 'MEMBER'), 'is a member of the owner'),"
    " (r.rolname IN ('billing_app', 'billing_worker') AND pg_has_role(r.oid, 'billing_audit', 'MEMBER'),"
    " 'is a member of the auditor'),"
    " (EXISTS (SELECT FROM pg_catalog.pg_roles AS s WHERE s.oid <> r.oid AND (s.rolsuper OR s.rolbypassrls"
    " OR s.rolname IN ('pg_write_all_data', 'pg_execute_server_program', 'pg_write_server_files'))"
    " AND pg_has_role(r.oid, s.oid, 'MEMBER')), 'is a member of a role that may do anything'))"
    " AS v(is_so, power) WHERE r.rolname LIKE 'billing\\_%' AND r.rolname IN ('billing_owner', 'billing_migrate',"
    " 'billing_app', 'billing_worker', 'billing_audit') AND v.is_so ORDER BY 1, 2"
)
# table, its owner
_OWNER_WRONG = sql(
    f"SELECT t.relname::text, pg_get_userbyid(t.relowner)::text{_TABLE}"
    " AND pg_get_userbyid(t.relowner) <> 'billing_owner' ORDER BY 1"
)
_FUNCTIONS = Statement(
    "SELECT proname::text, prosrc FROM pg_catalog.pg_proc WHERE pronamespace = 'billing'::regnamespace"
)


async def tables_missing(snapshot: Snapshot) -> tuple[list[str], bool]:
    """The tables that are not there, and whether any is."""
    wanted = [str(table.name) for table in metadata.sorted_tables]
    missing = [row[0] for row in await snapshot.rows(_TABLES_MISSING, wanted)]
    return missing, len(missing) < len(wanted)


async def guards(snapshot: Snapshot) -> dict[str, list[Row]]:
    """What is wrong with each sort of guard: nothing, where nothing is."""
    named = _constraints()
    statements: dict[str, tuple[Statement, Sequence[object]]] = {
        "constraint": (_CONSTRAINTS_MISSING, ([name for name, _ in named], [name for _, name in named])),
        "row security": (_ROW_SECURITY_OFF, ()),
        "policy missing": (_POLICY_MISSING, ()),
        "policy too wide": (_POLICY_TOO_WIDE, (_OF_TENANT, _OF_NATION, list(NATIONAL), OPERATORS_READ, _OF_OPERATORS)),
        "trigger missing": (_TRIGGER_MISSING, (list(APPEND_ONLY),)),
        "trigger disabled": (_TRIGGER_DISABLED, ()),
        "setting": (_SETTING_WRONG, ()),
        "grant": (_GRANT_TOO_WIDE, (list(APPEND_ONLY),)),
        "role": (_ROLE_TOO_POWERFUL, ()),
        "owner": (_OWNER_WRONG, ()),
    }
    results = await snapshot.rows_of_all(list(statements.values()))
    return dict(zip(statements, results, strict=True))


async def functions_changed(snapshot: Snapshot) -> list[str]:
    """The functions of triggers and computed columns that do not say what the migrations made them say."""
    stored: dict[str, str] = dict(await snapshot.rows(_FUNCTIONS))
    return [name for name, body in _functions().items() if stored.get(name) != body]


@cache
def _functions() -> dict[str, str]:
    """Name -> body, as the last migration that makes it has it."""
    return {
        match[1]: match[3]
        for file in sorted(_MIGRATIONS.glob("*.sql"))
        for match in _FUNCTION.finditer(file.read_text(encoding="utf-8"))
    }


@cache
def _constraints() -> list[tuple[str, str]]:
    """(table, constraint) of every key, foreign key and CHECK."""
    preparer = pg.dialect().identifier_preparer  # type: ignore[no-untyped-call]
    return [
        (str(table.name), str(preparer.format_constraint(constraint, _alembic_quote=False)).strip('"'))
        for table in metadata.sorted_tables
        for constraint in table.constraints
        if isinstance(constraint, (sa.PrimaryKeyConstraint, sa.UniqueConstraint, sa.ForeignKeyConstraint))
        or (isinstance(constraint, sa.CheckConstraint) and constraint.name)
    ]
