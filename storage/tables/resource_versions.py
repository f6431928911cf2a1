"""Every version of every resource as it was rendered, and the outbox row of each change. Only ever added to."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from storage.tables.metadata import Instant, Text, metadata, tenant_id, text

# content is NULL where the version is a deletion.
resource_versions = sa.Table(
    "resource_versions",
    metadata,
    tenant_id(),
    sa.Column("resource_type", Text, primary_key=True),
    sa.Column("id", Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("last_updated", Instant, nullable=False),
    text("interaction", null=False),
    sa.Column("content", Text),
    sa.Column("mapper_version", sa.SmallInteger, nullable=False),
    text("created_by", null=False),
    sa.CheckConstraint("(interaction = 'delete') = (content IS NULL)", name="deletion_has_no_content"),
    # The history of the types. The type comes last, so that nobody takes this index for the primary key: where nothing
    # is known yet of how many rows there are, PostgreSQL would read all versions of a type to find one of them.
    sa.Index(None, "tenant_id", "last_updated", "resource_type"),
)

# One row per change. position says nothing about order across resources: a consumer claims rows, it does not compare
# positions. events are the domain events that the change means, none for a change that only FHIR clients see.
outbox = sa.Table(
    "outbox",
    metadata,
    tenant_id(),
    sa.Column("resource_type", Text, primary_key=True),
    sa.Column("id", Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("position", sa.BigInteger, sa.Identity(always=True), nullable=False),
    sa.Column("events", pg.ARRAY(sa.Text), nullable=False),
    sa.Column("recorded_at", Instant, nullable=False),
)
