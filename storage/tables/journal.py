"""The journal: entries and their postings, to which rows are only ever added."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from storage.tables.metadata import SCHEMA, Instant, metadata, tenant_id, text

# effective_at is the accounting date; recorded_at is when the ledger learnt of it, strictly later for each next entry
# of an account. source_* names the resource whose change made the entry.
journal_entry = sa.Table(
    "journal_entry",
    metadata,
    tenant_id(),
    sa.Column("entry_id", pg.UUID, primary_key=True),
    text("kind", null=False),
    sa.Column("effective_at", sa.Date, nullable=False),
    sa.Column("service_date", sa.Date),
    sa.Column("recorded_at", Instant, nullable=False),
    text("source_type", null=False),
    text("source_id", null=False),
    sa.Column("reverses_entry_id", pg.UUID),
    text("reason"),
    text("created_by", null=False),
    sa.UniqueConstraint("tenant_id", "reverses_entry_id"),
    sa.ForeignKeyConstraint(
        ["tenant_id", "reverses_entry_id"],
        [f"{SCHEMA}.journal_entry.tenant_id", f"{SCHEMA}.journal_entry.entry_id"],
    ),
    sa.Index(None, "tenant_id", "source_id", "source_type", "kind"),
    # What was recorded in a stretch of time, to seal it.
    sa.Index(None, "tenant_id", "recorded_at", "entry_id"),
    # Few entries move something from one account to another.
    sa.Index(
        "journal_entry_transfer_idx",
        "tenant_id",
        "recorded_at",
        "entry_id",
        postgresql_where=sa.text("kind = 'money-transferred' OR (kind = 'charge-reversed' AND reason IS NOT NULL)"),
    ),
)

# amount_minor: debit positive, credit negative. The resources are what a balance is asked by; detail is the tax code
# (2200), the drawer (1010), or the ledger account that deferred revenue goes to (2400). That its entry is there and is
# of the same transaction, a trigger sees to. The dates are those of the entry, here so that a balance as of a date is
# one index scan.
posting = sa.Table(
    "posting",
    metadata,
    tenant_id(),
    sa.Column("entry_id", pg.UUID, primary_key=True),
    sa.Column("line", sa.SmallInteger, primary_key=True),
    sa.Column("ledger_account", sa.SmallInteger, nullable=False),
    text("currency", null=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("effective_at", sa.Date, nullable=False),
    sa.Column("recorded_at", Instant, nullable=False),
    text("account_id"),
    text("invoice_id"),
    text("charge_item_id"),
    text("payment_id"),
    text("payer"),
    text("facility"),
    text("detail"),
    sa.CheckConstraint("amount_minor <> 0", name="not_zero"),
    sa.ForeignKeyConstraint(
        ["tenant_id", "account_id", "currency"],
        [
            f"{SCHEMA}.account_balance.tenant_id",
            f"{SCHEMA}.account_balance.account_id",
            f"{SCHEMA}.account_balance.currency",
        ],
    ),
    # All that the balance of an account as of a day and a moment needs, in the order in which its lines are shown.
    sa.Index(
        "posting_account_idx",
        "tenant_id",
        "account_id",
        "effective_at",
        "recorded_at",
        "ledger_account",
        postgresql_include=["amount_minor"],
        postgresql_where=sa.text("account_id IS NOT NULL"),
    ),
    sa.Index("posting_invoice_idx", "tenant_id", "invoice_id", postgresql_where=sa.text("invoice_id IS NOT NULL")),
    sa.Index("posting_payment_idx", "tenant_id", "payment_id", postgresql_where=sa.text("payment_id IS NOT NULL")),
)
