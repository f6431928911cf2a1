"""The access log."""

from __future__ import annotations

from storage.migrations.sql_file import run

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    run(__file__)
