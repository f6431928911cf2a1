"""Searches that an index could not serve."""

from __future__ import annotations

from storage.migrations.sql_file import run

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    run(__file__)
