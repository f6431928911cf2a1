"""The tenant registry: who is served, in what currency, where, and with which settings."""

from __future__ import annotations

import sqlalchemy as sa

from storage.tables.metadata import SCHEMA, Instant, Text, metadata, tenant_id, text

tenant = sa.Table(
    "tenant",
    metadata,
    tenant_id(),
    text("name", null=False),
    text("country", null=False),
    text("currency", null=False),
    text("timezone", null=False),
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("confirmed_at", Instant),
)

facility = sa.Table(
    "facility",
    metadata,
    tenant_id(),
    sa.Column("facility_id", Text, primary_key=True),
    text("name", null=False),
    sa.ForeignKeyConstraint(["tenant_id"], [f"{SCHEMA}.tenant.tenant_id"]),
)

tenant_setting = sa.Table(
    "tenant_setting",
    metadata,
    tenant_id(),
    sa.Column("key", Text, primary_key=True),
    text("value", null=False),
    sa.ForeignKeyConstraint(["tenant_id"], [f"{SCHEMA}.tenant.tenant_id"]),
)
