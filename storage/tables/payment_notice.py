"""Notices about payments."""

from __future__ import annotations

import sqlalchemy as sa

from storage.tables.metadata import (
    date_bounds,
    found_where_present,
    index_table,
    money,
    references,
    resource_table,
    text,
)

payment_notice = resource_table(
    "payment_notice",
    text("status", null=False),
    text("request"),
    text("response"),
    text("created"),
    *date_bounds("created"),
    text("provider"),
    text("payment_id"),
    text("payment_date"),
    text("payee"),
    text("recipient"),
    *money("amount"),
    references("payment_id", "payment_reconciliation"),
    sa.Index(None, "tenant_id", "payment_id", "id"),
    sa.Index(None, "tenant_id", "request", "id"),
    sa.Index(None, "tenant_id", "response", "id"),
    sa.Index(None, "tenant_id", "created_low", "created_high", "id"),
    sa.Index(None, "tenant_id", "status", "id"),
    found_where_present("payment_notice", "provider"),
)

payment_notice_index = index_table("payment_notice")
