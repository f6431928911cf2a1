"""Refunds and adjustments as they were requested, what was decided of each, and what an adjustment went to.

All of it is only ever added. What a request is now follows from its last decision.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from storage.tables.metadata import Instant, Text, metadata, references, tenant_id, text


def _request_columns() -> list[sa.Column[Any] | sa.CheckConstraint]:
    """What `ledger.approval.Request` has, after the id."""
    return [
        text("currency", null=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        text("reason", null=False),
        text("requested_by", null=False),
        sa.Column("requested_at", Instant, nullable=False),
        sa.Column("approvals_needed", sa.SmallInteger, nullable=False),
        sa.Column("counted_minor", sa.BigInteger, nullable=False),
        sa.Column("first_limit_minor", sa.BigInteger, nullable=False),
        sa.Column("second_limit_minor", sa.BigInteger),
        sa.Column("window_days", sa.SmallInteger, nullable=False),
        sa.CheckConstraint("amount_minor > 0", name="positive"),
        sa.CheckConstraint("approvals_needed BETWEEN 0 AND 2", name="approvals"),
    ]


# Exactly one of account and payer owns the money.
refund = sa.Table(
    "refund",
    metadata,
    tenant_id(),
    sa.Column("id", Text, primary_key=True),
    *_request_columns(),
    text("payment_id", null=False),
    text("account_id"),
    text("payer"),
    text("method"),
    sa.Column("deallocates", sa.Boolean, nullable=False),
    sa.CheckConstraint("(account_id IS NULL) <> (payer IS NULL)", name="owner"),
    references("payment_id", "payment_reconciliation"),
    references("account_id", "account"),
    sa.Index(None, "tenant_id", "account_id", "requested_by", "requested_at"),
    sa.Index(None, "tenant_id", "payer", "requested_by", "requested_at"),
    sa.Index(None, "tenant_id", "payment_id", "id"),
)

adjustment = sa.Table(
    "adjustment",
    metadata,
    tenant_id(),
    sa.Column("id", Text, primary_key=True),
    *_request_columns(),
    text("type", null=False),
    text("account_id", null=False),
    text("invoice_id"),
    text("payment_id"),
    references("account_id", "account"),
    references("invoice_id", "invoice"),
    references("payment_id", "payment_reconciliation"),
    sa.Index(None, "tenant_id", "account_id", "requested_by", "requested_at"),
)

# To which invoices an applied adjustment went; `credit_note_id` where that is a credit note.
adjustment_part = sa.Table(
    "adjustment_part",
    metadata,
    tenant_id(),
    sa.Column("adjustment_id", Text, primary_key=True),
    sa.Column("invoice_id", Text, primary_key=True),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    text("credit_note_id"),
    sa.CheckConstraint("amount_minor > 0", name="positive"),
    references("adjustment_id", "adjustment"),
    references("invoice_id", "invoice"),
    references("credit_note_id", "invoice"),
)

# `subject` is refund or adjustment. The sequence is 1, 2, 3 ... for each; one person approves once.
decision = sa.Table(
    "decision",
    metadata,
    tenant_id(),
    sa.Column("subject", Text, primary_key=True),
    sa.Column("subject_id", Text, primary_key=True),
    sa.Column("sequence", sa.SmallInteger, primary_key=True),
    text("decision", null=False),
    text("status", null=False),
    text("decided_by", null=False),
    sa.Column("decided_at", Instant, nullable=False),
    text("reason"),
    text("method"),
    sa.CheckConstraint("subject IN ('refund', 'adjustment')", name="subject"),
    sa.CheckConstraint("decision IN ('approved', 'rejected', 'paid', 'failed')", name="known"),
    sa.Index(
        "decision_approves_once_idx",
        "tenant_id",
        "subject",
        "subject_id",
        "decided_by",
        unique=True,
        postgresql_where=sa.text("decision = 'approved'"),
    ),
)
