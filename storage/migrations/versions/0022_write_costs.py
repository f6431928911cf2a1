"""Functions, guards and keys that cost a write less."""

from __future__ import annotations

from storage.migrations.sql_file import run

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    run(__file__)
