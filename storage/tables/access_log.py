"""The access log: who did what with whose data, and how it ended. Rows are only ever added."""

from __future__ import annotations

import sqlalchemy as sa

from storage.tables.metadata import Instant, Text, metadata, tenant_id, text

# The id is a UUID of version 7 of the moment `recorded_at`, so that the primary key is also the order of time.
access_log = sa.Table(
    "access_log",
    metadata,
    tenant_id(),
    sa.Column("id", Text, primary_key=True),
    sa.Column("recorded_at", Instant, nullable=False),
    text("actor", null=False),
    text("client", null=False),
    text("interaction", null=False),
    text("route", null=False),
    text("resource_type"),
    text("resource_id"),
    sa.Column("version", sa.Integer),
    sa.Column("http_status", sa.SmallInteger, nullable=False),
    text("code"),
    text("query"),
    text("request_id", null=False),
    sa.Index(None, "tenant_id", "resource_type", "resource_id", "id"),
    sa.Index(None, "tenant_id", "actor", "id"),
)
