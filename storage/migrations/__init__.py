"""Bring a database to the schema of this release: numbered SQL files, run by Alembic, only ever forwards."""

from __future__ import annotations

from pathlib import Path

import psycopg
import sqlalchemy as sa

from storage.migrations.schema_version import VERSION_SCHEMA, VERSION_TABLE

_HERE = Path(__file__).parent

# Any number that nothing else locks: two servers that start at once migrate one after the other.
_LOCK = 7_283_401


def newest() -> str:
    """The revision that this release needs: that of the file with the highest number."""
    return max(file.name.partition("_")[0] for file in (_HERE / "versions").glob("[0-9]*.py"))


def upgrade(conninfo: str) -> None:
    """Run the migrations that are missing, all in one transaction, as a member of billing_owner."""
    # Only who migrates needs these 10 MB; the workers of a server do not.
    from alembic import command
    from alembic.config import Config

    engine = sa.create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(conninfo), poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        connection.execute(sa.text(f"CREATE SCHEMA IF NOT EXISTS {VERSION_SCHEMA}"))
        connection.execute(
            sa.text(f"GRANT USAGE ON SCHEMA {VERSION_SCHEMA} TO billing_app, billing_worker, billing_audit")
        )
        config = Config()
        config.set_main_option("script_location", str(_HERE).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.execute(
            sa.text(f"GRANT SELECT ON {VERSION_SCHEMA}.{VERSION_TABLE} TO billing_app, billing_worker, billing_audit")
        )
    engine.dispose()
