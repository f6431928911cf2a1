"""The real PostgreSQL that the tests run on: one server per test run, one database per pytest worker.

The server is the embedded one in a throw-away directory, or the one at BILLING_TEST_DATABASE_ADMIN_URL (a superuser's
URL). The process that pytest was started as runs it, in the background, for unit tests need not wait for it; workers
learn from a file where it is, or why it is not there.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from storage import roles
from storage.embedded_postgres import SUPERUSER, EmbeddedPostgres
from storage.roles import LOGIN_ROLES, Role

ADMIN_URL = os.environ.get("BILLING_TEST_DATABASE_ADMIN_URL", "")


@dataclass(frozen=True, slots=True)
class DatabaseAccess:
    """A database, and a conninfo for each role that may work in it."""

    name: str
    superuser: str
    migrate: str
    app: str
    worker: str
    audit: str


@dataclass(frozen=True, slots=True)
class DatabaseServer:
    admin: str
    passwords: dict[str, str]
    template: str

    def access(self, name: str) -> DatabaseAccess:
        def conninfo(role: Role) -> str:
            return make_conninfo(self.admin, dbname=name, user=role, password=self.passwords[role])

        return DatabaseAccess(
            name=name,
            superuser=make_conninfo(self.admin, dbname=name, options="-c search_path=billing"),
            migrate=conninfo(Role.MIGRATE),
            app=conninfo(Role.APP),
            worker=conninfo(Role.WORKER),
            audit=conninfo(Role.AUDIT),
        )

    @contextmanager
    def database(self, *, migrated: bool = True) -> Iterator[DatabaseAccess]:
        """A database of one's own, dropped afterwards, whoever is still connected to it."""
        name = f"{self.template}_{secrets.token_hex(4)}"
        with psycopg.connect(self.admin, autocommit=True) as connection:
            if migrated:
                connection.execute(
                    sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER billing_owner").format(
                        sql.Identifier(name), sql.Identifier(self.template)
                    )
                )
                roles.restrict_database(connection, name)
        if not migrated:
            roles.set_up(self.admin, {}, name)
        try:
            yield self.access(name)
        finally:
            self.drop(name)

    def drop(self, name: str) -> None:
        with psycopg.connect(self.admin, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


class ServerOfThisRun:
    """Starts the server and makes the migrated template database while pytest collects."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="billing-tests-"))
        self.directory.chmod(0o711)  # under root PostgreSQL runs as somebody else
        self._embedded = None if ADMIN_URL else EmbeddedPostgres(self.directory / "data", durable=False)
        self._server: DatabaseServer | None = None
        self._thread = threading.Thread(target=self._start, name="test-database")
        self._thread.start()

    def _start(self) -> None:
        try:
            answer = self._make_server()
        except Exception:
            answer = json.dumps({"failure": traceback.format_exc()})
        unfinished = self.directory / "server.unfinished"
        unfinished.touch(mode=0o600)
        unfinished.write_text(answer)
        unfinished.rename(self.directory / "server.json")

    def _make_server(self) -> str:
        if self._embedded is not None:
            self._embedded.start()
        admin = ADMIN_URL or self._embedded.dsn(SUPERUSER, "postgres") if self._embedded else ADMIN_URL
        server = DatabaseServer(
            admin=make_conninfo(admin, options=""),
            passwords={role: secrets.token_urlsafe(12) for role in LOGIN_ROLES},
            template=f"billing_test_{secrets.token_hex(4)}",
        )
        self._server = server
        roles.set_up(server.admin, {role: server.passwords[role] for role in LOGIN_ROLES}, server.template)
        from storage.migrations import upgrade

        upgrade(server.access(server.template).migrate)
        return json.dumps({"admin": server.admin, "passwords": server.passwords, "template": server.template})

    def stop(self) -> None:
        self._thread.join()
        if self._embedded is not None:
            self._embedded.stop()
        elif self._server is not None:
            self._server.drop(self._server.template)
        shutil.rmtree(self.directory)


def wait_for_server(directory: Path) -> DatabaseServer:
    """What the process that pytest was started as says about its server, once it says it."""
    file = directory / "server.json"
    while not file.exists():
        assert directory.exists(), "pytest's first process is gone"
        time.sleep(0.02)
    answer = json.loads(file.read_text())
    assert "failure" not in answer, f"there is no database to test on:\n{answer['failure']}"
    return DatabaseServer(**answer)
