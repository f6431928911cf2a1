"""The pieces that every table is made of: the tenant first in every key, and text that compares by bytes.

Tables that every request writes have no foreign key to `tenant`: each insert would lock that one row, and it would be
the hottest of the database. Row-level security ties every row to a tenant instead.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

SCHEMA = "billing"

FOLDED_CHARACTERS = 100

metadata = sa.MetaData(
    schema=SCHEMA,
    naming_convention={
        "pk": "%(table_name)s_pk",
        "fk": "%(table_name)s_%(column_0_N_name)s_fk",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    },
)

# Byte order: the same on every server whatever its locale, and a prefix search is a range.
Text = sa.Text(collation="C")
Instant = sa.DateTime(timezone=True)


def tenant_id() -> sa.Column[str]:
    return sa.Column("tenant_id", Text, primary_key=True)


def text(name: str, *, null: bool = True) -> sa.Column[str]:
    return sa.Column(name, Text, nullable=null)


def money(name: str) -> tuple[sa.Column[int], sa.Column[str], sa.Column[int]]:
    """The columns of a `ledger.resource.DecimalMoney`."""
    return (
        sa.Column(f"{name}_minor", sa.BigInteger),
        sa.Column(f"{name}_currency", Text),
        sa.Column(f"{name}_scale", sa.SmallInteger),
    )


def residue() -> sa.Column[str]:
    # json, not jsonb: the text is kept as it was written, zeros of decimals included.
    return sa.Column("residue", pg.JSON, nullable=False)


def bounds(name: str, low_expression: str, high_expression: str) -> tuple[sa.Column[Any], sa.Column[Any]]:
    """The instants between which a partial date lies. The database computes them, so they cannot say anything else."""
    return (
        sa.Column(f"{name}_low", Instant, sa.Computed(low_expression, persisted=True)),
        sa.Column(f"{name}_high", Instant, sa.Computed(high_expression, persisted=True)),
    )


def date_bounds(column: str) -> tuple[sa.Column[Any], sa.Column[Any]]:
    return bounds(column, f"{SCHEMA}.fhir_low({column})", f"{SCHEMA}.fhir_high({column})")


def period_bounds(name: str, start: str, end: str) -> tuple[sa.Column[Any], sa.Column[Any]]:
    """A period that is open on a side reaches to infinity there; one that is absent is nowhere."""
    absent = f"{start} IS NULL AND {end} IS NULL"
    return bounds(
        name,
        f"CASE WHEN {absent} THEN NULL ELSE coalesce({SCHEMA}.fhir_low({start}), '-infinity') END",
        f"CASE WHEN {absent} THEN NULL ELSE coalesce({SCHEMA}.fhir_high({end}), 'infinity') END",
    )


def folded(column: str) -> sa.Column[str]:
    """The beginning of a text as searches compare it, without case and accents: no index holds a text of any length."""
    expression = f"left({SCHEMA}.fold({column}), {FOLDED_CHARACTERS})"
    return sa.Column(f"{column}_folded", Text, sa.Computed(expression, persisted=True))


def near(column: str) -> sa.Column[float]:
    """The number of a column as a float: under row-level security an index serves those, and none serves numeric."""
    return sa.Column(f"{column}_near", sa.Double, sa.Computed(f"{SCHEMA}.near({column})", persisted=True))


def unstated(name: str) -> sa.Column[float]:
    """An amount that states no currency, as a float (see `near`): few there are, and an index finds them."""
    amount = f"{SCHEMA}.near({name}_minor / power(10::numeric, coalesce({name}_scale, 0)))"
    expression = f"CASE WHEN {name}_currency IS NULL THEN {amount} END"
    return sa.Column(f"{name}_unstated", sa.Double, sa.Computed(expression, persisted=True))


def found_where_present(table: str, *columns: str, present: str = "") -> sa.Index:
    """An index for searches by what most resources do not have: it costs those nothing.

    `present` is the column that says so, the first one where it is left out.
    """
    return sa.Index(
        f"{table}_{columns[0]}_found_idx",
        "tenant_id",
        *columns,
        "id",
        postgresql_where=sa.text(f"{present or columns[0]} IS NOT NULL"),
    )


def resource_table(name: str, *columns: sa.Column[Any] | sa.Constraint | sa.Index) -> sa.Table:
    """The table of a resource type: what its record in `ledger` has, column by column."""
    return sa.Table(
        name,
        metadata,
        tenant_id(),
        sa.Column("id", Text, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("last_updated", Instant, nullable=False),
        text("source"),
        *columns,
        residue(),
        sa.Index(None, "tenant_id", "last_updated", "id"),
        found_where_present(name, "source"),
    )


def index_table(resource: str) -> sa.Table:
    """The repeating values that searches find: narrow, so that one index serves every parameter of the type.

    No foreign key: it would look up and lock the resource of each row, which the same function has written just before
    (docs/decisions/0002).
    """
    name = f"{resource}_index"
    return sa.Table(
        name,
        metadata,
        tenant_id(),
        sa.Column("id", Text, primary_key=True),
        sa.Column("parameter", Text, primary_key=True),
        sa.Column("position", pg.ARRAY(sa.SmallInteger), primary_key=True),
        text("system"),
        text("value"),
        text("text"),
        folded("text"),
        sa.Index(None, "tenant_id", "parameter", "value", "system", "id"),
        sa.Index(
            f"{name}_text_idx",
            "tenant_id",
            "parameter",
            "text_folded",
            "id",
            postgresql_where=sa.text("text_folded IS NOT NULL"),
        ),
    )


def child_table(name: str, parent: str, parent_key: str, *columns: sa.Column[Any] | sa.Constraint) -> sa.Table:
    """The table of a repeating element; `position` is its place in the array."""
    return sa.Table(
        name,
        metadata,
        tenant_id(),
        sa.Column(parent_key, Text, primary_key=True),
        *columns,
        residue(),
        sa.ForeignKeyConstraint(
            ["tenant_id", parent_key],
            [f"{SCHEMA}.{parent}.tenant_id", f"{SCHEMA}.{parent}.id"],
            ondelete="CASCADE",
        ),
    )


def references(column: str, parent: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["tenant_id", column], [f"{SCHEMA}.{parent}.tenant_id", f"{SCHEMA}.{parent}.id"])
