"""Subscriptions, what is secret of them, how far each was told, and the events that it is to be told."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from storage.tables.metadata import SCHEMA, Instant, Text, index_table, metadata, resource_table, tenant_id, text


def _of_subscription(column: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", column], [f"{SCHEMA}.subscription.tenant_id", f"{SCHEMA}.subscription.id"], ondelete="CASCADE"
    )


subscription = resource_table(
    "subscription",
    text("status", null=False),
    text("ends"),
    text("criteria", null=False),
    text("error"),
    text("channel_type", null=False),
    text("endpoint"),
    text("payload"),
    text("payload_content"),
    sa.Column("heartbeat_seconds", sa.Integer),
    sa.Column("timeout_seconds", sa.Integer),
    sa.Column("max_count", sa.Integer),
    sa.Index(None, "tenant_id", "status", "id"),
    sa.Index(None, "tenant_id", "criteria", "id"),
    sa.Index(None, "tenant_id", "endpoint", "id"),
)

subscription_index = index_table("subscription")

# What reads, searches and histories show a mask for. `headers` as the client wrote them; `signing_key` signs, and the
# one before it signs as well until `earlier_key_until`.
subscription_secret = sa.Table(
    "subscription_secret",
    metadata,
    tenant_id(),
    sa.Column("id", Text, primary_key=True),
    sa.Column("headers", pg.ARRAY(sa.Text), nullable=False),
    text("signing_key"),
    text("earlier_key"),
    sa.Column("earlier_key_until", Instant),
    _of_subscription("id"),
)

# How far a subscription was told. One writer numbers its events (`last_number`), one sends them (`sent_number`).
# `due_at`: when there is something to send: an event, a handshake, a heartbeat; NULL: nothing, or nobody may.
# `since`: changes before it were there already when it was subscribed. `revision`: the registry's when it changed.
subscription_state = sa.Table(
    "subscription_state",
    metadata,
    tenant_id(),
    sa.Column("id", Text, primary_key=True),
    sa.Column("revision", sa.BigInteger, nullable=False),
    text("status", null=False),
    sa.Column("paused", sa.Boolean, nullable=False, server_default=sa.false()),
    text("owner", null=False),
    text("scopes", null=False),
    sa.Column("since", Instant, nullable=False),
    sa.Column("ends_at", Instant),
    sa.Column("last_number", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("sent_number", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("due_at", Instant),
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
    sa.Column("deliveries", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("delivery_failures", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("last_sent_at", Instant),
    sa.Column("last_failed_at", Instant),
    text("last_error"),
    sa.CheckConstraint("sent_number <= last_number", name="sent_is_numbered"),
    _of_subscription("id"),
    sa.Index(None, "tenant_id", "revision"),
    sa.Index("subscription_state_due_idx", "tenant_id", "due_at", postgresql_where=sa.text("due_at IS NOT NULL")),
    sa.Index("subscription_state_ends_idx", "tenant_id", "ends_at", postgresql_where=sa.text("ends_at IS NOT NULL")),
)

# Counts the changes of a tenant's subscriptions, so that a dispatcher sees with one look whether it knows them all.
subscription_registry = sa.Table(
    "subscription_registry",
    metadata,
    tenant_id(),
    sa.Column("revision", sa.BigInteger, nullable=False),
)

# The events of each subscription, numbered from 1 without gaps; one for each version that matched.
subscription_event = sa.Table(
    "subscription_event",
    metadata,
    tenant_id(),
    sa.Column("subscription_id", Text, primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True),
    text("resource_type", null=False),
    text("resource_id", null=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("recorded_at", Instant, nullable=False),
    sa.UniqueConstraint("tenant_id", "subscription_id", "resource_type", "resource_id", "version"),
    _of_subscription("subscription_id"),
    sa.Index(None, "tenant_id", "recorded_at"),
)

# What happened to a subscription: handshakes, failures, changes of its status. For the operator; no resource in it.
subscription_log = sa.Table(
    "subscription_log",
    metadata,
    tenant_id(),
    sa.Column("subscription_id", Text, primary_key=True),
    sa.Column("at", Instant, primary_key=True),
    text("what", null=False),
    sa.Column("number", sa.BigInteger, nullable=False),
    text("detail", null=False),
    _of_subscription("subscription_id"),
)

# The changes that nobody has matched with the subscriptions yet. A row is added with each outbox row and taken away in
# the transaction that numbers its events. Whoever takes rows takes those that are there: no number, date or
# transaction id of theirs says which may still come. The key is the order in which they are taken.
outbox_queue = sa.Table(
    "outbox_queue",
    metadata,
    text("tenant_id", null=False),
    text("resource_type", null=False),
    text("id", null=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("events", pg.ARRAY(sa.Text), nullable=False),
    sa.Column("recorded_at", Instant, nullable=False),
    sa.PrimaryKeyConstraint("tenant_id", "recorded_at", "resource_type", "id", "version"),
)
