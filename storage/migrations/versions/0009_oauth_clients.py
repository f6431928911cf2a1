"""Clients of the built-in token endpoint."""

from __future__ import annotations

from storage.migrations.sql_file import run

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    run(__file__)
