"""kill -9 of the process that carries a command out, at a random moment of it: it happens exactly once all the same.

`test_failpoints.py` kills at every statement boundary; here are the moments between. The suite kills a few commands
once; for a hundred kills of every command:
BILLING_TEST_KILLS_OF_A_COMMAND=100 ./run test -n 1 -s tests/acceptance/test_random_kills.py
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import random
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection

import pytest

from billing.check_ledger import check_ledger
from billing.context import Context
from storage.transaction import Database
from tests.acceptance import test_approval_failpoints, test_credit_failpoints, test_failpoints, test_plan_failpoints
from tests.acceptance.books import Books, Reader, Request
from tests.acceptance.test_failpoints import KILLS_OF_A_TENANT, Case, added_rows, is_repetition, undisturbed
from tests.database_server import DatabaseAccess

KILLS = int(os.environ.get("BILLING_TEST_KILLS_OF_A_COMMAND", "1"))
IS_SHORT = "BILLING_TEST_KILLS_OF_A_COMMAND" not in os.environ
COMMANDS = (
    *test_failpoints.COMMANDS,
    *test_approval_failpoints.COMMANDS,
    *test_credit_failpoints.COMMANDS,
    *test_plan_failpoints.COMMANDS,
)

# The server of forks has all imported: a process to be killed is there at once.
processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["tests.acceptance.books"])


def _carry_out(conninfo: str, context: Context, request: Request, ready: Connection) -> None:
    async def send() -> None:
        database = Database(conninfo, size_max=1)
        await database.open()
        books = Books(database, context, logs_accesses=True)
        await books.clock()  # the connection is there
        ready.send(None)
        await books.send(request)

    asyncio.run(send())


def _kill_in_the_midst(conninfo: str, context: Context, request: Request, seconds: float) -> bool:
    """Whether it was killed before it had come to its end."""
    listening, ready = processes.Pipe(duplex=False)
    process = processes.Process(target=_carry_out, args=(conninfo, context, request, ready))
    process.start()
    assert listening.poll(120), "the process did not start"
    listening.recv()
    time.sleep(seconds)
    process.kill()
    process.join()
    return process.exitcode != 0


@pytest.mark.parametrize("command", COMMANDS[::9] if IS_SHORT else COMMANDS, ids=lambda command: command.__name__)
async def test_a_kill_at_any_moment_loses_nothing_and_doubles_nothing(
    command: Callable[[Case], Awaitable[Request]],
    app: Database,
    auditor: Database,
    reader: Reader,
    database: DatabaseAccess,
) -> None:
    tenants: list[str] = []
    in_the_midst = happened = 0
    for number in range(KILLS):
        if number % KILLS_OF_A_TENANT == 0:
            case = await Case.open(app)
            tenants.append(case.books.tenant_id)
            added, _ = await undisturbed(command, case, reader)
            timed = await command(case)
            started = time.monotonic()
            await case.books.send(timed)
            longest = time.monotonic() - started
        request = await command(case)
        before = reader.snapshot(case.books.tenant_id)
        seconds = random.uniform(0, longest)
        arguments = (database.app, case.books.context, request, seconds)
        in_the_midst += await asyncio.to_thread(_kill_in_the_midst, *arguments)
        happened += is_repetition(await case.books.send(request))
        done = reader.snapshot(case.books.tenant_id)
        assert added_rows(before, done) == added
        assert is_repetition(await case.books.send(request))
        assert added_rows(done, reader.snapshot(case.books.tenant_id)) == {}
    assert await check_ledger(auditor, tenants) == []
    print(f"{command.__name__}: {KILLS} kills, {in_the_midst} in the midst, {happened} after the commit")
