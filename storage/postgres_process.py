"""One running PostgreSQL server process: launched, watched, started again when it dies, stopped.

The process is launched by the thread that watches it, because the kernel's parent-death signal fires when the launching
*thread* ends. The parent-death signal stops PostgreSQL when this process is killed; what such a kill leaves behind
nevertheless (no Linux, a kill of both) is dealt with at the next start.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from storage import postgres_launcher
from storage.postgres_account import Account
from storage.postgres_binaries import PostgresBinaries

log = logging.getLogger(__name__)

POLL_SECONDS = 0.02
FAST_SHUTDOWN_SECONDS = 60.0
LEFT_BEHIND_SECONDS = 60.0
NOTICE_SECONDS = 10.0
STILL_IN_USE = "pre-existing shared memory block"


class EmbeddedPostgresError(Exception):
    """The embedded PostgreSQL cannot be used; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class PidFile:
    """PostgreSQL's own `postmaster.pid`, of which the fifth line is the socket's directory and the eighth the state."""

    pid: int
    socket_directory: str
    state: str

    @classmethod
    def read(cls, cluster: Path) -> PidFile | None:
        try:
            lines = (cluster / "postmaster.pid").read_text(encoding="utf-8").splitlines()
            return cls(int(lines[0]), lines[4].strip(), lines[7].strip())
        except (FileNotFoundError, IndexError, ValueError):
            return None


def is_server_of(pid: int, cluster: Path) -> bool:
    """Whether the process is the PostgreSQL server of this cluster, and not another that got its number."""
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except FileNotFoundError:
        arguments = []
        if not Path("/proc/self").exists():  # no procfs, as on macOS
            shown = subprocess.run(["/bin/ps", "-o", "command=", "-p", str(pid)], capture_output=True, check=False)
            arguments = shown.stdout.split()
    return (
        Path(os.fsdecode(arguments[0])).name == "postgres" and os.fsencode(cluster) in arguments if arguments else False
    )


def command_of(account: Account, program: Path, arguments: Sequence[str]) -> list[str]:
    """The command that runs a program of PostgreSQL under `account` and no longer than this process."""
    return [
        sys.executable,
        "-I",
        "-S",
        str(Path(postgres_launcher.__file__)),
        str(os.getpid()),
        str(account.uid),
        str(account.gid),
        str(program),
        *arguments,
    ]


