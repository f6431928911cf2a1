"""Price lists, the prices that charges were captured at, and the reserved tenant of what is national."""

from __future__ import annotations

from storage.migrations.sql_file import run

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    run(__file__)
