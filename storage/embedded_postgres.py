"""The embedded PostgreSQL: a real server of one's own in the data directory, with nothing to install or set up.

    DATA_DIR/lock                  held by the one process that runs the server
    DATA_DIR/in-use                held (shared) by commands that use a server which another process runs
    DATA_DIR/postgres-passwords    of the roles, mode 0600
    DATA_DIR/postgres.log
    DATA_DIR/postgres/             the server's home: cluster/ (its files) and socket/ (mode 0700)
    DATA_DIR/postgres-home         names the home where it lies elsewhere: under root, when the account that PostgreSQL
                                   runs under cannot enter DATA_DIR

It listens on a Unix socket only. Passwords are needed even there (scram). The files belong to one PostgreSQL major;
programs of another refuse them and name the command that moves them.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from psycopg.conninfo import make_conninfo

from storage import roles
from storage.postgres_account import Account, NoAccountError, account_for, shelter
from storage.postgres_binaries import PostgresBinaries, bundled
from storage.postgres_process import (
    EmbeddedPostgresError,
    PidFile,
    PostgresProcess,
    command_of,
    is_server_of,
    plain_environment,
)
from storage.private_file import create_private, give_to_owner_of, make_data_directory
from storage.roles import DATABASE, LOGIN_ROLES

log = logging.getLogger(__name__)

SUPERUSER = "postgres"
SOCKET_NAME = ".s.PGSQL.5432.lock"
LONGEST_SOCKET_PATH = 100  # the kernel's limit is 107 bytes on Linux, 103 on macOS
LONGEST_LOG_BYTES = 10_000_000
WAIT_SECONDS = 0.05
UPGRADED_CLUSTER = "cluster.upgraded"

__all__ = ["EmbeddedPostgres", "EmbeddedPostgresError"]


class EmbeddedPostgres:
    """The server in one data directory. `running()` is for who serves, `attached()` for every other command."""

    def __init__(
        self,
        data_dir: Path,
        *,
        binaries: PostgresBinaries | None = None,
        cluster_name: str = "cluster",
        durable: bool = True,
    ) -> None:
        """`binaries` and `cluster_name` are for the move to another PostgreSQL major.

        `durable=False` is for throw-away data of tests: what a crash of the machine loses is not missed.
        """
        self.data_dir = data_dir.expanduser().resolve()
        self.binaries = binaries or bundled()
        self.cluster_name = cluster_name
        self.durable = durable
        self._process: PostgresProcess | None = None
        self._lock: int | None = None

    @contextmanager
    def running(self) -> Iterator[EmbeddedPostgres]:
        """Own the server for a while. Refused when another process runs it."""
        self.start()
        try:
            yield self
        finally:
            self.stop()

    @contextmanager
    def attached(self) -> Iterator[EmbeddedPostgres]:
        """Use the server that another process runs, or run it for the while."""
        notice = time.monotonic() + 10
        while True:
            if self._take_lock():
                yield from self._run_for_a_while()
                return
            in_use = self._open("in-use")
            try:
                fcntl.flock(in_use, fcntl.LOCK_SH)
                if self._is_ready():
                    yield self
                    return
            finally:
                os.close(in_use)
            if time.monotonic() > notice:
                log.warning("waiting for the PostgreSQL that %s starts", self._holder())
                notice += 10
            time.sleep(WAIT_SECONDS)

    def start(self) -> None:
        """Run the server: make its files on first use, start it, and see that database and roles are there."""
        if not self._take_lock():
            raise EmbeddedPostgresError(
                f"the data directory {self.data_dir} is in use by {self._holder()}. "
                "Stop that first, or give another directory with --data-dir"
            )
        try:
            self._start()
        except NoAccountError as refusal:
            self.stop()
            raise EmbeddedPostgresError(str(refusal)) from refusal
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop()
            self._process = None
            self._remove_temporary_socket_directory()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def dsn(self, role: str, database: str = DATABASE) -> str:
        """The conninfo of one of our roles (`roles.Role`, or its name), or of the superuser `postgres`."""
        pid_file = PidFile.read(self.cluster)
        if pid_file is None:
            raise EmbeddedPostgresError(f"the PostgreSQL in {self.data_dir} is not running")
        # The roles have their search_path; the superuser is to see the same names.
        options = "-c search_path=billing" if role == SUPERUSER else None
        return make_conninfo(
            host=pid_file.socket_directory,
            port=5432,
            user=str(role),
            password=self._passwords()[role],
            dbname=database,
            options=options,
        )

    @property
    def home(self) -> Path:
        """Where the server's files lie: in the data directory unless `postgres-home` names another place."""
        try:
            return Path((self.data_dir / "postgres-home").read_text(encoding="utf-8").strip())
        except FileNotFoundError:
            return self.data_dir / "postgres"

    @property
    def cluster(self) -> Path:
        return self.home.resolve() / self.cluster_name

    @property
    def major_of_files(self) -> int | None:
        """The PostgreSQL major that the files were made by; None before first use."""
        try:
            return int((self.cluster / "PG_VERSION").read_text(encoding="ascii"))
        except FileNotFoundError:
            return None

    # What follows is how a start goes.

    def _run_for_a_while(self) -> Iterator[EmbeddedPostgres]:
        self.start()
        try:
            yield self
        finally:
            in_use = self._open("in-use")
            fcntl.flock(in_use, fcntl.LOCK_EX)  # others that use it meanwhile may finish
            self.stop()
            os.close(in_use)

    def _start(self) -> None:
        account = account_for(self.home)
        binaries = self.binaries.reachable_by(account)
        upgraded = self.cluster.with_name(UPGRADED_CLUSTER)
        if self.major_of_files is None and upgraded.exists():
            upgraded.rename(self.cluster)  # an upgrade was killed on its last step
        major = self.major_of_files
        if major is None:
            self._make_home(account)
            self._initialise(account, binaries)
        elif major != binaries.major:
            raise EmbeddedPostgresError(
                f"the database in {self.data_dir} was made by PostgreSQL {major} and this release runs PostgreSQL "
                f"{binaries.major}. Move it with: ./run upgrade --data-dir {self.data_dir}"
            )
        self._rotate_log()
        self._process = PostgresProcess(
            binaries=binaries,
            account=account,
            cluster=self.cluster,
            log_file=self.data_dir / "postgres.log",
            settings=self._settings(self._socket_directory(account)),
        )
        self._process.start()
        passwords = self._passwords()
        roles.set_up(self.dsn(SUPERUSER, "postgres"), {role: passwords[role] for role in LOGIN_ROLES})

    def _make_home(self, account: Account) -> None:
        if not account.can_reach(self.data_dir):
            home = Path(tempfile.mkdtemp(dir=shelter(), prefix="data-"))
            (self.data_dir / "postgres-home").write_text(f"{home}\n", encoding="utf-8")
            log.warning(
                "PostgreSQL runs as %s, which cannot enter %s; its files are in %s", account.name, self.data_dir, home
            )
        self.home.mkdir(mode=0o700, exist_ok=True)
        self._give(self.home, account)

    def _initialise(self, account: Account, binaries: PostgresBinaries) -> None:
        """Make the cluster under another name and rename it, so that a killed attempt is not taken for a cluster."""
        log.info("making the database in %s", self.cluster)
        unfinished = self.cluster.with_name(f"{self.cluster_name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        password_file = self.home / "initial-password"
        password_file.unlink(missing_ok=True)
        create_private(password_file, self._passwords()[SUPERUSER])
        self._give(password_file, account)
        arguments = [
            f"--pgdata={unfinished}",
            f"--username={SUPERUSER}",
            f"--pwfile={password_file}",
            "--auth-local=scram-sha-256",
            "--auth-host=reject",
            "--encoding=UTF8",
            "--locale=C",
            "--data-checksums",
            *([] if self.durable else ["--no-sync"]),
        ]
        try:
            done = subprocess.run(
                command_of(account, binaries.program("initdb"), arguments),
                env=plain_environment(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
        finally:
            password_file.unlink()
        if done.returncode != 0:
            raise EmbeddedPostgresError(f"PostgreSQL's initdb failed:\n{done.stdout}{done.stderr}".strip())
        unfinished.rename(self.cluster)

    def _give(self, path: Path, account: Account) -> None:
        if not account.is_this_process:
            os.chown(path, account.uid, account.gid)

    def _socket_directory(self, account: Account) -> Path:
        """In the home, or in /tmp where the path would be too long for a socket."""
        directory = self.home / "socket"
        if len(os.fsencode(directory / SOCKET_NAME)) > LONGEST_SOCKET_PATH:
            self._remove_temporary_socket_directory()
            directory = Path(tempfile.mkdtemp(dir="/tmp", prefix="billing-postgres-"))
            (self.data_dir / "socket-directory").write_text(f"{directory}\n", encoding="utf-8")
        else:
            shutil.rmtree(directory, ignore_errors=True)  # stale socket locks of a killed server
            directory.mkdir(mode=0o700)
        self._give(directory, account)
        return directory

    def _remove_temporary_socket_directory(self) -> None:
        note = self.data_dir / "socket-directory"
        try:
            directory = Path(note.read_text(encoding="utf-8").strip())
        except FileNotFoundError:
            return
        if directory.name.startswith("billing-postgres-"):
            shutil.rmtree(directory, ignore_errors=True)
        note.unlink()

    def _settings(self, socket_directory: Path) -> Mapping[str, str]:
        """Given on the command line at each start, so that a release brings its settings along."""
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        megabytes = memory // 2**20
        settings = {
            "listen_addresses": "",
            "port": "5432",
            "unix_socket_directories": str(socket_directory),
            "unix_socket_permissions": "0700",
            "max_connections": "100",
            "shared_buffers": f"{min(512, max(64, megabytes // 8))}MB",
            "effective_cache_size": f"{max(128, megabytes // 2)}MB",
            "maintenance_work_mem": "64MB",
            "max_wal_size": "2GB",
            "checkpoint_timeout": "15min",
            "random_page_cost": "1.1",
            "jit": "off",
            # Parallel queries need more /dev/shm than a container has by default.
            "max_parallel_workers_per_gather": "0",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_line_prefix": "%m [%p] ",
            # Errors of statements would carry patients' data into the log; who sent the statement is told.
            "log_min_messages": "log",
            "log_min_error_statement": "panic",
            "log_error_verbosity": "terse",
            "log_checkpoints": "off",
        }
        if not self.durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        return settings

    def _rotate_log(self) -> None:
        file = self.data_dir / "postgres.log"
        if file.exists() and file.stat().st_size > LONGEST_LOG_BYTES:
            file.replace(file.with_suffix(".log.1"))

    def _passwords(self) -> dict[str, str]:
        file = self.data_dir / "postgres-passwords"
        try:
            content = file.read_text(encoding="utf-8")
        except FileNotFoundError:
            if self.major_of_files is not None:
                raise EmbeddedPostgresError(
                    f"{file} is missing: the database in {self.data_dir} is there but its passwords are not. "
                    "Put that file back from where the directory was copied"
                ) from None
            fresh = {str(name): secrets.token_urlsafe(24) for name in (SUPERUSER, *LOGIN_ROLES)}
            content = create_private(file, json.dumps(fresh, indent=1))
        except PermissionError:
            raise EmbeddedPostgresError(
                f"this user may not read {file}; run this as the user that runs the server"
            ) from None
        passwords: dict[str, str] = json.loads(content)
        return passwords

    def _take_lock(self) -> bool:
        """Hold the data directory until this process ends or stops the server; False if another process does."""
        if self._lock is not None:
            return True
        lock = self._open("lock")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return False
        os.ftruncate(lock, 0)
        os.write(lock, f"process {os.getpid()} ({' '.join(sys.argv[1:3]) or sys.argv[0]})".encode())
        self._lock = lock
        return True

    def _holder(self) -> str:
        return (self.data_dir / "lock").read_text(encoding="utf-8", errors="replace") or "another process"

    def _is_ready(self) -> bool:
        pid_file = PidFile.read(self.cluster)
        return pid_file is not None and pid_file.state == "ready" and is_server_of(pid_file.pid, self.cluster)

    def _open(self, name: str) -> int:
        """Open a lock file of the data directory, making both if need be."""
        path = self.data_dir / name
        try:
            make_data_directory(self.data_dir)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as failure:
            raise EmbeddedPostgresError(
                f"the data directory {self.data_dir} cannot be used: {failure.strerror}. Give another with --data-dir"
            ) from failure
        give_to_owner_of(self.data_dir, path)
        return descriptor