def plain_environment() -> dict[str, str]:
    """Nothing of the caller's PG* variables or locale reaches the server."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


@dataclass
class PostgresProcess:
    binaries: PostgresBinaries
    account: Account
    cluster: Path
    log_file: Path
    settings: Mapping[str, str]

    _process: subprocess.Popen[bytes] | None = None
    _started: threading.Event = field(default_factory=threading.Event)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _failure: BaseException | None = None
    _watcher: threading.Thread | None = None

    def start(self) -> None:
        """Return when the server takes connections, however long its crash recovery takes."""
        self._watcher = threading.Thread(target=self._watch, name="embedded-postgres", daemon=True)
        self._watcher.start()
        try:
            self._started.wait()
        except BaseException:
            self.stop()
            raise
        if self._failure is not None:
            self._watcher.join()
            raise self._failure

    def stop(self) -> None:
        """Shut down; open transactions are rolled back. What does not end in a minute is ended less gently."""
        self._stopping.set()
        if self._watcher is None:
            return
        gentle_until = time.monotonic() + FAST_SHUTDOWN_SECONDS
        self._signal(signal.SIGINT)
        self._watcher.join(FAST_SHUTDOWN_SECONDS)
        while self._watcher.is_alive():
            log.warning("PostgreSQL did not stop within %.0f s; stopping it at once", time.monotonic() - gentle_until)
            self._signal(signal.SIGQUIT)
            self._watcher.join(NOTICE_SECONDS)
        self._watcher = None

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)

    def _watch(self) -> None:
        try:
            self._process = self._launch()
        except BaseException as failure:  # handed to the thread that waits in start()
            self._failure = failure
            return
        finally:
            self._started.set()
        pause = 0.0
        while True:
            code = self._process.wait()
            if self._stopping.wait(pause):
                return
            log.error("PostgreSQL ended unexpectedly (exit status %d); starting it again", code)
            try:
                self._process = self._launch()
                log.warning("PostgreSQL is back")
                pause = 0.0
            except EmbeddedPostgresError as failure:
                if self._stopping.is_set():
                    return
                log.error("PostgreSQL could not be started again: %s", failure)  # noqa: TRY400 - the message says it all
                pause = min(5.0, pause + 0.5)

    def _launch(self) -> subprocess.Popen[bytes]:
        """Launch until it is ready. Processes that a killed server left may hold its memory for a moment."""
        give_up = time.monotonic() + LEFT_BEHIND_SECONDS
        while True:
            stop_left_behind(self.cluster)
            _disarm_stale_pid_file(self.cluster)
            written_before = self.log_file.stat().st_size if self.log_file.exists() else 0
            process = self._spawn()
            if self._wait_until_ready(process):
                return process
            if self._stopping.is_set():
                raise EmbeddedPostgresError("PostgreSQL was stopped while it started")
            said = self._log_since(written_before)
            if STILL_IN_USE not in said or time.monotonic() > give_up:
                raise EmbeddedPostgresError(f"PostgreSQL did not start. Its log ({self.log_file}) says:\n{said}")
            time.sleep(POLL_SECONDS)

    def _spawn(self) -> subprocess.Popen[bytes]:
        arguments = ["-D", str(self.cluster)]
        for name, value in self.settings.items():
            arguments += ["-c", f"{name}={value}"]
        with open(self.log_file, "ab", opener=_only_for_its_owner) as log_file:
            process = subprocess.Popen(
                command_of(self.account, self.binaries.program("postgres"), arguments),
                stdin=subprocess.DEVNULL,
                stdout=log_file,
                stderr=log_file,
                env=plain_environment(),
                start_new_session=True,  # a Ctrl-C at the terminal is for us; we stop PostgreSQL last
            )
        self._process = process
        if self._stopping.is_set():
            self._signal(signal.SIGINT)
        return process

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> bool:
        notice = time.monotonic() + NOTICE_SECONDS
        while process.poll() is None:
            pid_file = PidFile.read(self.cluster)
            if pid_file is not None and pid_file.pid == process.pid and pid_file.state == "ready":
                return True
            if time.monotonic() > notice:
                log.warning("PostgreSQL is still starting (after a crash it first replays its log)")
                notice += NOTICE_SECONDS
            time.sleep(POLL_SECONDS)
        return False

    def _log_since(self, offset: int) -> str:
        with self.log_file.open("rb") as file:
            file.seek(offset)
            return file.read().decode(errors="replace").strip()


def stop_left_behind(cluster: Path) -> None:
    """Stop the server that a killed predecessor of ours left running on this cluster."""
    pid_file = PidFile.read(cluster)
    if pid_file is None or not is_server_of(pid_file.pid, cluster):
        return
    log.warning("stopping PostgreSQL (process %d), which a killed server left running", pid_file.pid)
    for number in (signal.SIGINT, signal.SIGQUIT):
        with suppress(ProcessLookupError):
            os.kill(pid_file.pid, number)
        patience = time.monotonic() + LEFT_BEHIND_SECONDS
        while is_server_of(pid_file.pid, cluster):
            if time.monotonic() > patience:
                break
            time.sleep(POLL_SECONDS)
        else:
            return
    raise EmbeddedPostgresError(f"PostgreSQL (process {pid_file.pid}), left behind on {cluster}, does not stop")


def _only_for_its_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _disarm_stale_pid_file(cluster: Path) -> None:
    """Make a stale pid file harmless when its number now belongs to some other process of the same user.

    PostgreSQL would take that process for a server and refuse to start. The file is not deleted, because it also names
    the shared memory by which PostgreSQL sees that children of the old server still run. Its own parent's number is the
    one that PostgreSQL ignores.
    """
    file = cluster / "postmaster.pid"
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        return
    with os.fdopen(descriptor, "r+", encoding="utf-8") as opened:
        lines = opened.read().splitlines(keepends=True)
        opened.seek(0)
        opened.writelines([f"{os.getpid()}\n", *lines[1:]])
        opened.truncate()
