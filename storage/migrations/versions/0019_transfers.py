"""Transfers are found by an index."""

from __future__ import annotations

from storage.migrations.sql_file import run

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    run(__file__)
