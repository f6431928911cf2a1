"""Asking again and again for what changed since the last answer: nothing is missed, however late it is committed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import psycopg
import pytest
import pytest_asyncio

from billing.record_change import record_creation
from mappers import mapper_for
from storage import search_horizon
from storage.transaction import Transaction
from tests.database_server import DatabaseAccess
from tests.integration.searching import BASE, SearchedTenant, ids, searched_tenant

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest_asyncio.fixture(loop_scope="session")
async def tenant(fresh_database: DatabaseAccess) -> AsyncIterator[SearchedTenant]:
    async with searched_tenant(fresh_database) as tenant:
        yield tenant


async def begin(tx: Transaction, id_: str) -> None:
    """Write an invoice that is dated now and not yet committed."""
    await tx.read_clock()
    document = {"resourceType": "Invoice", "status": "draft"}
    record_creation(tx, mapper_for("Invoice").parse(document, id=id_, base_url=BASE))
    await tx.read_all(tx.tenant_id, [(search_horizon._SET_HORIZON, ())])  # sends what is queued


async def poll(tenant: SearchedTenant, since: str) -> tuple[list[str], str]:
    """The ids of what changed after a moment, and the last moment that was seen."""
    page = await tenant.page(f"Invoice?_lastUpdated=gt{since}&_sort=_lastUpdated")
    if not page.matches:
        return [], since
    last = page.matches[-1].anchor.values[0]
    assert last is not None
    return ids(page), datetime.fromisoformat(last).isoformat().replace("+00:00", "Z")


async def test_a_change_that_is_committed_late_is_not_skipped(
    tenant: SearchedTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_horizon, "WAIT", search_horizon.WAIT / 10)
    seen: list[str] = []
    since = "2026-01-01T00:00:00Z"
    async with tenant.database.transaction(tenant.tenant_id, "test") as slow:
        await begin(slow, "early")
        await tenant.store({"resourceType": "Invoice", "id": "late", "status": "draft"})
        found, since = await poll(tenant, since)
        seen += found
        assert seen == [], "the later change would hide the earlier one for ever"
        assert await tenant.find("Invoice?status=draft") == ["late"], "any other search sees it at once"
    found, since = await poll(tenant, since)
    seen += found
    assert seen == ["early", "late"]
    assert await poll(tenant, since) == ([], since)


async def test_a_transaction_that_ends_soon_is_waited_for(tenant: SearchedTenant) -> None:
    async with tenant.database.transaction(tenant.tenant_id, "test") as slow:
        await begin(slow, "early")
        await tenant.store({"resourceType": "Invoice", "id": "late", "status": "draft"})
        polling = asyncio.create_task(poll(tenant, "2026-01-01T00:00:00Z"))
        await asyncio.sleep(0.1)
        assert not polling.done()
    found, _ = await polling
    assert found == ["early", "late"]


async def test_what_one_has_written_oneself_is_seen_at_once(tenant: SearchedTenant) -> None:
    for number in range(20):
        since = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        await tenant.store({"resourceType": "Invoice", "id": f"i{number}", "status": "draft"})
        assert (await poll(tenant, since))[0] == [f"i{number}"]


async def test_pollers_among_many_writers_miss_nothing(tenant: SearchedTenant) -> None:
    async def write(writer: int) -> None:
        for number in range(15):
            async with tenant.database.transaction(tenant.tenant_id, "test") as tx:
                await begin(tx, f"w{writer}-{number}")
                await asyncio.sleep((writer * 7 + number * 3) % 5 / 200)

    writers = [asyncio.create_task(write(writer)) for writer in range(6)]
    seen: list[str] = []
    since = "2026-01-01T00:00:00Z"
    while not all(writer.done() for writer in writers):
        found, since = await poll(tenant, since)
        seen += found
    await asyncio.gather(*writers)
    seen += (await poll(tenant, since))[0]
    assert sorted(seen) == sorted(f"w{writer}-{number}" for writer in range(6) for number in range(15))


async def test_the_application_sees_when_other_sessions_of_it_began(fresh_database: DatabaseAccess) -> None:
    with psycopg.connect(fresh_database.app) as one, psycopg.connect(fresh_database.app) as other:
        one.execute("SELECT 1")
        row = other.execute(
            "SELECT count(xact_start) FROM pg_stat_activity WHERE usename = current_user AND pid <> pg_backend_pid()"
            " AND datname = current_database()"
        ).fetchone()
        assert row == (1,)
