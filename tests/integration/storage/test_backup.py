"""A dump holds everything, and after a restore everything goes on."""

from __future__ import annotations

import stat
from pathlib import Path

import psycopg
import pytest

from storage.backup import BackupError, back_up, has_tenants, restore
from storage.embedded_postgres import SUPERUSER, EmbeddedPostgres
from storage.migrations import upgrade
from storage.roles import Role

TENANT = """
INSERT INTO tenant (tenant_id, name, country, currency, timezone, active, created_at)
VALUES (%s, 'A hospital', 'AF', 'AFN', 'Asia/Kabul', true, '2026-01-01T00:00:00Z')
"""


def prepare(postgres: EmbeddedPostgres, tenant: str) -> None:
    """A migrated database with a tenant, and a table whose ids the database gives."""
    upgrade(postgres.dsn(Role.MIGRATE))
    with psycopg.connect(postgres.dsn(SUPERUSER)) as connection:
        connection.execute(TENANT, [tenant])
        connection.execute("CREATE TABLE numbered (id bigint GENERATED ALWAYS AS IDENTITY, note text)")
        connection.execute("ALTER TABLE numbered OWNER TO billing_owner")
        connection.execute("INSERT INTO numbered (note) VALUES ('one'), ('two')")


def tenants(postgres: EmbeddedPostgres) -> list[str]:
    with psycopg.connect(postgres.dsn(SUPERUSER)) as connection:
        rows = connection.execute("SELECT tenant_id FROM tenant WHERE tenant_id <> 'national' ORDER BY 1").fetchall()
        return [tenant for (tenant,) in rows]


@pytest.fixture
def dump(data_dir: Path) -> Path:
    return data_dir.with_name("dump")


def test_after_a_restore_everything_goes_on(data_dir: Path, dump: Path) -> None:
    with EmbeddedPostgres(data_dir).running() as postgres:
        prepare(postgres, "kabul")
        back_up(postgres, dump)
    assert stat.S_IMODE(dump.stat().st_mode) == 0o600
    with EmbeddedPostgres(data_dir.with_name("elsewhere")).running() as postgres:
        restore(postgres, dump)
        upgrade(postgres.dsn(Role.MIGRATE))
        assert tenants(postgres) == ["kabul"]
        with psycopg.connect(postgres.dsn(Role.MIGRATE)) as connection:
            row = connection.execute("INSERT INTO numbered (note) VALUES ('three') RETURNING id").fetchone()
        assert row == (3,)


def test_a_restored_database_has_the_same_owners_and_grants(data_dir: Path, dump: Path) -> None:
    rights = """
        SELECT c.relname, pg_get_userbyid(c.relowner), c.relacl::text, c.relrowsecurity, c.relforcerowsecurity
        FROM pg_class c WHERE c.relnamespace = 'billing'::regnamespace ORDER BY 1
    """
    with EmbeddedPostgres(data_dir).running() as postgres:
        prepare(postgres, "kabul")
        with psycopg.connect(postgres.dsn(SUPERUSER)) as connection:
            before = connection.execute(rights).fetchall()
        back_up(postgres, dump)
        restore(postgres, dump, force=True)
        with psycopg.connect(postgres.dsn(SUPERUSER)) as connection:
            assert connection.execute(rights).fetchall() == before
            databases = connection.execute("SELECT datname FROM pg_database WHERE datname ~ '^billing'").fetchall()
        assert databases == [("billing",)]


def test_a_database_with_tenants_is_replaced_only_by_force(data_dir: Path, dump: Path) -> None:
    with EmbeddedPostgres(data_dir).running() as postgres:
        prepare(postgres, "kabul")
        back_up(postgres, dump)
        with psycopg.connect(postgres.dsn(SUPERUSER)) as connection:
            connection.execute(TENANT, ["herat"])
        with pytest.raises(BackupError, match=r"not empty.*--force"):
            restore(postgres, dump)
        assert tenants(postgres) == ["herat", "kabul"]
        restore(postgres, dump, force=True)
        assert tenants(postgres) == ["kabul"]


def test_a_damaged_dump_changes_nothing(data_dir: Path, dump: Path) -> None:
    with EmbeddedPostgres(data_dir).running() as postgres:
        prepare(postgres, "kabul")
        back_up(postgres, dump)
        dump.write_bytes(dump.read_bytes()[:-2000])
        with pytest.raises(BackupError, match="pg_restore failed"):
            restore(postgres, dump, force=True)
        assert tenants(postgres) == ["kabul"]


def test_a_dump_that_fails_leaves_the_former_one(data_dir: Path, dump: Path) -> None:
    dump.write_text("the former one")
    postgres = EmbeddedPostgres(data_dir)
    with postgres.running(), psycopg.connect(postgres.dsn(SUPERUSER, "postgres"), autocommit=True) as connection:
        connection.execute("DROP DATABASE billing")
        with pytest.raises(BackupError, match="pg_dump failed"):
            back_up(postgres, dump)
    assert dump.read_text() == "the former one"
    assert [path.name for path in dump.parent.glob(".*")] == []


def test_a_fresh_database_has_no_tenants(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir).running() as postgres:
        assert not has_tenants(postgres)
        upgrade(postgres.dsn(Role.MIGRATE))
        assert not has_tenants(postgres)
