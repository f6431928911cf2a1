"""Which line of which invoice each line of a credit note is about."""

from __future__ import annotations

from storage.migrations.sql_file import run

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    run(__file__)
