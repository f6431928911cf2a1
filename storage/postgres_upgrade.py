"""Move the embedded database to the PostgreSQL major of this release, by dump and restore.

The old files stay as they are until the new ones hold the same number of rows in every table, and are kept aside after
that. Killed at any moment, either the old files or the new ones are in place, never none and never an empty database.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
from pathlib import Path

import psycopg
from psycopg import sql

from storage.backup import back_up, restore
from storage.embedded_postgres import SUPERUSER, UPGRADED_CLUSTER, EmbeddedPostgres, EmbeddedPostgresError
from storage.postgres_binaries import PostgresBinaries, of_major

log = logging.getLogger(__name__)


def upgrade(data_dir: Path, old_programs: Path | None = None) -> Path | None:
    """Move the database; return where the old files are kept, or None where there was nothing to do."""
    current = EmbeddedPostgres(data_dir)
    major = current.major_of_files
    if major is None or major == current.binaries.major:
        return None
    old = EmbeddedPostgres(data_dir, binaries=_programs_of(major, current.binaries.major, old_programs))
    new = EmbeddedPostgres(data_dir, cluster_name="cluster.upgrading")
    with tempfile.TemporaryDirectory(dir=data_dir, prefix=".upgrade-") as directory:
        dump = Path(directory, "dump")
        with old.running():
            log.info("dumping the database with PostgreSQL %d", major)
            rows_before = _rows_per_table(old)
            back_up(old, dump)
        shutil.rmtree(new.cluster, ignore_errors=True)
        with new.running():
            log.info("restoring it with PostgreSQL %d", new.binaries.major)
            restore(new, dump)
            rows_after = _rows_per_table(new)
    if rows_after != rows_before:
        raise EmbeddedPostgresError(
            f"the new database does not hold what the old one does, so the old one stays in place: "
            f"{sorted(rows_before.items() ^ rows_after.items())}"
        )
    kept = _free_name(current.cluster.with_name(f"cluster.postgresql-{major}"))
    finished = new.cluster.rename(current.cluster.with_name(UPGRADED_CLUSTER))
    current.cluster.rename(kept)
    finished.rename(current.cluster)
    return kept


def _programs_of(major: int, current_major: int, directory: Path | None) -> PostgresBinaries:
    if major > current_major:
        raise EmbeddedPostgresError(
            f"the database was made by PostgreSQL {major}, which is later than the {current_major} of this release: "
            "run the release that made it"
        )
    programs = of_major(major) if directory is None else PostgresBinaries(directory.resolve())
    if programs is None or not programs.program("postgres").is_file():
        raise EmbeddedPostgresError(
            f"to read the database, the programs of PostgreSQL {major} are needed and were not found. Install them "
            f"(on Debian: postgresql-{major}) or name their directory with --old-binaries DIR"
        )
    if programs.major != major:
        raise EmbeddedPostgresError(f"{directory} holds PostgreSQL {programs.version}; {major} is needed")
    return programs


def _rows_per_table(postgres: EmbeddedPostgres) -> dict[str, int]:
    rows = {}
    with psycopg.connect(postgres.dsn(SUPERUSER)) as connection:
        tables = connection.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        for schema, table in tables:
            count = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, table)))
            rows[f"{schema}.{table}"] = (count.fetchone() or (0,))[0]
    return rows


def _free_name(path: Path) -> Path:
    """`path`, or the first of `path.2`, `path.3` ... that is not there."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.name}.{number}")
    return free
