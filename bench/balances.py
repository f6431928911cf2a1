"""`python -m bench.balances`: the balances of an account with a million postings, now and as of any day and moment.

Measured is the command as a request runs it: a transaction of its own, as the application under row-level security,
with the lock of the account. The database is made for it and thrown away.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from bench import large_books
from bench.large_books import ACCOUNT, DAY, DAYS, POSTINGS_OF_COPY, TENANT, thrown_away
from billing.account_balance import account_balance
from billing.account_ledger import Period, account_statement, ledger_lines
from billing.context import Context
from storage.roles import Role
from storage.transaction import Database, Transaction

Work = Callable[[Transaction], Awaitable[Any]]

_CONTEXT = Context(TENANT, "bench", "bench", large_books.BASE_URL)


def bench(
    postings: Annotated[int, typer.Option(help="How many postings the account has.")] = 1_000_000,
    rounds: Annotated[int, typer.Option(help="How often each is asked.")] = 200,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the result to a file, too.")] = None,
) -> None:
    """Measure the balances of one large account."""
    copies = max(1, postings // POSTINGS_OF_COPY - 1)
    with thrown_away() as postgres:
        asyncio.run(large_books.make_first(postgres.dsn(Role.APP)))
        # Others have accounts too, or PostgreSQL would take the tenant for the account.
        large_books.multiply(postgres.dsn("postgres"), accounts=copies // 10, onto_first=copies, say=_say)
        known = large_books.recorded(postgres.dsn("postgres"))
        measured = asyncio.run(_measure(postgres.dsn(Role.APP), rounds, known))
    for name, values in measured.items():
        typer.echo(f"{name:<34} p50 {values['p50_ms']:8.1f} ms   p99 {values['p99_ms']:8.1f} ms")
    if json_file is not None:
        result = {"postings": (copies + 1) * POSTINGS_OF_COPY, "rounds": rounds, "measured": measured}
        json_file.write_text(json.dumps(result, indent=2) + "\n")


async def _measure(conninfo: str, rounds: int, known: tuple[datetime, datetime]) -> dict[str, dict[str, float]]:
    drawn = random.Random(1)  # noqa: S311 - nothing is secret here
    database = Database(conninfo, size_max=1)
    await database.open()
    try:
        oldest, newest = known

        def now() -> Work:
            return lambda tx: account_balance(tx, _CONTEXT, ACCOUNT, on=None, recorded=None)

        def as_of_day() -> Work:
            day = DAY + timedelta(days=drawn.randrange(DAYS))
            return lambda tx: account_balance(tx, _CONTEXT, ACCOUNT, on=day, recorded=None)

        def as_known() -> Work:
            moment = oldest + drawn.random() * (newest - oldest)
            return lambda tx: account_balance(tx, _CONTEXT, ACCOUNT, on=None, recorded=moment)

        def page() -> Work:
            day = DAY + timedelta(days=drawn.randrange(DAYS))
            return lambda tx: ledger_lines(tx, ACCOUNT, Period(first=day), count=100)

        def statement() -> Work:
            day = DAY + timedelta(days=drawn.randrange(DAYS))
            return lambda tx: account_statement(tx, ACCOUNT, Period(first=day, last=day), count=100)

        return {
            "balance now": await _timed(database, now, rounds),
            "balance as of a day": await _timed(database, as_of_day, rounds),
            "balance as known at a moment": await _timed(database, as_known, rounds),
            "page of ledger lines from a day on": await _timed(database, page, rounds),
            "page of a statement of a day": await _timed(database, statement, rounds),
        }
    finally:
        await database.close()


async def _timed(database: Database, draw: Callable[[], Work], rounds: int) -> dict[str, float]:
    taken = []
    for _ in range(rounds + 3):
        work = draw()
        began = time.perf_counter()
        await database.run(TENANT.id, "bench", work)
        taken.append((time.perf_counter() - began) * 1000)
    taken = sorted(taken[3:])  # the first ones make plans
    return {"p50_ms": taken[len(taken) // 2], "p99_ms": taken[min(len(taken) - 1, len(taken) * 99 // 100)]}


def _say(what: str) -> None:
    typer.echo(what, err=True)


if __name__ == "__main__":
    typer.run(bench)
