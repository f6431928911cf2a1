"""Charge codes: the code table of a tenant, or of a country."""

from __future__ import annotations

import sqlalchemy as sa

from storage.tables.metadata import Instant, Text, metadata, tenant_id, text

# country is '' but for the codes of the reserved tenant, so that it can be in the key.
charge_code = sa.Table(
    "charge_code",
    metadata,
    tenant_id(),
    sa.Column("system", Text, primary_key=True),
    sa.Column("code", Text, primary_key=True),
    sa.Column("country", Text, primary_key=True),
    text("display"),
    sa.Column("valid_from", sa.Date),
    sa.Column("valid_to", sa.Date),
    sa.Column("changed_at", Instant, nullable=False),
    text("changed_by", null=False),
    sa.CheckConstraint("(country <> '') = (tenant_id = 'national')", name="national_reserved"),
    sa.CheckConstraint("valid_to >= valid_from - 1", name="window"),
)
