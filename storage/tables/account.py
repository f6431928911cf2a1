"""Accounts, and the balances that the journal gives them."""

from __future__ import annotations

import sqlalchemy as sa

from storage.tables.metadata import (
    SCHEMA,
    Instant,
    Text,
    folded,
    found_where_present,
    index_table,
    metadata,
    period_bounds,
    resource_table,
    tenant_id,
    text,
)

account = resource_table(
    "account",
    text("status", null=False),
    text("name"),
    folded("name"),
    text("owner"),
    text("service_period_start"),
    text("service_period_end"),
    *period_bounds("service_period", "service_period_start", "service_period_end"),
    text("currency", null=False),
    sa.UniqueConstraint("tenant_id", "id", "currency"),
    sa.Index(None, "tenant_id", "status", "id"),
    sa.Index(None, "tenant_id", "owner", "id"),
    found_where_present("account", "name_folded"),
    sa.Index(None, "tenant_id", "service_period_low", "service_period_high", "id"),
    sa.Index(None, "tenant_id", "service_period_high", "id"),
)

account_index = index_table("account")

BALANCES = ("unbilled", "billed_patient", "billed_payer", "unapplied", "held", "refund_payable")

# The currency is part of the key that postings refer to: an account has one for life, and no posting can be in another.
account_balance = sa.Table(
    "account_balance",
    metadata,
    tenant_id(),
    sa.Column("account_id", Text, primary_key=True),
    sa.Column("currency", Text, primary_key=True),
    *(sa.Column(name, sa.BigInteger, nullable=False, server_default="0") for name in BALANCES),
    sa.Column("recorded_at", Instant, nullable=False),
    sa.CheckConstraint("held >= 0", name="held_not_negative"),
    sa.CheckConstraint("unapplied >= held", name="held_is_unapplied"),
    sa.ForeignKeyConstraint(
        ["tenant_id", "account_id", "currency"],
        [f"{SCHEMA}.account.tenant_id", f"{SCHEMA}.account.id", f"{SCHEMA}.account.currency"],
    ),
    # Room on the page, and no index on what changes: an update stays in its page and touches no index.
    postgresql_with={"fillfactor": 70},
)
