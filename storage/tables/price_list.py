"""Price lists: their versions, prices and rules, and what each charge was priced at."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from storage.tables.metadata import SCHEMA, Instant, Text, metadata, tenant_id, text

price_list = sa.Table(
    "price_list",
    metadata,
    tenant_id(),
    sa.Column("list_id", Text, primary_key=True),
    text("name", null=False),
    text("level", null=False),
    text("facility"),
    text("country"),
    text("program_system"),
    text("program_code"),
    sa.Column("created_at", Instant, nullable=False),
    text("created_by", null=False),
    sa.CheckConstraint("level IN ('tenant', 'facility', 'national')", name="level_known"),
    sa.CheckConstraint("(level = 'facility') = (facility IS NOT NULL)", name="facility_of_level"),
    sa.CheckConstraint("(level = 'national') = (country IS NOT NULL)", name="country_of_level"),
    sa.CheckConstraint("(level = 'national') = (tenant_id = 'national')", name="national_reserved"),
    sa.CheckConstraint("(program_system IS NULL) = (program_code IS NULL)", name="program_whole"),
)

# Written whole as a draft; activated or discarded once. A trigger refuses any change but that and a sooner end.
price_list_version = sa.Table(
    "price_list_version",
    metadata,
    tenant_id(),
    sa.Column("list_id", Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    text("status", null=False),
    sa.Column("valid_from", sa.Date, nullable=False),
    sa.Column("valid_to", sa.Date),
    text("content_hash", null=False),
    sa.Column("created_at", Instant, nullable=False),
    text("created_by", null=False),
    sa.Column("activated_at", Instant),
    text("activated_by"),
    sa.Column("ended_at", Instant),
    text("ended_by"),
    sa.CheckConstraint("status IN ('draft', 'active', 'discarded')", name="status_known"),
    sa.CheckConstraint("valid_to >= valid_from - 1", name="window"),
    sa.CheckConstraint("(status = 'active') = (activated_at IS NOT NULL)", name="activated"),
    sa.ForeignKeyConstraint(
        ["tenant_id", "list_id"], [f"{SCHEMA}.price_list.tenant_id", f"{SCHEMA}.price_list.list_id"]
    ),
)


def _of_version() -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", "list_id", "version"],
        [f"{SCHEMA}.price_list_version.{name}" for name in ("tenant_id", "list_id", "version")],
    )


# One code may have a price a currency and a unit; '' is any unit.
price = sa.Table(
    "price",
    metadata,
    tenant_id(),
    sa.Column("list_id", Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("system", Text, primary_key=True),
    sa.Column("code", Text, primary_key=True),
    sa.Column("currency", Text, primary_key=True),
    sa.Column("unit", Text, primary_key=True),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    text("tax_category"),
    sa.Column("tax_included", sa.Boolean, nullable=False),
    text("name"),
    sa.CheckConstraint("amount_minor >= 0", name="not_negative"),
    sa.CheckConstraint("tax_category IS NOT NULL OR NOT tax_included", name="tax_named"),
    _of_version(),
    sa.Index(None, "tenant_id", "code", "system"),
)

price_rule = sa.Table(
    "price_rule",
    metadata,
    tenant_id(),
    sa.Column("list_id", Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("rule_id", Text, primary_key=True),
    text("kind", null=False),
    sa.Column("percent", sa.Numeric),
    sa.Column("amount_minor", sa.BigInteger),
    text("currency"),
    text("system"),
    text("code"),
    text("modifier_system"),
    text("modifier"),
    text("name"),
    sa.CheckConstraint("kind IN ('factor', 'surcharge', 'discount', 'exemption')", name="kind_known"),
    sa.CheckConstraint("(percent IS NULL) <> (amount_minor IS NULL)", name="percent_or_amount"),
    sa.CheckConstraint("(amount_minor IS NULL) = (currency IS NULL)", name="currency_of_amount"),
    sa.CheckConstraint("percent >= 0 OR amount_minor >= 0", name="not_negative"),
    sa.CheckConstraint("(system IS NULL) = (code IS NULL)", name="code_whole"),
    sa.CheckConstraint("modifier IS NOT NULL OR modifier_system IS NULL", name="modifier_whole"),
    _of_version(),
)

# A row for each version of a charge that a list priced, so that every posting can be explained for ever. The list may
# be the reserved tenant's, so no foreign key leads there.
charge_price = sa.Table(
    "charge_price",
    metadata,
    tenant_id(),
    sa.Column("charge_item_id", Text, primary_key=True),
    sa.Column("charge_version", sa.Integer, primary_key=True),
    text("list_tenant", null=False),
    text("list_id", null=False),
    sa.Column("list_version", sa.Integer, nullable=False),
    text("system", null=False),
    text("code", null=False),
    text("currency", null=False),
    text("unit", null=False),
    sa.Column("service_date", sa.Date, nullable=False),
    sa.Column("unit_price_minor", sa.BigInteger, nullable=False),
    sa.Column("quantity", sa.Numeric, nullable=False),
    sa.Column("factor", sa.Numeric, nullable=False),
    text("tax_category"),
    sa.Column("tax_rate", sa.Numeric),
    text("tax_rule"),
    sa.Column("base_minor", sa.BigInteger, nullable=False),
    sa.Column("surcharge_minor", sa.BigInteger, nullable=False),
    sa.Column("discount_minor", sa.BigInteger, nullable=False),
    sa.Column("exemption_minor", sa.BigInteger, nullable=False),
    sa.Column("rules", pg.ARRAY(sa.Text), nullable=False),
    sa.Column("priced_at", Instant, nullable=False),
    sa.Index(None, "tenant_id", "list_id", "list_version"),
)
