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
from storage.roles import Role
from storage.transaction import Database


def bench(
    postings: Annotated[int, typer.Option(help="How many postings there are.")] = 1_000_000,
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
        measured = _check(postgres, seals)
    typer.echo(
        f"{measured['postings']:,} postings, {measured['entries']:,} entries, {measured['versions']:,} versions:"
        f" {measured['seconds']:.0f} s, {measured['postings_per_second']:,.0f} postings/s,"
        f" {measured['peak_mb']:.0f} MB at most"
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


def _check(postgres: EmbeddedPostgres, seals: str) -> dict[str, Any]:
    """What a check says of itself, with how long it took and the most memory that its process held."""
    urls = {"DATABASE_URL": postgres.dsn(Role.APP), "BILLING_AUDIT_DATABASE_URL": postgres.dsn(Role.AUDIT)}
    command = [sys.executable, "-m", "fhir_server", "check", "--json", "--tenant", TENANT.id]
    began = time.monotonic()
    with subprocess.Popen(
        command, env={**os.environ, **urls, "BILLING_SEAL_DIRECTORY": seals}, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        said = json.loads(process.stdout.read())
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - began
    assert said["sound"], said["findings"]
    [tenant] = said["tenants"]
    return {
        **tenant,
        "seconds": round(seconds, 1),
        "postings_per_second": round(tenant["postings"] / seconds),
        "peak_mb": round(used.ru_maxrss / 1024),
    }


def _say(what: str) -> None:
    typer.echo(what, err=True)


if __name__ == "__main__":
    typer.run(bench)
