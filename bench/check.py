"""`python -m bench.check`: how long `./run check` takes over millions of postings, and in how much memory.

The books are made for it and thrown away: accounts with charges, an invoice and a payment each, which the check finds
sound. It runs as an operator runs it, in a process of its own beside PostgreSQL.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from bench import large_books
from bench.large_books import POSTINGS_OF_COPY, TENANT, thrown_away
from billing.seal_journal import seal_journal
from fhir_server.seal_keys import SealKeys
from storage.embedded_postgres import EmbeddedPostgres
from storage.postgres_process import PidFile
from storage.roles import Role
from storage.transaction import Database


def bench(
    postings: Annotated[int, typer.Option(help="How many postings there are.")] = 1_000_000,
    processes: Annotated[
        int | None, typer.Option(min=1, help="How many share the check. [default: as ./run check has it]")
    ] = None,
    sealed: Annotated[bool, typer.Option(help="Seal them first, so that blocks are checked too.")] = True,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the result to a file, too.")] = None,
) -> None:
    """Measure the check of large books."""
    with thrown_away() as postgres, tempfile.TemporaryDirectory() as seals:
        began = time.monotonic()
        asyncio.run(large_books.make_first(postgres.dsn(Role.APP)))
        accounts = max(0, postings // POSTINGS_OF_COPY - 1)
        large_books.multiply(postgres.dsn("postgres"), accounts=accounts, say=_say)
        loaded = time.monotonic()
        _say(f"loaded in {loaded - began:.0f} s")
        if sealed:
            blocks = asyncio.run(_seal(postgres, SealKeys(Path(seals))))
            _say(f"{blocks:,} blocks sealed in {time.monotonic() - loaded:.0f} s")
        measured = _check(postgres, seals, processes)
    typer.echo(
        f"{measured['postings']:,} postings, {measured['entries']:,} entries, {measured['versions']:,} versions:"
        f" {measured['seconds']:.0f} s, {measured['postings_per_second']:,.0f} postings/s,"
        f" {measured['microseconds_of_cpu']:.0f} us CPU a posting, {measured['peak_mb']:.0f} MB at most in a process"
    )
    if json_file is not None:
        json_file.write_text(json.dumps(measured, indent=2) + "\n")


async def _seal(postgres: EmbeddedPostgres, keys: SealKeys) -> int:
    serving, sealing = Database(postgres.dsn(Role.APP), size_max=1), Database(postgres.dsn(Role.WORKER), size_max=1)
    await serving.open()
    await sealing.open()
    try:
        made = await seal_journal(serving, sealing, TENANT.id, keys.sign)
    finally:
        await sealing.close()
        await serving.close()
    keys.remember(made[-1])
    return len(made)


def _check(postgres: EmbeddedPostgres, seals: str, processes: int | None) -> dict[str, Any]:
    """What a check says of itself, with how long it took, its CPU time and the most memory that a process of it held.

    The CPU time is that of the check and of its PostgreSQL, which nobody else uses.
    """
    urls = {"DATABASE_URL": postgres.dsn(Role.APP), "BILLING_AUDIT_DATABASE_URL": postgres.dsn(Role.AUDIT)}
    command = [sys.executable, "-m", "fhir_server", "check", "--json", "--tenant", TENANT.id]
    if processes is not None:
        command += ["--processes", str(processes)]
    cpu_before = _cpu_seconds(postgres)
    began = time.monotonic()
    with subprocess.Popen(
        command, env={**os.environ, **urls, "BILLING_SEAL_DIRECTORY": seals}, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        said = json.loads(process.stdout.read())
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - began
    cpu = used.ru_utime + used.ru_stime + _cpu_seconds(postgres) - cpu_before
    assert said["sound"], said["findings"]
    [tenant] = said["tenants"]
    return {
        **tenant,
        "seconds": round(seconds, 1),
        "postings_per_second": round(tenant["postings"] / seconds),
        "microseconds_of_cpu": round(cpu * 1e6 / tenant["postings"], 1),
        "peak_mb": round(used.ru_maxrss / 1024),
    }


def _cpu_seconds(postgres: EmbeddedPostgres) -> float:
    """What the connections of a PostgreSQL that are closed by now have used, as its postmaster counts them (Linux)."""
    time.sleep(1)  # until those that were closed just now are gone
    server = PidFile.read(postgres.cluster)
    assert server is not None
    fields = Path(f"/proc/{server.pid}/stat").read_text().rsplit(")", 1)[1].split()
    children_user, children_system = fields[13:15]  # counted from the state, which is the third
    return (int(children_user) + int(children_system)) / os.sysconf("SC_CLK_TCK")


def _say(what: str) -> None:
    typer.echo(what, err=True)


if __name__ == "__main__":
    typer.run(bench)
