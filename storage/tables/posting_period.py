"""Posting periods: what became of each, and what the ledger accounts came to when it was closed; and by which point
revenue is recognised from which day on. Only ever added to.
"""

from __future__ import annotations

import sqlalchemy as sa

from storage.tables.metadata import Instant, Text, metadata, tenant_id, text

# A row for each time that a period was soft-closed, closed or reopened; the last one says what is closed of the tenant.
posting_period_change = sa.Table(
    "posting_period_change",
    metadata,
    tenant_id(),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("first_day", sa.Date, nullable=False),
    sa.Column("last_day", sa.Date, nullable=False),
    text("status", null=False),
    sa.Column("closed_through", sa.Date),
    sa.Column("soft_closed_through", sa.Date),
    sa.Column("changed_at", Instant, nullable=False),
    text("changed_by", null=False),
    text("reason"),
    sa.CheckConstraint("status IN ('open', 'soft-closed', 'closed')", name="status"),
    sa.CheckConstraint("first_day <= last_day", name="range"),
    sa.CheckConstraint(
        "CASE status WHEN 'closed' THEN closed_through IS NOT DISTINCT FROM last_day WHEN 'soft-closed' THEN"
        " soft_closed_through IS NOT DISTINCT FROM last_day ELSE soft_closed_through IS NULL OR soft_closed_through <"
        " first_day END",
        name="through",
    ),
    sa.CheckConstraint("soft_closed_through > closed_through", name="soft_later"),
)

# Debits and credits of all that is effective up to the day. Sums of amounts may outgrow a bigint.
closing_balance = sa.Table(
    "closing_balance",
    metadata,
    tenant_id(),
    sa.Column("closed_through", sa.Date, primary_key=True),
    sa.Column("ledger_account", sa.SmallInteger, primary_key=True),
    sa.Column("currency", Text, primary_key=True),
    sa.Column("debit_minor", sa.Numeric(38, 0), nullable=False),
    sa.Column("credit_minor", sa.Numeric(38, 0), nullable=False),
)

# A row for each change of the tenant's setting. It goes before all that were made earlier, from its day on.
recognition_change = sa.Table(
    "recognition_change",
    metadata,
    tenant_id(),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("first_day", sa.Date, nullable=False),
    text("point", null=False),
    sa.Column("changed_at", Instant, nullable=False),
    text("changed_by", null=False),
    sa.CheckConstraint("point IN ('capture', 'issue')", name="point"),
)
