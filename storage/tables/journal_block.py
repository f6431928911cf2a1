"""Sealed blocks of the journal and of the versions. Only ever added to, and only by the role that seals."""

from __future__ import annotations

import sqlalchemy as sa

from storage.tables.metadata import Instant, metadata, tenant_id, text

# signature is a JWS of the hash, made with a key that the database does not have.
journal_block = sa.Table(
    "journal_block",
    metadata,
    tenant_id(),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("sealed_after", Instant),
    sa.Column("sealed_through", Instant, nullable=False),
    sa.Column("entries", sa.Integer, nullable=False),
    sa.Column("versions", sa.Integer, nullable=False),
    text("content_hash", null=False),
    text("previous_hash", null=False),
    sa.Column("sealed_at", Instant, nullable=False),
    text("hash", null=False),
    text("signature", null=False),
)
