"""Control totals of the general ledger: what the sealed part of the journal sums to, by ledger account and day."""

from __future__ import annotations

import sqlalchemy as sa

from storage.tables.metadata import Instant, Text, metadata, tenant_id

# A projection: the worker adds what each sealed block holds. Sums of amounts may outgrow a bigint.
control_total = sa.Table(
    "control_total",
    metadata,
    tenant_id(),
    sa.Column("ledger_account", sa.SmallInteger, primary_key=True),
    sa.Column("currency", Text, primary_key=True),
    sa.Column("facility", Text, primary_key=True),
    sa.Column("effective_at", sa.Date, primary_key=True),
    sa.Column("debit_minor", sa.Numeric(38, 0), nullable=False),
    sa.Column("credit_minor", sa.Numeric(38, 0), nullable=False),
)

# The last block that is in the totals, and the moment that it is sealed through.
control_checkpoint = sa.Table(
    "control_checkpoint",
    metadata,
    tenant_id(),
    sa.Column("block_number", sa.Integer, nullable=False),
    sa.Column("recorded_through", Instant),
)
