"""The database roles, and the database that they work in.

| role | logs in | is |
| --- | --- | --- |
| billing_owner | no | owner of the database, the schema and everything in it |
| billing_migrate | yes | a member of the owner and acts as it: migrations only |
| billing_app | yes | what serves requests: sees one tenant per transaction through row-level security |
| billing_worker | yes | what delivers events and seals the journal: all tenants, named tables only |
| billing_audit | yes | reads, to prove the books |

What a role may do with a table is granted by the migration that makes the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any
from urllib.parse import quote, urlencode

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

DATABASE = "billing"
SCHEMA = "billing"
ONE_SETTING_UP_AT_A_TIME = 4_702_431_165_533  # an advisory lock: any number that nobody else uses


class Role(StrEnum):
    OWNER = "billing_owner"
    MIGRATE = "billing_migrate"
    APP = "billing_app"
    WORKER = "billing_worker"
    AUDIT = "billing_audit"


LOGIN_ROLES = (Role.MIGRATE, Role.APP, Role.WORKER, Role.AUDIT)

# What is raised when a server cannot be reached, for those above who do not know the driver.
CannotConnect = psycopg.OperationalError

Connection = psycopg.Connection[tuple[Any, ...]]


def name_of_database(conninfo: str) -> str:
    """Which database a conninfo leads to, without how to get into it."""
    parts = conninfo_to_dict(conninfo)
    return f"{parts.get('dbname')} at {parts.get('host')}:{parts.get('port', 5432)}"


def refuse_unreachable(conninfo: str) -> None:
    """Raise CannotConnect where nobody answers at a conninfo or URL, or not to this role, within ten seconds."""
    psycopg.connect(conninfo, connect_timeout=10).close()


def existing_roles(admin: str) -> frozenset[Role]:
    """Which of our roles the server at this conninfo or URL has already."""
    with psycopg.connect(admin) as connection:
        rows = connection.execute("SELECT rolname FROM pg_roles WHERE rolname = ANY (%s)", [list(Role)]).fetchall()
    return frozenset(Role(name) for (name,) in rows)


def set_up(admin: str, passwords: Mapping[Role, str], database: str = DATABASE) -> None:
    """Make the roles and the database, or bring those that are there to what they should be.

    `admin` is a superuser's conninfo or URL, or one of a role that may create roles and databases. A role that is not
    in `passwords` keeps the password that it has.
    """
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [ONE_SETTING_UP_AT_A_TIME])
        _set_up_roles(connection, passwords)
        set_up_database(connection, database)
    with psycopg.connect(admin, dbname=database, autocommit=True) as connection:
        _set_up_schema(connection)


def url_of(admin: str, role: Role, password: str | None, database: str = DATABASE) -> str:
    """The URL by which `role` reaches the database on the server that `admin` reaches."""
    parts = conninfo_to_dict(admin)
    userinfo = role.value if password is None else f"{role}:{quote(password, safe='')}"
    options = {key: value for key, value in parts.items() if key not in ("user", "password", "dbname", "options")}
    authority = ""
    if not str(options.get("host", "/")).startswith(("/", "@")) and "," not in str(options.get("host")):
        host, port = str(options.pop("host")), options.pop("port", "5432")
        authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    query = f"?{urlencode(options)}" if options else ""
    return f"postgresql://{userinfo}@{authority}/{quote(database, safe='')}{query}"


def set_up_database(connection: Connection, database: str) -> None:
    """Make the database if need be, and let only our roles connect to it."""
    name = sql.Identifier(database)
    exists = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone()
    if exists is None:
        connection.execute(
            sql.SQL(
                "CREATE DATABASE {} OWNER billing_owner TEMPLATE template0 "
                "ENCODING 'UTF8' LOCALE_PROVIDER libc LOCALE 'C'"
            ).format(name)
        )
    restrict_database(connection, database)


def restrict_database(connection: Connection, database: str) -> None:
    """These belong to the database and not to its contents: a copy or a dump does not carry them."""
    name = sql.Identifier(database)
    connection.execute(sql.SQL("ALTER DATABASE {} OWNER TO billing_owner").format(name))
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))
    connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(name, _identifiers(LOGIN_ROLES)))


def _set_up_roles(connection: Connection, passwords: Mapping[Role, str]) -> None:
    there = {name for (name,) in connection.execute("SELECT rolname FROM pg_roles").fetchall()}
    for role in Role:
        verb = sql.SQL("ALTER" if role in there else "CREATE")
        login = sql.SQL("NOLOGIN" if role is Role.OWNER else "LOGIN")
        # SUPERUSER, REPLICATION and BYPASSRLS are left out: only a superuser may name them, even to say no.
        connection.execute(
            sql.SQL("{} ROLE {} {} INHERIT NOCREATEDB NOCREATEROLE").format(verb, sql.Identifier(role), login)
        )
        if role in passwords:
            _set_password(connection, role, passwords[role])
        if role is not Role.OWNER:
            connection.execute(sql.SQL("ALTER ROLE {} SET search_path = billing").format(sql.Identifier(role)))
    take_back_powers(connection)
    connection.execute("GRANT billing_owner TO billing_migrate")
    connection.execute("ALTER ROLE billing_migrate SET role = 'billing_owner'")
    connection.execute("ALTER ROLE billing_app SET idle_in_transaction_session_timeout = '60s'")
    (superuser,) = connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone() or (
        False,
    )
    if not superuser:
        # To hand the database to the owner, who is not a superuser must be a member of it.
        connection.execute("GRANT billing_owner TO CURRENT_USER")


def _set_password(connection: Connection, role: Role, password: str) -> None:
    """Send the verifier, not the password: statements may be logged."""
    verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(verifier)))


def take_back_powers(connection: Connection) -> None:
    """A role of ours that somebody gave more than it should have makes row-level security worthless."""
    found = connection.execute(
        "SELECT rolname FROM pg_roles WHERE rolname = ANY (%s) AND (rolsuper OR rolbypassrls OR rolreplication)",
        [list(Role)],
    ).fetchall()
    for (name,) in found:
        connection.execute(
            sql.SQL("ALTER ROLE {} NOSUPERUSER NOBYPASSRLS NOREPLICATION").format(sql.Identifier(str(name)))
        )


def _set_up_schema(connection: Connection) -> None:
    connection.execute("CREATE SCHEMA IF NOT EXISTS billing AUTHORIZATION billing_owner")
    connection.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    connection.execute(
        sql.SQL("GRANT USAGE ON SCHEMA billing TO {}").format(_identifiers((Role.APP, Role.WORKER, Role.AUDIT)))
    )


def _identifiers(roles: tuple[Role, ...]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, roles))
