"""Subscriptions, their events, and the queue of changes that are still to be matched with them."""

from __future__ import annotations

from storage.migrations.sql_file import run

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    run(__file__)
