"""Tax rules: what tax a category of services bears, where and when."""

from __future__ import annotations

import sqlalchemy as sa

from storage.tables.metadata import Instant, Text, metadata, tenant_id, text

# A rule is never edited: a trigger refuses any change but an end where it has none, or a sooner one.
tax_rule = sa.Table(
    "tax_rule",
    metadata,
    tenant_id(),
    sa.Column("rule_id", Text, primary_key=True),
    text("category", null=False),
    text("system"),
    text("code", null=False),
    text("treatment", null=False),
    sa.Column("percent", sa.Numeric, nullable=False),
    sa.Column("inclusive", sa.Boolean, nullable=False),
    text("facility"),
    text("country"),
    text("name"),
    sa.Column("valid_from", sa.Date, nullable=False),
    sa.Column("valid_to", sa.Date),
    sa.Column("created_at", Instant, nullable=False),
    text("created_by", null=False),
    sa.Column("ended_at", Instant),
    text("ended_by"),
    sa.CheckConstraint("treatment IN ('taxable', 'zero-rated', 'exempt')", name="treatment_known"),
    sa.CheckConstraint("percent >= 0 AND (percent > 0) = (treatment = 'taxable')", name="percent_of_treatment"),
    sa.CheckConstraint("(country IS NOT NULL) = (tenant_id = 'national')", name="national_reserved"),
    sa.CheckConstraint("valid_to >= valid_from - 1", name="window"),
)
