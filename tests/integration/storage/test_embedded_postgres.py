"""The embedded PostgreSQL survives what happens to servers, and refuses what would damage its files."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from storage.embedded_postgres import SUPERUSER, EmbeddedPostgres, EmbeddedPostgresError
from storage.postgres_account import account_for
from storage.postgres_process import PidFile, command_of, is_server_of, plain_environment
from storage.roles import Role

CHECKOUT = Path(__file__).parents[3]
LONG_ENOUGH = 60.0  # for anything that should take a moment: no test waits this long unless it fails

OTHER_PROCESS = """
import sys
from pathlib import Path
from storage.embedded_postgres import EmbeddedPostgres

with EmbeddedPostgres(Path(sys.argv[1])).running():
    print("running", flush=True)
    sys.stdin.read()
"""


def keep(postgres: EmbeddedPostgres, value: int) -> None:
    with psycopg.connect(postgres.dsn(Role.MIGRATE)) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (value int)")
        connection.execute("INSERT INTO kept VALUES (%s)", [value])


def kept(postgres: EmbeddedPostgres) -> list[int]:
    with psycopg.connect(postgres.dsn(Role.MIGRATE)) as connection:
        return [value for (value,) in connection.execute("SELECT value FROM kept ORDER BY value").fetchall()]


def process_of(postgres: EmbeddedPostgres) -> int:
    pid_file = PidFile.read(postgres.cluster)
    assert pid_file is not None
    return pid_file.pid


def wait_until_gone(pid: int, cluster: Path) -> None:
    give_up = time.monotonic() + LONG_ENOUGH
    while is_server_of(pid, cluster):
        assert time.monotonic() < give_up, f"PostgreSQL (process {pid}) is still there"
        time.sleep(0.02)


def wait_until_answers(postgres: EmbeddedPostgres) -> None:
    give_up = time.monotonic() + LONG_ENOUGH
    while True:
        try:
            psycopg.connect(postgres.dsn(Role.APP)).close()
        except (psycopg.OperationalError, EmbeddedPostgresError):
            assert time.monotonic() < give_up, "PostgreSQL did not come back"
            time.sleep(0.02)
        else:
            return


@contextmanager
def another_process(data_dir: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that runs the server of the data directory until it is told to end."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", OTHER_PROCESS, str(data_dir)],
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "running\n"
        yield process
    finally:
        process.communicate()


def test_data_outlives_a_restart(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir).running() as postgres:
        keep(postgres, 1)
    with EmbeddedPostgres(data_dir).running() as postgres:
        assert kept(postgres) == [1]


def test_postgresql_killed_comes_back_with_what_was_committed(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir).running() as postgres:
        for value in range(3):
            keep(postgres, value)
            killed = process_of(postgres)
            os.kill(killed, signal.SIGKILL)
            wait_until_gone(killed, postgres.cluster)
            wait_until_answers(postgres)
        assert kept(postgres) == [0, 1, 2]


def test_postgresql_does_not_outlive_its_killed_parent(data_dir: Path) -> None:
    with another_process(data_dir) as process:
        postgres = EmbeddedPostgres(data_dir)
        keep(postgres, 1)
        server = process_of(postgres)
        process.kill()
        process.wait()
    with EmbeddedPostgres(data_dir).running() as postgres:  # at once: it may still be shutting down
        assert not is_server_of(server, postgres.cluster)
        assert kept(postgres) == [1]


def test_parent_and_postgresql_killed_together_leave_nothing_in_the_way(data_dir: Path) -> None:
    with another_process(data_dir) as process:
        postgres = EmbeddedPostgres(data_dir)
        keep(postgres, 1)
        os.kill(process_of(postgres), signal.SIGSTOP)  # so that it cannot be stopped by its parent's death
        process.kill()
        process.wait()
        os.kill(process_of(postgres), signal.SIGKILL)
    with EmbeddedPostgres(data_dir).running() as postgres:
        assert kept(postgres) == [1]


def test_a_server_that_was_left_running_is_stopped_first(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir).running() as postgres:
        keep(postgres, 1)
    arguments = [
        "-D",
        str(postgres.cluster),
        "-c",
        "listen_addresses=",
        "-c",
        f"unix_socket_directories={postgres.home}",
    ]
    account = account_for(postgres.home)
    with subprocess.Popen(
        command_of(account, postgres.binaries.reachable_by(account).program("postgres"), arguments),
        env=plain_environment(),
        stderr=subprocess.DEVNULL,
    ) as left_behind:
        wait_until_answers(postgres)
        with EmbeddedPostgres(data_dir).running() as postgres:
            assert left_behind.wait(LONG_ENOUGH) == 0
            assert kept(postgres) == [1]


@pytest.mark.parametrize("number", ["of no process", "of another process"])
def test_a_stale_pid_file_is_no_obstacle(data_dir: Path, number: str) -> None:
    with EmbeddedPostgres(data_dir).running() as postgres:
        keep(postgres, 1)
        pid_file = postgres.cluster / "postmaster.pid"
        left_by_a_kill = pid_file.read_text().splitlines(keepends=True)
    account = account_for(postgres.home)
    with subprocess.Popen(command_of(account, Path("/bin/sleep"), ["600"])) as sleeper:
        if number == "of no process":
            sleeper.kill()
            sleeper.wait()
        pid_file.write_text("".join([f"{sleeper.pid}\n", *left_by_a_kill[1:]]))
        os.chown(pid_file, account.uid, account.gid)
        with EmbeddedPostgres(data_dir).running() as postgres:
            assert kept(postgres) == [1]
        sleeper.kill()


def test_a_second_server_on_the_same_data_directory_is_refused(data_dir: Path) -> None:
    with another_process(data_dir) as process:
        with pytest.raises(EmbeddedPostgresError, match=rf"in use by process {process.pid}\b.*--data-dir"):
            EmbeddedPostgres(data_dir).start()
        wait_until_answers(EmbeddedPostgres(data_dir))


def test_two_servers_run_side_by_side_on_two_data_directories(data_dir: Path) -> None:
    beside = data_dir.with_name("beside")
    with EmbeddedPostgres(data_dir).running() as one, EmbeddedPostgres(beside).running() as other:
        keep(one, 1)
        keep(other, 2)
        assert (kept(one), kept(other)) == ([1], [2])


def test_a_command_attaches_to_the_server_that_runs(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir).running() as running:
        server = process_of(running)
        with EmbeddedPostgres(data_dir).attached() as attached:
            assert process_of(attached) == server
        wait_until_answers(running)


def test_a_command_runs_the_server_for_itself_where_none_runs(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir).attached() as postgres:
        keep(postgres, 1)
        server = process_of(postgres)
    assert not is_server_of(server, postgres.cluster)


def test_a_command_that_ran_the_server_waits_for_others_that_use_it(data_dir: Path) -> None:
    first, second = EmbeddedPostgres(data_dir), EmbeddedPostgres(data_dir)
    may_end, has_started = threading.Event(), threading.Event()

    def run_first() -> None:
        with first.attached():
            has_started.set()
            may_end.wait(LONG_ENOUGH)

    thread = threading.Thread(target=run_first)
    thread.start()
    assert has_started.wait(LONG_ENOUGH)
    with second.attached():
        may_end.set()
        keep(second, 1)
        assert kept(second) == [1]
    thread.join()


def test_files_of_another_postgresql_major_are_refused_with_the_command_that_moves_them(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir).running() as postgres:
        pass
    (postgres.cluster / "PG_VERSION").write_text("15\n")
    with pytest.raises(EmbeddedPostgresError, match=r"PostgreSQL 15 .* \./run upgrade --data-dir"):
        EmbeddedPostgres(data_dir).start()


def test_an_initdb_that_was_killed_is_not_taken_for_a_database(data_dir: Path) -> None:
    unfinished = data_dir / "postgres" / "cluster.unfinished"
    unfinished.mkdir(parents=True)
    data_dir.chmod(0o711)
    (unfinished / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(data_dir).running() as postgres:
        wait_until_answers(postgres)


def test_a_data_directory_may_lie_deep_though_socket_paths_are_short(data_dir: Path) -> None:
    deep = data_dir.joinpath(*["a-directory-with-a-long-name"] * 8)
    data_dir.mkdir(mode=0o711)
    with EmbeddedPostgres(deep).running() as postgres:
        wait_until_answers(postgres)
        pid_file = PidFile.read(postgres.cluster)
        assert pid_file is not None
        sockets = Path(pid_file.socket_directory)
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    assert not sockets.exists()


def test_it_listens_on_no_port_and_asks_for_a_password_on_its_closed_socket(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir).running() as postgres:
        with psycopg.connect(postgres.dsn(SUPERUSER)) as connection:
            assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(postgres.dsn(Role.APP), password="wrong")
        assert stat.S_IMODE((postgres.home / "socket").stat().st_mode) == 0o700
        assert stat.S_IMODE(postgres.cluster.stat().st_mode) == 0o700
        assert stat.S_IMODE((data_dir / "postgres-passwords").stat().st_mode) == 0o600


def test_it_is_durable_has_checksums_and_sorts_the_same_everywhere(data_dir: Path) -> None:
    with (
        EmbeddedPostgres(data_dir).running() as postgres,
        psycopg.connect(postgres.dsn(Role.APP)) as connection,
    ):
        for setting, value in {
            "fsync": "on",
            "synchronous_commit": "on",
            "full_page_writes": "on",
            "data_checksums": "on",
            "server_encoding": "UTF8",
            "TimeZone": "UTC",
        }.items():
            assert connection.execute("SELECT current_setting(%s)", [setting]).fetchone() == (value,)
        assert connection.execute(
            "SELECT datcollate, datctype FROM pg_database WHERE datname = current_database()"
        ).fetchone() == ("C", "C")


def test_what_statements_say_does_not_reach_the_log(data_dir: Path) -> None:
    with (
        EmbeddedPostgres(data_dir).running() as postgres,
        psycopg.connect(postgres.dsn(Role.APP)) as connection,
        pytest.raises(psycopg.DataError),
    ):
        connection.execute("SELECT 'name of a patient'::int")
    assert "name of a patient" not in (data_dir / "postgres.log").read_text()


def test_missing_passwords_are_named(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir).running():
        pass
    (data_dir / "postgres-passwords").unlink()
    with pytest.raises(EmbeddedPostgresError, match="postgres-passwords is missing"):
        EmbeddedPostgres(data_dir).start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to hand PostgreSQL to another account")
def test_under_root_postgresql_runs_as_an_existing_account_wherever_the_data_directory_lies(data_dir: Path) -> None:
    data_dir.parent.chmod(0o700)  # as root's home is
    with EmbeddedPostgres(data_dir).running() as postgres:
        keep(postgres, 1)
        assert Path(f"/proc/{process_of(postgres)}").stat().st_uid != 0
        assert not postgres.home.is_relative_to(data_dir)
    with EmbeddedPostgres(data_dir).running() as postgres:
        assert kept(postgres) == [1]
