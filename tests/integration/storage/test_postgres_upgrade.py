"""A database of an earlier PostgreSQL moves to this release's, and nothing is lost on the way."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from storage.embedded_postgres import UPGRADED_CLUSTER, EmbeddedPostgres, EmbeddedPostgresError
from storage.migrations import upgrade as migrate
from storage.postgres_binaries import PostgresBinaries, bundled, of_major
from storage.postgres_upgrade import upgrade
from storage.roles import Role

OLD_MAJOR = 16  # its programs are in the wheel too


@pytest.fixture
def old_programs() -> PostgresBinaries:
    programs = of_major(OLD_MAJOR)
    assert programs is not None
    return programs


@pytest.fixture
def old_database(data_dir: Path, old_programs: PostgresBinaries) -> EmbeddedPostgres:
    """A database of the earlier major with the schema of this release and a table of two rows."""
    with EmbeddedPostgres(data_dir, binaries=old_programs).running() as postgres:
        migrate(postgres.dsn(Role.MIGRATE))
        with psycopg.connect(postgres.dsn(Role.MIGRATE)) as connection:
            connection.execute("CREATE TABLE numbered (id bigint GENERATED ALWAYS AS IDENTITY, note text)")
            connection.execute("INSERT INTO numbered (note) VALUES ('one'), ('two')")
    return postgres


def test_the_database_moves_and_goes_on(data_dir: Path, old_database: EmbeddedPostgres) -> None:
    assert old_database.major_of_files == OLD_MAJOR
    kept = upgrade(data_dir)
    assert kept is not None
    assert (kept / "PG_VERSION").read_text().strip() == str(OLD_MAJOR)
    with EmbeddedPostgres(data_dir).running() as postgres:
        assert postgres.major_of_files == bundled().major
        migrate(postgres.dsn(Role.MIGRATE))
        with psycopg.connect(postgres.dsn(Role.MIGRATE)) as connection:
            row = connection.execute("INSERT INTO numbered (note) VALUES ('three') RETURNING id").fetchone()
    assert row == (3,)


def test_there_is_nothing_to_do_for_a_database_of_this_major_or_none(data_dir: Path) -> None:
    assert upgrade(data_dir) is None
    with EmbeddedPostgres(data_dir).running():
        pass
    assert upgrade(data_dir) is None


def test_an_attempt_that_was_killed_is_made_again_from_the_start(
    data_dir: Path, old_database: EmbeddedPostgres
) -> None:
    killed = old_database.cluster.with_name("cluster.upgrading")
    killed.mkdir()
    (killed / "half").touch()
    assert upgrade(data_dir) is not None
    with EmbeddedPostgres(data_dir).running() as postgres:
        assert not killed.exists()
        assert postgres.major_of_files == bundled().major


def test_an_upgrade_killed_on_its_last_step_is_finished_by_the_next_start(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir).running() as postgres, psycopg.connect(postgres.dsn(Role.MIGRATE)) as connection:
        connection.execute("CREATE TABLE kept ()")
    postgres.cluster.rename(postgres.cluster.with_name(UPGRADED_CLUSTER))
    with EmbeddedPostgres(data_dir).running() as postgres, psycopg.connect(postgres.dsn(Role.MIGRATE)) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)


def test_missing_programs_are_named_with_what_to_do(data_dir: Path, old_database: EmbeddedPostgres) -> None:
    (old_database.cluster / "PG_VERSION").write_text("9\n")
    with pytest.raises(EmbeddedPostgresError, match=r"PostgreSQL 9 are needed.*--old-binaries DIR"):
        upgrade(data_dir)


def test_programs_of_the_wrong_major_are_refused(data_dir: Path, old_database: EmbeddedPostgres) -> None:
    with pytest.raises(EmbeddedPostgresError, match="16 is needed"):
        upgrade(data_dir, bundled().directory)


def test_a_database_of_a_later_major_is_left_alone(data_dir: Path, old_database: EmbeddedPostgres) -> None:
    (old_database.cluster / "PG_VERSION").write_text("99\n")
    with pytest.raises(EmbeddedPostgresError, match="later than"):
        upgrade(data_dir)
