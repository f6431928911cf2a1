"""`./run bench`: start servers on a database of their own, and measure product and reference in turn."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import psycopg
import typer
from psycopg import sql

from bench import load, processes, report
from bench.preparation import prepare
from bench.recording import record, token_for
from bench.works import WORKS, Request, Work
from fhir_server.database import with_urls_of
from fhir_server.settings import Settings
from fhir_server.worker_processes import WorkerProcesses, listen_on
from storage import roles
from storage.embedded_postgres import EmbeddedPostgres
from storage.migrations import upgrade
from storage.roles import Role


def bench(
    work: Annotated[list[str] | None, typer.Option(help=f"What to measure: {', '.join(WORKS)}. [all]")] = None,
    clients: Annotated[str, typer.Option(help="How many connections at once, such as 1,16,64.")] = "16",
    seconds: Annotated[int, typer.Option(min=1, help="How long a round takes, in whole seconds.")] = 3,
    rounds: Annotated[int, typer.Option(help="Rounds of each server, in turn; the medians are shown.")] = 3,
    workers: Annotated[int, typer.Option(help="Worker processes of the product.")] = 1,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the result to a file, too.")] = None,
) -> None:
    """Measure the product beside a bare Starlette and psycopg server that does the same SQL as the same role."""
    # What changes nothing comes first: it is measured on the data as they were prepared.
    chosen = sorted((WORKS[name] for name in (work or WORKS)), key=lambda each: each.changes)
    counts = [int(count) for count in clients.split(",")]
    with _servers(chosen, seconds=seconds * rounds * len(counts), workers=workers) as servers:
        measured = [
            servers.measure(each, count, seconds, server)
            for each in chosen
            for count in counts
            for _ in range(rounds)
            for server in ("reference", "product")
        ]
        conditions = servers.conditions(seconds, rounds)
    lines = report.lines_of(measured)
    report.show(lines, conditions)
    if json_file is not None:
        json_file.write_text(json.dumps(report.as_json(lines, conditions), indent=2) + "\n")


class _Servers:
    """The product and the reference, both running, each on a database of its own in one PostgreSQL."""

    def __init__(self, settings: Settings, product: list[int], reference: int, port: int, postgres: list[int]) -> None:
        self._settings = settings
        self._pids = {"product": product, "reference": [reference]}
        self._ports = {"product": settings.port, "reference": port}
        self._postgres = postgres
        self._token = token_for(settings)
        self._sent: dict[str, int] = {}

    def measure(self, work: Work, clients: int, seconds: int, server: str) -> report.Measured:
        requests = self._requests(work, server, seconds)
        server_before = processes.cpu_seconds(self._pids[server])
        postgres_before = processes.cpu_seconds(self._backends())
        result = load.run(requests, port=self._ports[server], token=self._token, clients=clients, seconds=seconds)
        return report.Measured(
            work.name,
            server,
            clients,
            result,
            processes.cpu_seconds(self._pids[server]) - server_before,
            processes.cpu_seconds(self._backends()) - postgres_before,
        )

    def _backends(self) -> list[int]:
        return [pid for root in self._postgres for pid in processes.family(root)]

    def _requests(self, work: Work, server: str, seconds: int) -> list[Request]:
        """For the product requests that it has not seen yet; the reference counts for itself."""
        if server == "reference":
            first = work.request(0)
            return [Request(first.method, f"/replay/{work.name}", first.body)]
        count = seconds * work.rate_max
        start = self._sent.get(work.name, 1_000_000)
        self._sent[work.name] = start + count
        return [work.request(number) for number in range(start, start + count)]

    def conditions(self, seconds: int, rounds: int) -> dict[str, Any]:
        return {
            "machine": f"{os.cpu_count()} cores, shared by server, PostgreSQL and load generator",
            "load generator": load.generator_name(),
            "rounds": f"{rounds} of {seconds} s, medians",
            "workers of the product": self._settings.worker_count,
            "reference": "bare Starlette + psycopg (pool, pipeline), the same SQL as the same role",
            "PostgreSQL": "fsync and synchronous_commit on",
            "resident memory of a worker (MB)": ", ".join(
                f"{processes.resident_megabytes(pid):.0f}" for pid in self._pids["product"]
            ),
        }


_NEVER_REACHED = 1_000_000


@contextmanager
def _servers(works: Sequence[Work], *, seconds: int, workers: int) -> Iterator[_Servers]:
    directory = Path(tempfile.mkdtemp(prefix="billing-bench-"))
    directory.chmod(0o711)
    postgres = EmbeddedPostgres(directory / "data")
    try:
        with (
            listen_on("127.0.0.1", 0) as listening,
            listen_on("127.0.0.1", 0) as reference_listening,
            postgres.running(),
        ):
            settings = with_urls_of(postgres, _settings(directory / "data", listening, workers))
            upgrade(settings.migrate_database_url)
            _say("preparing the tenant")
            asyncio.run(prepare(settings.database_url, settings.base_url))
            _analyze(postgres)
            # Three times the same: the product and the reference change theirs alike, the recording is thrown away.
            copy, recorded = (_copy_database(postgres, name) for name in ("reference", "recorded"))
            _say("recording what SQL the requests are")
            recording = directory / "recording"
            counts = [(work, seconds * work.rate_max if work.changes else work.recorded) for work in works]
            asyncio.run(record(settings.changed(database_url=recorded), counts)).save(recording)
            with (
                _reference(reference_listening, recording, copy) as reference,
                _product(listening, settings) as product,
            ):
                port = reference_listening.getsockname()[1]
                roots = [pid for pid in processes.family(os.getpid()) if processes.is_postgres(pid)]
                yield _Servers(settings, product, reference, port, roots[:1])
    finally:
        shutil.rmtree(postgres.home, ignore_errors=True)
        shutil.rmtree(directory, ignore_errors=True)


def _analyze(postgres: EmbeddedPostgres) -> None:
    """What autovacuum does within a minute of a server that runs."""
    with psycopg.connect(postgres.dsn("postgres", "billing"), autocommit=True) as connection:
        connection.execute("ANALYZE")


def _settings(data_dir: Path, listening: socket.socket, workers: int) -> Settings:
    return Settings().changed(
        data_dir=data_dir,
        host="127.0.0.1",
        port=listening.getsockname()[1],
        workers=workers,
        log_level="warning",
        # Counted as ever, but never reached: one client asks for all.
        client_requests_per_second=_NEVER_REACHED,
        tenant_requests_per_second=_NEVER_REACHED,
    )


def _copy_database(postgres: EmbeddedPostgres, name: str) -> str:
    """A copy of the prepared database; the conninfo of the application's role there."""
    superuser = postgres.dsn("postgres", "postgres")
    with psycopg.connect(superuser, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE billing OWNER billing_owner").format(sql.Identifier(name))
        )
        roles.restrict_database(connection, name)
    return postgres.dsn(Role.APP, name)


@contextmanager
def _product(listening: socket.socket, settings: Settings) -> Iterator[list[int]]:
    workers = WorkerProcesses(listening, settings)
    try:
        workers.serve(settings)
        yield workers.pids
    finally:
        workers.close()


@contextmanager
def _reference(listening: socket.socket, recording: Path, conninfo: str) -> Iterator[int]:
    command = [sys.executable, "-m", "bench.reference", str(listening.fileno()), str(recording), conninfo]
    process = subprocess.Popen(command, pass_fds=[listening.fileno()])
    try:
        _wait_for(listening.getsockname()[1], process)
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=60).close()
        except ConnectionRefusedError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("the reference server did not start")


def _say(what: str) -> None:
    typer.echo(what, err=True)


if __name__ == "__main__":
    typer.run(bench)
