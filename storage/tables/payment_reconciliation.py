"""Payments, and what each was put to."""

from __future__ import annotations

import sqlalchemy as sa

from storage.tables.metadata import (
    child_table,
    date_bounds,
    folded,
    found_where_present,
    index_table,
    money,
    references,
    resource_table,
    text,
)

payment_reconciliation = resource_table(
    "payment_reconciliation",
    text("status", null=False),
    text("period_start"),
    text("period_end"),
    text("created"),
    *date_bounds("created"),
    text("payment_issuer"),
    text("request"),
    text("requestor"),
    text("outcome"),
    text("disposition"),
    folded("disposition"),
    text("payment_date"),
    *money("payment_amount"),
    text("payment_identifier_system"),
    text("payment_identifier_value"),
    text("payment_account_id"),
    text("method"),
    sa.Column("refunded_minor", sa.BigInteger),
    text("refunded_currency"),
    references("payment_account_id", "account"),
    sa.Index(None, "tenant_id", "created_low", "created_high", "id"),
    sa.Index(None, "tenant_id", "status", "id"),
    sa.Index(None, "tenant_id", "payment_issuer", "id"),
    sa.Index(None, "tenant_id", "payment_account_id", "id"),
    sa.Index(None, "tenant_id", "outcome", "id"),
    found_where_present("payment_reconciliation", "request"),
    found_where_present("payment_reconciliation", "requestor"),
    found_where_present("payment_reconciliation", "disposition_folded"),
)

payment_reconciliation_index = index_table("payment_reconciliation")

payment_detail = child_table(
    "payment_detail",
    "payment_reconciliation",
    "payment_id",
    sa.Column("position", sa.SmallInteger, primary_key=True),
    text("type_system"),
    text("type_code"),
    text("request"),
    text("date"),
    *money("amount"),
)
sa.Index(None, payment_detail.c.tenant_id, payment_detail.c.request, payment_detail.c.payment_id)
