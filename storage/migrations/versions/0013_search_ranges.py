"""Searches of ranges that no index served."""

from __future__ import annotations

from storage.migrations.sql_file import run

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    run(__file__)
