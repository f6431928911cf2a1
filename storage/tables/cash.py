"""Cash drawers: their sessions, and the entries that moved cash while one was open."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from storage.tables.metadata import SCHEMA, Instant, Text, metadata, references, tenant_id, text

# Closed once, and then unchanged. One session of a drawer and currency is open at a time.
cash_session = sa.Table(
    "cash_session",
    metadata,
    tenant_id(),
    sa.Column("id", Text, primary_key=True),
    text("drawer", null=False),
    text("currency", null=False),
    sa.Column("float_minor", sa.BigInteger, nullable=False),
    text("opened_by", null=False),
    sa.Column("opened_at", Instant, nullable=False),
    sa.Column("declared_minor", sa.BigInteger),
    sa.Column("expected_minor", sa.BigInteger),
    text("closed_by"),
    sa.Column("closed_at", Instant),
    sa.CheckConstraint("float_minor >= 0", name="float"),
    sa.CheckConstraint("declared_minor >= 0", name="declared"),
    sa.CheckConstraint(
        "num_nulls(declared_minor, expected_minor, closed_by, closed_at) IN (0, 4)", name="closed_whole"
    ),
    sa.Index(
        "cash_session_open_idx",
        "tenant_id",
        "drawer",
        "currency",
        unique=True,
        postgresql_where=sa.text("closed_at IS NULL"),
    ),
)

cash_movement = sa.Table(
    "cash_movement",
    metadata,
    tenant_id(),
    sa.Column("session_id", Text, primary_key=True),
    sa.Column("entry_id", pg.UUID, primary_key=True),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    references("session_id", "cash_session"),
    sa.ForeignKeyConstraint(
        ["tenant_id", "entry_id"], [f"{SCHEMA}.journal_entry.tenant_id", f"{SCHEMA}.journal_entry.entry_id"]
    ),
)
