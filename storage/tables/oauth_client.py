"""Clients of the built-in token endpoint, and the assertions by which they have asked, so that none is used twice."""

from __future__ import annotations

import sqlalchemy as sa

from storage.tables.metadata import Instant, Text, metadata, tenant_id, text

oauth_client = sa.Table(
    "oauth_client",
    metadata,
    tenant_id(),
    sa.Column("client_id", Text, primary_key=True),
    text("name", null=False),
    text("scope", null=False),
    text("jwks_url"),
    text("jwks"),
    sa.Column("created_at", Instant, nullable=False),
    sa.CheckConstraint("(jwks_url IS NULL) <> (jwks IS NULL)", name="keys_once"),
)

oauth_assertion = sa.Table(
    "oauth_assertion",
    metadata,
    tenant_id(),
    sa.Column("client_id", Text, primary_key=True),
    sa.Column("jti", Text, primary_key=True),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Index(None, "tenant_id", "expires_at"),
)
