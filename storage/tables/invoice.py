"""Invoices with their lines, price components and payer shares."""

from __future__ import annotations

import sqlalchemy as sa

from storage.tables.metadata import (
    Text,
    child_table,
    date_bounds,
    found_where_present,
    index_table,
    metadata,
    money,
    references,
    resource_table,
    tenant_id,
    text,
    unstated,
)

invoice = resource_table(
    "invoice",
    text("status", null=False),
    text("cancelled_reason"),
    text("subject"),
    text("recipient"),
    text("date"),
    *date_bounds("date"),
    text("issuer"),
    text("account_id"),
    *money("total_net"),
    unstated("total_net"),
    *money("total_gross"),
    unstated("total_gross"),
    sa.Column("settled_minor", sa.BigInteger),
    sa.Column("due_minor", sa.BigInteger),
    text("settlement_currency"),
    text("due_date"),
    text("credit_of_id"),
    sa.CheckConstraint("settled_minor + due_minor = total_gross_minor", name="settlement_sums_to_total"),
    sa.CheckConstraint("due_minor >= 0", name="not_over_settled"),
    sa.CheckConstraint("settled_minor >= 0 OR credit_of_id IS NOT NULL", name="not_under_settled"),
    references("account_id", "account"),
    references("credit_of_id", "invoice"),
    sa.Index(None, "tenant_id", "account_id", "id"),
    # What is owed now, by due date: few invoices of an account are open, whatever it was billed in its life.
    sa.Index(
        "invoice_open_idx",
        "tenant_id",
        "account_id",
        "due_date",
        postgresql_include=["due_minor"],
        postgresql_where=sa.text("due_minor > 0"),
    ),
    sa.Index(None, "tenant_id", "subject", "date_low", "date_high", "id"),
    sa.Index(None, "tenant_id", "recipient", "id"),
    sa.Index(None, "tenant_id", "date_low", "date_high", "id"),
    sa.Index(None, "tenant_id", "status", "id"),
    found_where_present("invoice", "issuer"),
    found_where_present("invoice", "total_gross_unstated"),
    found_where_present("invoice", "total_gross_currency", "total_gross_minor", present="total_gross_minor"),
    found_where_present("invoice", "total_net_unstated"),
    found_where_present("invoice", "total_net_currency", "total_net_minor", present="total_net_minor"),
)

invoice_index = index_table("invoice")


def _position(name: str = "position") -> sa.Column[int]:
    return sa.Column(name, sa.SmallInteger, primary_key=True)


invoice_line = child_table(
    "invoice_line",
    "invoice",
    "invoice_id",
    _position(),
    sa.Column("sequence", sa.Integer),
    text("charge_item_id"),
    references("charge_item_id", "charge_item"),
)
sa.Index(None, invoice_line.c.tenant_id, invoice_line.c.charge_item_id, invoice_line.c.invoice_id)

# line_position -1: a component of the totals (totalPriceComponent).
TOTALS = -1

invoice_price_component = child_table(
    "invoice_price_component",
    "invoice",
    "invoice_id",
    _position("line_position"),
    _position(),
    text("type", null=False),
    text("code_system"),
    text("code"),
    sa.Column("factor", sa.Numeric),
    *money("amount"),
    # By which tax rule the server added it.
    text("tax_rule"),
)

invoice_payer_share = child_table(
    "invoice_payer_share",
    "invoice",
    "invoice_id",
    _position(),
    text("payer"),
    text("payer_system"),
    text("payer_value"),
    *money("amount"),
)

# Which line of which invoice a line of a credit note is about, and whether that is billed again: then the line holds
# its charge no more. What was credited of it, the components of the credit notes say. Rows are only ever added.
credited_line = sa.Table(
    "credited_line",
    metadata,
    tenant_id(),
    sa.Column("credit_note_id", Text, primary_key=True),
    sa.Column("position", sa.SmallInteger, primary_key=True, autoincrement=False),
    text("invoice_id", null=False),
    sa.Column("line_position", sa.SmallInteger, nullable=False),
    sa.Column("rebilled", sa.Boolean, nullable=False),
    references("credit_note_id", "invoice"),
    references("invoice_id", "invoice"),
    sa.Index(None, "tenant_id", "invoice_id", "line_position"),
    sa.Index(
        "credited_line_rebilled_once_idx",
        "tenant_id",
        "invoice_id",
        "line_position",
        unique=True,
        postgresql_where=sa.text("rebilled"),
    ),
)
