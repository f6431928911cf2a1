"""Bring a database to the schema of this release: numbered SQL files, run by Alembic, only ever forwards."""

from __future__ import annotations

from pathlib import Path

import psycopg
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from storage.migrations.schema_version import VERSION_SCHEMA, VERSION_TABLE

_HERE = Path(__file__).parent

# Any number that nothing else locks: two servers that start at once migrate one after the other.
_LOCK = 7_283_401


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_HERE).replace("%", "%%"))
    return config


def newest() -> str:
    """The revision that this release needs."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    assert revision is not None
    return revision


def upgrade(conninfo: str) -> None:
    """Run the migrations that are missing, all in one transaction, as a member of billing_owner."""
    engine = sa.create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(conninfo), poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        connection.execute(sa.text(f"CREATE SCHEMA IF NOT EXISTS {VERSION_SCHEMA}"))
        connection.execute(
            sa.text(f"GRANT USAGE ON SCHEMA {VERSION_SCHEMA} TO billing_app, billing_worker, billing_audit")
        )
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.execute(
            sa.text(f"GRANT SELECT ON {VERSION_SCHEMA}.{VERSION_TABLE} TO billing_app, billing_worker, billing_audit")
        )
    engine.dispose()
