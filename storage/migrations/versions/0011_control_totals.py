"""Control totals of the general ledger."""

from __future__ import annotations

from storage.migrations.sql_file import run

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    run(__file__)
