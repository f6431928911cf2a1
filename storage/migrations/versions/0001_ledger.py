"""The ledger and the five FHIR resources on it."""

from __future__ import annotations

from storage.migrations.sql_file import run

revision = "0001"
down_revision = None


def upgrade() -> None:
    run(__file__)
