"""What Alembic runs: the migrations, on the connection that it is given, in one transaction."""

from __future__ import annotations

from alembic import context

from storage.migrations.schema_version import VERSION_SCHEMA, VERSION_TABLE
from storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    version_table_schema=VERSION_SCHEMA,
)
context.run_migrations()
