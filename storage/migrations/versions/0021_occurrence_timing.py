"""A charge is found by the outer limits of its Timing."""

from __future__ import annotations

from storage.migrations.sql_file import run

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    run(__file__)
