"""The worker processes of one server: started together on one socket, started again when they die, stopped together."""

from __future__ import annotations

import errno
import http.client
import logging
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from contextlib import suppress

from fhir_server.settings import Settings

log = logging.getLogger(__name__)

POLL_SECONDS = 0.05
FREED_PORT_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 10.0
PATIENCE_SECONDS = 5.0  # beyond what requests that are being answered get


class ServeError(Exception):
    """The server cannot start or go on; the message says why."""


def listen_on(host: str, port: int) -> socket.socket:
    """Take the address. A server that was just killed may hold it for a moment still."""
    give_up = time.monotonic() + FREED_PORT_SECONDS
    while True:
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(
                host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            listening = socket.socket(family, kind, protocol)
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
        except OSError as failure:
            if time.monotonic() > give_up or isinstance(failure, socket.gaierror):
                hint = "; give another --port" if failure.errno == errno.EADDRINUSE else ""
                raise ServeError(f"cannot listen on {host} port {port}: {failure.strerror}{hint}") from failure
            time.sleep(POLL_SECONDS)
        else:
            listening.set_inheritable(True)
            return listening


class WorkerProcesses:
    """A parent's view of its workers. They wait for `serve` with the application imported."""

    def __init__(self, listening: socket.socket, settings: Settings) -> None:
        self._listening = listening
        self._patience_seconds = settings.graceful_stop_seconds + PATIENCE_SECONDS
        self._settings = ""
        # Where the workers count together, so that whichever is asked for /metrics answers for all.
        self._metrics = tempfile.mkdtemp(prefix="billing-metrics-")
        self._commands = [self._worker_command()] * settings.worker_count
        if settings.worker_database_url or not settings.database_url:
            self._commands += [self._dispatcher_command()] * settings.dispatchers
        self._processes = [self._spawn(command) for command in self._commands]

    @property
    def pids(self) -> list[int]:
        return [process.pid for process in self._processes]

    def serve(self, settings: Settings) -> None:
        """Let them serve; return when they answer."""
        self._settings = settings.model_dump_json()
        for process in self._processes:
            self._hand_over_settings(process)
        while not _answers(*self._listening.getsockname()[:2], is_tls=settings.is_tls):
            if any(process.poll() is not None for process in self._processes):
                raise ServeError("a worker process ended while it started; the lines above say why")
            time.sleep(POLL_SECONDS)

    def watch(self) -> None:
        """Start again whichever dies, for ever; a signal's exception ends it. Dying at once makes the pause longer."""
        pause = 0.0
        not_before = 0.0
        while True:
            for index, process in enumerate(self._processes):
                if process.poll() is None or time.monotonic() < not_before:
                    continue
                log.error("process %d ended unexpectedly (%s); starting another", process.pid, process.returncode)
                started_lately = time.monotonic() < not_before + LONGEST_PAUSE_SECONDS
                pause = min(LONGEST_PAUSE_SECONDS, pause * 2 + 0.5) if started_lately else 0.0
                not_before = time.monotonic() + pause
                self._processes[index] = self._spawn(self._commands[index])
                self._hand_over_settings(self._processes[index])
            time.sleep(POLL_SECONDS)

    def close(self) -> None:
        """Let them answer what they have begun, then end them."""
        for process in self._processes:
            if process.stdin is not None and not process.stdin.closed:
                process.stdin.close()
            process.terminate()
        give_up = time.monotonic() + self._patience_seconds
        for process in self._processes:
            try:
                process.wait(max(0.0, give_up - time.monotonic()))
            except subprocess.TimeoutExpired:
                log.warning("worker process %d did not stop in time and is killed", process.pid)
                process.kill()
                process.wait()
        shutil.rmtree(self._metrics, ignore_errors=True)

    def _worker_command(self) -> list[str]:
        return [sys.executable, "-P", "-m", "fhir_server.worker", str(os.getpid()), str(self._listening.fileno())]

    def _dispatcher_command(self) -> list[str]:
        return [sys.executable, "-P", "-m", "subscriptions", str(os.getpid())]

    def _spawn(self, command: list[str]) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=sys.stderr,  # standard output is the parent's: one line, when it answers
            text=True,
            pass_fds=[self._listening.fileno()],
            env=os.environ | {"PROMETHEUS_MULTIPROC_DIR": self._metrics},
            start_new_session=True,  # a Ctrl-C at the terminal reaches the parent only
        )

    def _hand_over_settings(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        with suppress(BrokenPipeError):
            process.stdin.write(self._settings)
            process.stdin.close()


def _answers(host: str, port: int, *, is_tls: bool) -> bool:
    """Whether a health check on this very socket is answered."""
    target = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # every address includes this one
    connection = http.client.HTTPConnection(target, port, timeout=5)
    if is_tls:
        # It is this very machine, whatever name the certificate is for.
        context = ssl._create_unverified_context()  # noqa: S323
        connection = http.client.HTTPSConnection(target, port, timeout=5, context=context)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
