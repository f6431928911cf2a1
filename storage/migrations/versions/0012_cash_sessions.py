"""Cash sessions and what moved in them."""

from __future__ import annotations

from storage.migrations.sql_file import run

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    run(__file__)
