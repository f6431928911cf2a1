"""Charge codes: which services may be charged for."""

from __future__ import annotations

from storage.migrations.sql_file import run

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    run(__file__)
