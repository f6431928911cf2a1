"""Payment plans: what was agreed, what was recorded of it since, and which live plan holds which invoice."""

from __future__ import annotations

import sqlalchemy as sa

from storage.tables.metadata import Instant, Text, metadata, references, tenant_id, text

# What was agreed never changes. Nothing says what is paid: that follows from the journal.
payment_plan = sa.Table(
    "payment_plan",
    metadata,
    tenant_id(),
    sa.Column("id", Text, primary_key=True),
    text("account_id", null=False),
    text("currency", null=False),
    sa.Column("made_on", sa.Date, nullable=False),
    sa.Column("made_at", Instant, nullable=False),
    text("made_by", null=False),
    text("note"),
    references("account_id", "account"),
    sa.Index(None, "tenant_id", "account_id", "id"),
)

payment_plan_instalment = sa.Table(
    "payment_plan_instalment",
    metadata,
    tenant_id(),
    sa.Column("plan_id", Text, primary_key=True),
    sa.Column("number", sa.SmallInteger, primary_key=True),
    sa.Column("due", sa.Date, nullable=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    references("plan_id", "payment_plan"),
    sa.CheckConstraint("amount_minor > 0", name="amount"),
)

payment_plan_invoice = sa.Table(
    "payment_plan_invoice",
    metadata,
    tenant_id(),
    sa.Column("plan_id", Text, primary_key=True),
    sa.Column("number", sa.SmallInteger, primary_key=True),
    text("invoice_id", null=False),
    references("plan_id", "payment_plan"),
    references("invoice_id", "invoice"),
    sa.Index(None, "tenant_id", "invoice_id"),
)

payment_plan_event = sa.Table(
    "payment_plan_event",
    metadata,
    tenant_id(),
    sa.Column("plan_id", Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    text("kind", null=False),
    sa.Column("on_date", sa.Date, nullable=False),
    sa.Column("recorded_at", Instant, nullable=False),
    text("recorded_by", null=False),
    text("reason"),
    sa.Column("overdue_minor", sa.BigInteger),
    sa.Column("overdue_since", sa.Date),
    references("plan_id", "payment_plan"),
    sa.CheckConstraint("kind IN ('defaulted', 'recovered', 'cancelled')", name="kind"),
    sa.CheckConstraint("(kind = 'cancelled') = (reason IS NOT NULL)", name="reason"),
    sa.CheckConstraint(
        "num_nulls(overdue_minor, overdue_since) = CASE kind WHEN 'defaulted' THEN 0 ELSE 2 END", name="overdue"
    ),
    sa.Index(
        "payment_plan_event_cancelled_idx",
        "tenant_id",
        "plan_id",
        unique=True,
        postgresql_where=sa.text("kind = 'cancelled'"),
    ),
)

# An invoice is on one plan that is not cancelled: the primary key sees to it, whoever asks at once.
planned_invoice = sa.Table(
    "planned_invoice",
    metadata,
    tenant_id(),
    sa.Column("invoice_id", Text, primary_key=True),
    text("plan_id", null=False),
    references("plan_id", "payment_plan"),
    sa.Index(None, "tenant_id", "plan_id"),
)
