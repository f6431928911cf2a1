"""Payments that a payment gateway is asked for."""

from __future__ import annotations

from storage.migrations.sql_file import run

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    run(__file__)
