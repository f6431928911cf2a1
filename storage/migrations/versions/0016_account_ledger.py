"""An account with a million postings: its balance as of any day, and its lines page by page."""

from __future__ import annotations

from storage.migrations.sql_file import run

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    run(__file__)
