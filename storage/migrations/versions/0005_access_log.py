"""The access log."""

from __future__ import annotations

from storage.migrations.sql_file import run

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    run(__file__)
