"""Changes of the point at which revenue is recognised."""

from __future__ import annotations

from storage.migrations.sql_file import run

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    run(__file__)
