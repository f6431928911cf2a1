"""Dump the embedded database to one file, and put a dump back. Everything goes on after a restore.

A dump is one consistent snapshot in PostgreSQL's custom format, made by the wheel's `pg_dump` while the server serves.
It holds the data of all tenants and no passwords: the data directory that it is put into keeps its own. A dump of an
older release can be put back: the migrations that it lacks are run afterwards.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import tempfile
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from ledger.tenant import NATIONAL
from storage import roles
from storage.embedded_postgres import SUPERUSER, EmbeddedPostgres
from storage.postgres_binaries import bundled
from storage.postgres_process import plain_environment
from storage.roles import DATABASE


class BackupError(Exception):
    """The dump or the restore was not done, and nothing was changed. The message says why."""


def back_up(postgres: EmbeddedPostgres, file: Path) -> None:
    """Write a dump of the running database to `file`, all or nothing, readable by its owner only."""
    try:
        descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}-")
    except OSError as failure:
        raise BackupError(f"{file.parent} cannot be written to: {failure.strerror}") from failure
    unfinished = Path(name)
    try:
        _run(postgres, "pg_dump", "--format=custom", f"--file={unfinished}", DATABASE)
        os.fsync(descriptor)
        unfinished.replace(file)
    finally:
        os.close(descriptor)
        unfinished.unlink(missing_ok=True)


def restore(postgres: EmbeddedPostgres, file: Path, *, force: bool = False) -> None:
    """Replace the database by the dump in `file`: built beside it, then exchanged in one step.

    Refused when there are tenants in the database, unless `force`.
    """
    if not file.is_file():
        raise BackupError(f"there is no file {file}")
    if not force and has_tenants(postgres):
        raise BackupError(
            f"the database in {postgres.data_dir} is not empty. Back it up first if it matters; --force replaces it"
        )
    suffix = secrets.token_hex(4)
    restored, replaced = f"{DATABASE}_restored_{suffix}", f"{DATABASE}_replaced_{suffix}"
    with psycopg.connect(postgres.dsn(SUPERUSER, "postgres"), autocommit=True) as connection:
        try:
            roles.set_up_database(connection, restored)
            _run(postgres, "pg_restore", "--exit-on-error", "--single-transaction", f"--dbname={restored}", str(file))
            with connection.transaction():
                connection.execute(_rename(DATABASE, replaced))
                connection.execute(_rename(restored, DATABASE))
        except BaseException:
            _drop(connection, restored)
            raise
        _drop(connection, replaced)
    roles.set_up(postgres.dsn(SUPERUSER, "postgres"), {})
    with psycopg.connect(postgres.dsn(SUPERUSER), autocommit=True) as connection:
        connection.execute("ANALYZE")


def has_tenants(postgres: EmbeddedPostgres) -> bool:
    """Whether there is anything in the database that somebody put there."""
    with psycopg.connect(postgres.dsn(SUPERUSER)) as connection:

        def is_so(query: LiteralString) -> bool:
            return connection.execute(query, {"national": NATIONAL}).fetchone() == (True,)

        # The reserved tenant is there from the start; it counts where it has price lists.
        if is_so("SELECT to_regclass('billing.price_list') IS NOT NULL") and is_so(
            "SELECT EXISTS (SELECT FROM billing.price_list WHERE tenant_id = %(national)s)"
        ):
            return True
        return is_so("SELECT to_regclass('billing.tenant') IS NOT NULL") and is_so(
            "SELECT EXISTS (SELECT FROM billing.tenant WHERE tenant_id <> %(national)s)"
        )


def _run(postgres: EmbeddedPostgres, program: str, *arguments: str) -> None:
    """Run a client program of the wheel's PostgreSQL as the database's superuser."""
    access = conninfo_to_dict(postgres.dsn(SUPERUSER))
    environment = plain_environment() | {
        "PGHOST": str(access["host"]),
        "PGPORT": str(access["port"]),
        "PGUSER": str(access["user"]),
        "PGPASSWORD": str(access["password"]),
    }
    done = subprocess.run(
        [bundled().program(program), "--no-password", *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise BackupError(f"{program} failed: {done.stderr.strip()}")


def _rename(old: str, new: str) -> sql.Composed:
    return sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(old), sql.Identifier(new))


def _drop(connection: roles.Connection, database: str) -> None:
    connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))
