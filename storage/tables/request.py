"""What makes a request safe to repeat, and what makes a number or an identifier unique."""

from __future__ import annotations

import sqlalchemy as sa

from storage.tables.metadata import Instant, Text, metadata, tenant_id, text

# The row is written in the transaction of the request: who comes second waits for it, then finds the answer.
idempotency_key = sa.Table(
    "idempotency_key",
    metadata,
    tenant_id(),
    sa.Column("client", Text, primary_key=True),
    sa.Column("operation", Text, primary_key=True),
    sa.Column("key", Text, primary_key=True),
    text("request_hash", null=False),
    sa.Column("http_status", sa.SmallInteger, nullable=False),
    text("location"),
    text("answer", null=False),
    sa.Column("created_at", Instant, nullable=False),
)

# The last number given out; the row is locked to the end of the transaction that takes the next, so there is no gap.
number_series = sa.Table(
    "number_series",
    metadata,
    tenant_id(),
    sa.Column("series", Text, primary_key=True),
    sa.Column("facility", Text, primary_key=True),
    sa.Column("year", sa.SmallInteger, primary_key=True),
    sa.Column("last_number", sa.Integer, nullable=False),
)

# Identifiers that name one thing in the world: the same key twice is the same charge, or the same money.
business_key = sa.Table(
    "business_key",
    metadata,
    tenant_id(),
    sa.Column("resource_type", Text, primary_key=True),
    sa.Column("system", Text, primary_key=True),
    sa.Column("value", Text, primary_key=True),
    text("id", null=False),
    text("content_hash", null=False),
    sa.Index(None, "tenant_id", "resource_type", "id"),
)
