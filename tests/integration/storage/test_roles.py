"""The roles have the powers that storage/roles.py says, and none else."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from storage import roles
from storage.embedded_postgres import SUPERUSER, EmbeddedPostgres
from storage.migrations import upgrade
from storage.roles import LOGIN_ROLES, Role
from tests.database_server import DatabaseAccess, DatabaseServer


def conninfo_of(database: DatabaseAccess, role: Role) -> str:
    return {
        Role.MIGRATE: database.migrate,
        Role.APP: database.app,
        Role.WORKER: database.worker,
        Role.AUDIT: database.audit,
    }[role]


@pytest.mark.parametrize("role", LOGIN_ROLES)
def test_no_role_that_logs_in_can_get_round_row_level_security(database: DatabaseAccess, role: Role) -> None:
    with psycopg.connect(conninfo_of(database, role)) as connection:
        powers = connection.execute(
            "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication FROM pg_roles "
            "WHERE rolname = session_user"
        ).fetchone()
    assert powers == (False, False, False, False, False)


def test_the_migrating_role_acts_as_the_owner(empty_database: DatabaseAccess) -> None:
    with psycopg.connect(empty_database.migrate) as connection:
        connection.execute("CREATE TABLE made_by_migration (id bigint)")
        owner = connection.execute(
            "SELECT schemaname, tableowner FROM pg_tables WHERE tablename = 'made_by_migration'"
        ).fetchone()
    assert owner == ("billing", "billing_owner")


@pytest.mark.parametrize("role", [Role.APP, Role.WORKER, Role.AUDIT])
@pytest.mark.parametrize("schema", ["billing", "public"])
def test_the_other_roles_make_nothing(empty_database: DatabaseAccess, role: Role, schema: str) -> None:
    with (
        psycopg.connect(conninfo_of(empty_database, role)) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(f"CREATE TABLE {schema}.mine (id bigint)")


@pytest.mark.parametrize("role", [Role.APP, Role.WORKER, Role.AUDIT])
def test_the_other_roles_cannot_become_the_owner(database: DatabaseAccess, role: Role) -> None:
    with (
        psycopg.connect(conninfo_of(database, role)) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("SET ROLE billing_owner")


def test_setting_up_twice_changes_nothing_and_keeps_passwords(
    database_server: DatabaseServer, database: DatabaseAccess
) -> None:
    roles.set_up(database_server.admin, {}, database.name)
    with psycopg.connect(database.app) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("billing_app",)


def test_powers_that_somebody_gave_a_role_are_taken_back(database_server: DatabaseServer) -> None:
    with psycopg.connect(database_server.admin) as connection:  # never committed: roles are shared by all tests
        connection.execute("ALTER ROLE billing_audit BYPASSRLS")
        roles.take_back_powers(connection)
        row = connection.execute("SELECT rolbypassrls FROM pg_roles WHERE rolname = 'billing_audit'").fetchone()
        connection.rollback()
    assert row == (False,)


def test_nobody_else_may_connect_to_the_database(database_server: DatabaseServer, database: DatabaseAccess) -> None:
    with psycopg.connect(database_server.admin) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_database, aclexplode(datacl) WHERE datname = %s AND grantee = 0", [database.name]
        ).fetchone()
    assert row == (0,)


def test_the_roles_are_all_there(database_server: DatabaseServer) -> None:
    assert roles.existing_roles(database_server.admin) == frozenset(Role)


def test_an_admin_who_is_no_superuser_can_set_up(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir).running() as postgres:
        superuser = postgres.dsn(SUPERUSER, "postgres")
        with psycopg.connect(superuser, autocommit=True) as connection:
            connection.execute("DROP DATABASE billing")
            connection.execute("DROP ROLE billing_migrate, billing_app, billing_worker, billing_audit, billing_owner")
            connection.execute("CREATE ROLE an_admin LOGIN CREATEROLE CREATEDB PASSWORD 'secret'")
        admin = make_conninfo(superuser, user="an_admin", password="secret", options="")
        for _ in range(2):
            roles.set_up(admin, dict.fromkeys(LOGIN_ROLES, "secret"))
        upgrade(make_conninfo(admin, user=Role.MIGRATE, dbname="billing"))
        with psycopg.connect(make_conninfo(admin, user=Role.APP, dbname="billing")) as connection:
            assert connection.execute("SELECT current_schema()").fetchone() == ("billing",)
