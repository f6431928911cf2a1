"""What a payment gateway is asked for, and what it said."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from storage.tables.metadata import Instant, Text, metadata, references, tenant_id, text

# Asked for once and resolved once; no token is kept.
gateway_payment = sa.Table(
    "gateway_payment",
    metadata,
    tenant_id(),
    sa.Column("id", Text, primary_key=True),
    text("account_id", null=False),
    text("method", null=False),
    text("currency", null=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("invoice_ids", pg.ARRAY(Text), nullable=False),
    text("payer"),
    text("requested_by", null=False),
    sa.Column("requested_at", Instant, nullable=False),
    text("status", null=False),
    text("gateway_reference"),
    text("reason"),
    text("resolved_by"),
    sa.Column("resolved_at", Instant),
    references("account_id", "account"),
    sa.CheckConstraint("amount_minor > 0", name="amount"),
    sa.CheckConstraint("method IN ('card', 'mobile-money')", name="method"),
    sa.CheckConstraint("status IN ('unknown', 'captured', 'declined', 'cancelled')", name="status"),
    sa.CheckConstraint("(status = 'captured') = (gateway_reference IS NOT NULL)", name="captured"),
    sa.CheckConstraint(
        "(status <> 'unknown') = (resolved_at IS NOT NULL AND resolved_by IS NOT NULL)", name="resolved"
    ),
    sa.Index(
        "gateway_payment_reference_idx",
        "tenant_id",
        "gateway_reference",
        unique=True,
        postgresql_where=sa.text("gateway_reference IS NOT NULL"),
    ),
    sa.Index("gateway_payment_unknown_idx", "tenant_id", "id", postgresql_where=sa.text("status = 'unknown'")),
)
