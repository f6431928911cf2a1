"""Charges, and which live invoice holds each."""

from __future__ import annotations

import sqlalchemy as sa

from storage.tables.metadata import (
    SCHEMA,
    Text,
    bounds,
    date_bounds,
    found_where_present,
    index_table,
    metadata,
    money,
    near,
    references,
    resource_table,
    tenant_id,
    text,
    unstated,
)

_BEGINS = "coalesce(occurrence_date_time, occurrence_period_start, occurrence_timing_start)"
_ENDS = "coalesce(occurrence_date_time, occurrence_period_end, occurrence_timing_end)"
_LIMITED = f"coalesce({_BEGINS}, {_ENDS}) IS NOT NULL"

charge_item = resource_table(
    "charge_item",
    text("status", null=False),
    text("subject"),
    text("context"),
    text("occurrence_date_time"),
    text("occurrence_period_start"),
    text("occurrence_period_end"),
    text("occurrence_timing_start"),
    text("occurrence_timing_end"),
    text("occurrence_timing_events"),
    # Of a timing only the outer limits matter; one that has none is found by no date.
    *bounds(
        "occurrence",
        f"least({SCHEMA}.fhir_low_of(occurrence_timing_events),"
        f" CASE WHEN {_LIMITED} THEN coalesce({SCHEMA}.fhir_low({_BEGINS}), '-infinity') END)",
        f"greatest({SCHEMA}.fhir_high_of(occurrence_timing_events),"
        f" CASE WHEN {_LIMITED} THEN coalesce({SCHEMA}.fhir_high({_ENDS}), 'infinity') END)",
    ),
    text("performing_organization"),
    text("requesting_organization"),
    text("enterer"),
    text("entered_date"),
    *date_bounds("entered_date"),
    sa.Column("quantity_value", sa.Numeric),
    near("quantity_value"),
    text("quantity_system"),
    text("quantity_code"),
    sa.Column("factor_override", sa.Numeric),
    near("factor_override"),
    *money("price_override"),
    unstated("price_override"),
    text("account_id"),
    sa.Column("amount_minor", sa.BigInteger),
    text("amount_currency"),
    sa.Column("unpriced", sa.Boolean, nullable=False),
    references("account_id", "account"),
    sa.Index(None, "tenant_id", "account_id", "id"),
    sa.Index(None, "tenant_id", "subject", "occurrence_low", "occurrence_high", "id"),
    sa.Index(None, "tenant_id", "occurrence_low", "occurrence_high", "id"),
    sa.Index(
        "charge_item_occurrence_period_idx",
        "tenant_id",
        "occurrence_high",
        "id",
        postgresql_where=sa.text("occurrence_date_time IS NULL AND occurrence_high IS NOT NULL"),
    ),
    sa.Index(None, "tenant_id", "status", "id"),
    sa.Index("charge_item_unpriced_idx", "tenant_id", "id", postgresql_where=sa.text("unpriced")),
    sa.Index(
        "charge_item_without_account_idx",
        "tenant_id",
        "id",
        postgresql_where=sa.text("account_id IS NULL AND status = 'billable'"),
    ),
    *(
        found_where_present("charge_item", *columns)
        for columns in (
            ("context",),
            ("enterer",),
            ("entered_date_low", "entered_date_high"),
            ("performing_organization",),
            ("requesting_organization",),
            ("quantity_value_near",),
            ("factor_override_near",),
        )
    ),
    found_where_present("charge_item", "price_override_unstated"),
    found_where_present(
        "charge_item", "price_override_currency", "price_override_minor", present="price_override_minor"
    ),
)

charge_item_index = index_table("charge_item")

# The primary key is the rule: a charge is on at most one live invoice.
invoiced_charge = sa.Table(
    "invoiced_charge",
    metadata,
    tenant_id(),
    sa.Column("charge_item_id", Text, primary_key=True),
    text("invoice_id", null=False),
    references("charge_item_id", "charge_item"),
    references("invoice_id", "invoice"),
    sa.Index(None, "tenant_id", "invoice_id"),
)
