"""Transactions of a tenant: what is queued is written together or not at all, and never as somebody else."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator

import psycopg
import pytest

from ledger.errors import Category, Refusal
from ledger.tenant import Tenant
from storage import number_series, tenants
from storage.pipeline import Statement
from storage.transaction import Database, Transaction
from tests.database_server import DatabaseAccess

_TENANT_SET = Statement("SELECT current_setting('billing.tenant', true)")
_SLEEP = Statement("SELECT pg_sleep($1::float8)")
_LOCK = Statement("SELECT last_number FROM billing.number_series WHERE tenant_id = $1 AND series = $2 FOR UPDATE")
_NAMES = Statement("SELECT name FROM billing.tenant")
_ECHO = Statement("SELECT $1::text, $2::text[], $3::boolean, $4::bigint, $5::numeric::text")
_DIVIDE = Statement("SELECT 1 / $1::int")


@pytest.fixture
async def pool(database: DatabaseAccess) -> AsyncIterator[Database]:
    database_ = Database(database.app, size_max=4, statement_timeout_seconds=5)
    await database_.open()
    yield database_
    await database_.close()


@pytest.fixture
def tenant_id() -> str:
    return f"tx-{secrets.token_hex(4)}"


async def add(pool: Database, tenant_id: str) -> None:
    async with pool.transaction(tenant_id, "test") as tx:
        tenants.insert(tx, Tenant(tenant_id, tenant_id, "AF", "AFN", "Asia/Kabul"), await tx.read_clock())


async def test_what_is_queued_is_written_at_the_end(pool: Database, tenant_id: str) -> None:
    await add(pool, tenant_id)
    tenant = await tenants.read(pool, tenant_id)
    assert tenant is not None
    assert tenant.currency == "AFN"


async def test_a_block_that_raises_writes_nothing(pool: Database, tenant_id: str) -> None:
    async def fails(tx: Transaction) -> None:
        tenants.insert(tx, Tenant(tenant_id, "n", "AF", "AFN", "UTC"), await tx.read_clock())
        await tx.fetch(_TENANT_SET)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await pool.run(tenant_id, "test", fails)
    assert await tenants.read(pool, tenant_id) is None


async def test_an_error_of_the_database_undoes_all_and_leaves_the_connection_usable(
    pool: Database, tenant_id: str
) -> None:
    async def fails(tx: Transaction) -> None:
        tenants.insert(tx, Tenant(tenant_id, "n", "AF", "AFN", "UTC"), await tx.read_clock())
        await tx.fetch(_DIVIDE, 0)

    with pytest.raises(psycopg.errors.DivisionByZero):
        await pool.run(tenant_id, "test", fails)
    assert await tenants.read(pool, tenant_id) is None
    assert await pool.read(tenant_id, _DIVIDE, 1) == [(1,)]


async def test_a_transaction_sees_what_it_has_queued_itself(pool: Database, tenant_id: str) -> None:
    async with pool.transaction(tenant_id, "test") as tx:
        tenants.insert(tx, Tenant(tenant_id, "mine", "AF", "AFN", "UTC"), await tx.read_clock())
        assert await tx.fetch(_NAMES) == [("mine",)]


async def test_tenants_that_take_turns_on_the_same_connections_never_see_each_other(pool: Database) -> None:
    both = [f"pool-{secrets.token_hex(4)}" for _ in range(2)]
    for tenant_id in both:
        await add(pool, tenant_id)

    async def names(tenant_id: str) -> None:
        assert await pool.read(tenant_id, _NAMES) == [(tenant_id,)]
        async with pool.transaction(tenant_id, "test") as tx:
            assert await tx.fetch(_NAMES) == [(tenant_id,)]

    await asyncio.gather(*(names(both[turn % 2]) for turn in range(40)))


async def test_the_tenant_does_not_outlive_its_transaction(pool: Database, tenant_id: str) -> None:
    await pool.read(tenant_id, _TENANT_SET)
    assert await pool.read("", _TENANT_SET) == [("",)]


async def test_values_arrive_as_they_were_sent(pool: Database, tenant_id: str) -> None:
    text = 'a "quoted" \\ back, {brace} and دری'
    sent = (text, [text, None, ""], True, -(2**62), "12.50")
    assert await pool.read(tenant_id, _ECHO, *sent) == [(text, [text, None, ""], True, -(2**62), "12.50")]


async def test_two_who_lock_each_other_out_are_tried_again_until_both_are_done(pool: Database, tenant_id: str) -> None:
    async with pool.transaction(tenant_id, "test") as tx:
        for series in ("a", "b"):
            await number_series.take(tx, series, "main", 2026)
    met = asyncio.Barrier(2)
    tries = 0

    def crossing(first: str, second: str) -> object:
        async def command(tx: Transaction) -> None:
            nonlocal tries
            tries += 1
            await tx.fetch(_LOCK, tx.tenant_id, first)
            if tries <= 2:
                await met.wait()
            await tx.fetch(_LOCK, tx.tenant_id, second)

        return command

    await asyncio.gather(
        pool.run(tenant_id, "test", crossing("a", "b")),  # type: ignore[arg-type]
        pool.run(tenant_id, "test", crossing("b", "a")),  # type: ignore[arg-type]
    )
    assert tries >= 3


async def test_a_statement_that_runs_too_long_is_refused(pool: Database, tenant_id: str) -> None:
    with pytest.raises(Refusal) as refused:
        await pool.read(tenant_id, _SLEEP, 20)
    assert (refused.value.category, refused.value.code) == (Category.UNAVAILABLE, "took-too-long")


async def test_a_request_that_goes_away_leaves_no_half_read_connection(pool: Database, tenant_id: str) -> None:
    task = asyncio.create_task(pool.read(tenant_id, _SLEEP, 3))
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [await pool.read(tenant_id, _DIVIDE, 1) for _ in range(5)] == [[(1,)]] * 5


async def test_numbers_of_a_series_have_no_gap_though_some_takers_fail(pool: Database, tenant_id: str) -> None:
    async def take(fails: bool) -> int:
        async with pool.transaction(tenant_id, "test") as tx:
            number = await number_series.take(tx, "invoice", "main", 2026)
            if fails:
                raise LookupError
            return number

    taken = await asyncio.gather(*(take(turn % 3 == 0) for turn in range(12)), return_exceptions=True)
    numbers = sorted(number for number in taken if isinstance(number, int))
    assert numbers == list(range(1, len(numbers) + 1))


async def test_a_database_that_is_not_there_is_said_to_be_unavailable() -> None:
    gone = Database("host=/nonexistent user=nobody dbname=none connect_timeout=1", pool_timeout_seconds=1)
    await gone.open()
    with pytest.raises(Refusal) as refused:
        await gone.read("t", _TENANT_SET)
    await gone.close()
    assert refused.value.category is Category.UNAVAILABLE
