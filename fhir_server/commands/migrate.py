"""`./run migrate`: bring the database to the schema of this release, and nothing else."""

from __future__ import annotations

from fhir_server.commands.options import DataDir, settings_with


def migrate(data_dir: DataDir = None) -> None:
    """Migrate the database; `serve` does it too, where it has BILLING_MIGRATE_DATABASE_URL."""
    from fhir_server import database

    with database.reachable_database(settings_with(data_dir=data_dir)) as settings:
        database.migrate(settings)
