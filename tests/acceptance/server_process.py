"""A real server with its own PostgreSQL on a data directory, to be killed and started again."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from storage.embedded_postgres import EmbeddedPostgres
from storage.postgres_process import PidFile
from tests.checkout import CHECKOUT

LONG_ENOUGH = 60.0
WORKERS = 2


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`./run` with these arguments, to its end."""
    return subprocess.run([CHECKOUT / "run", *arguments], capture_output=True, text=True, check=False)


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@dataclass(slots=True)
class ServerProcess:
    data_dir: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/fhir/"

    @property
    def log(self) -> Path:
        return self.data_dir.with_name("server.log")

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [str(CHECKOUT / "run"), "serve", "--port", str(self.port), "--workers", str(WORKERS)]
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [*command, "--data-dir", str(self.data_dir)],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=os.environ | {"BILLING_CLIENT_REQUESTS_PER_SECOND": "0", "BILLING_TENANT_REQUESTS_PER_SECOND": "0"},
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert re.fullmatch(r"ready http://127\.0\.0\.1:\d+/fhir\n", line), "the server did not say that it is ready"

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.communicate(timeout=LONG_ENOUGH)
            self.process = None

    def kill(self) -> None:
        """Kill the process that runs the others, as it is killed when memory runs out."""
        assert self.process is not None
        self.process.kill()
        self.process.communicate(timeout=LONG_ENOUGH)
        self.process = None

    def kill_worker(self) -> None:
        for worker in self.workers()[:1]:
            os.kill(worker, signal.SIGKILL)

    def kill_dispatcher(self) -> None:
        for dispatcher in self._children(b"subscriptions")[:1]:
            os.kill(dispatcher, signal.SIGKILL)

    def kill_postgres(self) -> None:
        pid_file = PidFile.read(EmbeddedPostgres(self.data_dir).cluster)
        if pid_file is not None:
            os.kill(pid_file.pid, signal.SIGKILL)

    def workers(self) -> list[int]:
        return self._children(b"fhir_server.worker")

    def _children(self, module: bytes) -> list[int]:
        """The processes that run a module; their arguments are separated by NUL."""
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [int(pid) for pid in children if module in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")]
