"""Transfers are found by an index."""

from __future__ import annotations

from storage.migrations.sql_file import run

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    run(__file__)
