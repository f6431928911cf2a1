"""Tax rules, and by which of them a component of an invoice was added."""

from __future__ import annotations

from storage.migrations.sql_file import run

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    run(__file__)
