"""A migration is a numbered SQL file with the reason on top; the Python file beside it only names it to Alembic."""

from __future__ import annotations

from pathlib import Path

from alembic import op


def run(migration_file: str) -> None:
    """Run the SQL file that stands beside the migration, as it is written."""
    connection = op.get_bind()
    # The driver's own cursor without parameters: a percent sign or a colon in the file means itself.
    cursor = connection.connection.cursor()
    cursor.execute(Path(migration_file).with_suffix(".sql").read_bytes())
    cursor.close()
