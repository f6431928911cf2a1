"""`python -m bench.control_totals`: whether sealing and the control totals keep up with what is posted.

Charges are posted as fast as they can be for some seconds, first with nobody beside, then while the journal is sealed
and added to the control totals each second, as a server does it. The database is made for it and thrown away.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import psycopg
import typer

from bench.large_books import BASE_URL, TENANT, thrown_away
from billing.context import Context
from billing.create_resource import create_resource
from billing.project_control_totals import project_control_totals
from billing.seal_journal import MARGIN, seal_journal
from billing.tenants import add_tenant
from fhir_server.seal_keys import SealKeys
from mappers.r4.json_text import decode, encode
from storage.embedded_postgres import EmbeddedPostgres
from storage.resource_ids import new_id
from storage.roles import Role
from storage.transaction import Database, Transaction

_CONTEXT = Context(TENANT, "bench", "bench", BASE_URL)
_AT_ONCE = 10
_POSTINGS_OF_CHARGE = 2
_MINOR_UNITS = 10_000
_INTERVAL_SECONDS = 1.0
_ACCOUNT = {"resourceType": "Account", "status": "active", "subject": [{"reference": "Patient/1"}]}


def _charge(account: str) -> dict[str, Any]:
    document = {
        "resourceType": "ChargeItem",
        "status": "billable",
        "code": {"text": "Visit"},
        "subject": {"reference": "Patient/1"},
        "account": [{"reference": f"Account/{account}"}],
        "performingOrganization": {"reference": "Organization/main"},
        "priceOverride": {"value": Decimal(_MINOR_UNITS) / 100, "currency": TENANT.currency},
        "overrideReason": "tariff",
    }
    # Decimals as they come in over HTTP, not as Python writes them.
    return decode(encode(document))


@dataclass
class Posted:
    """What was posted, and how long it took to seal it and to add it to the totals."""

    postings: int = 0
    sealed_seconds: float = 0.0
    added_seconds: float = 0.0


def bench(
    seconds: Annotated[int, typer.Option(help="How long is posted, alone and with the sealer.")] = 20,
    writers: Annotated[int, typer.Option(help="How many post at once.")] = 8,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the result to a file, too.")] = None,
) -> None:
    """Measure whether the control totals keep up."""
    with thrown_away() as postgres, tempfile.TemporaryDirectory() as seals:
        measured = asyncio.run(_measure(postgres, SealKeys(Path(seals)), seconds, writers))
    for name, value in measured.items():
        typer.echo(f"{name:42} {value:>12,}")
    if json_file is not None:
        json_file.write_text(json.dumps(measured, indent=2) + "\n")


async def _measure(postgres: EmbeddedPostgres, keys: SealKeys, seconds: int, writers: int) -> dict[str, Any]:
    serving = Database(postgres.dsn(Role.APP), size_max=writers + 1)
    sealing = Database(postgres.dsn(Role.WORKER), size_max=1)
    await serving.open()
    await sealing.open()
    try:
        await add_tenant(serving, TENANT)
        alone, beside = Posted(), Posted()
        await _post(serving, alone, seconds, writers)
        await asyncio.sleep(MARGIN.total_seconds() + 1)  # until all of it may be sealed
        await _seal(serving, sealing, keys, Posted())
        async with _sealing(serving, sealing, keys, beside):
            await _post(serving, beside, seconds, writers)
        ended = time.monotonic()
        while _in_totals(postgres) < alone.postings + beside.postings:
            await _seal(serving, sealing, keys, beside)
            await asyncio.sleep(0.1)
        caught_up = time.monotonic() - ended
        assert _in_totals(postgres) == alone.postings + beside.postings
    finally:
        await sealing.close()
        await serving.close()
    work = beside.sealed_seconds + beside.added_seconds
    return {
        "postings/s alone": round(alone.postings / seconds),
        "postings/s with the sealer beside": round(beside.postings / seconds),
        "s until the totals had all, after the end": round(caught_up, 1),
        "postings/s sealed and added, while at it": round(beside.postings / work),
        "of that time, % to add to the totals": round(100 * beside.added_seconds / work),
    }


async def _post(serving: Database, posted: Posted, seconds: int, writers: int) -> None:
    until = time.monotonic() + seconds

    async def writing() -> None:
        account = new_id()
        charge = _charge(account)

        async def opening(tx: Transaction) -> None:
            await create_resource(tx, _CONTEXT, "Account", _ACCOUNT, resource_id=account, is_new_id=True)

        async def charging(tx: Transaction) -> None:
            for _ in range(_AT_ONCE):
                await create_resource(tx, _CONTEXT, "ChargeItem", charge, resource_id=new_id(), is_new_id=True)

        await serving.run(TENANT.id, "bench", opening)
        while time.monotonic() < until:
            await serving.run(TENANT.id, "bench", charging)
            posted.postings += _AT_ONCE * _POSTINGS_OF_CHARGE

    await asyncio.gather(*(writing() for _ in range(writers)))


@asynccontextmanager
async def _sealing(serving: Database, sealing: Database, keys: SealKeys, posted: Posted) -> AsyncIterator[None]:
    async def keep() -> None:
        while True:
            await asyncio.sleep(_INTERVAL_SECONDS)
            await _seal(serving, sealing, keys, posted)

    keeping = asyncio.create_task(keep())
    try:
        yield
    finally:
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping


async def _seal(serving: Database, sealing: Database, keys: SealKeys, posted: Posted) -> None:
    began = time.monotonic()
    await seal_journal(serving, sealing, TENANT.id, keys.sign)
    sealed = time.monotonic()
    await project_control_totals(sealing, TENANT.id)
    posted.sealed_seconds += sealed - began
    posted.added_seconds += time.monotonic() - sealed


def _in_totals(postgres: EmbeddedPostgres) -> int:
    """How many postings the totals hold, for each is of the same amount."""
    with psycopg.connect(postgres.dsn("postgres", "billing")) as connection:
        row = connection.execute(
            "SELECT coalesce(sum(debit_minor + credit_minor), 0) FROM billing.control_total"
        ).fetchone()
    assert row is not None
    return int(row[0]) // _MINOR_UNITS


if __name__ == "__main__":
    typer.run(bench)
