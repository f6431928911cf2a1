"""Rows are added as they are; those that two may both want in one order, so that neither waits for the other."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from ledger.errors import Refusal
from ledger.tenant import Tenant
from storage import business_keys, invoiced_charges, tenants
from storage.array_insert import ArrayInsert
from storage.pipeline import Statement
from storage.tables import account_index
from storage.transaction import Database, Transaction
from tests.database_server import DatabaseAccess
from tests.integration.billing.hospital import OPENED, Hospital, line_of

_NOTHING = Statement("SELECT 1")
_WAITING = Statement(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
)

_INDEX_ROWS = Statement("SELECT id, system, value, text FROM billing.account_index WHERE tenant_id = $1 ORDER BY id")

Take = Callable[[Transaction, Sequence[str]], None]


@pytest.fixture
async def pool(fresh_database: DatabaseAccess) -> AsyncIterator[Database]:
    """A database of the test's own, so that those who wait there are the test's."""
    opened = Database(fresh_database.app, size_max=6)
    await opened.open()
    yield opened
    await opened.close()


async def outcomes(pool: Database, tenant_id: str, take: Take, names: Sequence[str]) -> list[str]:
    """What becomes of two transactions that take the same three things in opposite order, while a third has the middle.

    Each of the two can have taken its first one before it meets the other. `Database.run` would try again after a
    deadlock; these are not run by it, so that one is seen.
    """

    async def taking(order: Sequence[str]) -> str:
        try:
            async with pool.transaction(tenant_id, "test") as tx:
                # One by one, as the commands of a Bundle do.
                for name in order:
                    take(tx, [name])
        except Refusal as refusal:
            return refusal.code
        return "taken"

    middle_taken, both_wait = asyncio.Event(), asyncio.Event()

    async def take_middle_and_give_up() -> None:
        async with pool.transaction(tenant_id, "test") as tx:
            take(tx, [sorted(names)[1]])
            await tx.fetch(_NOTHING)
            middle_taken.set()
            await both_wait.wait()
            raise ZeroDivisionError

    blocker = asyncio.create_task(take_middle_and_give_up())
    await middle_taken.wait()
    first, second = (asyncio.create_task(taking(order)) for order in (sorted(names), sorted(names, reverse=True)))
    # The event is one of PostgreSQL, which tells nobody of it.
    while (await pool.read(tenant_id, _WAITING))[0][0] < 2:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    both_wait.set()
    with pytest.raises(ZeroDivisionError):
        await blocker
    return sorted([await first, await second])


async def test_two_who_take_the_same_business_keys_in_opposite_order_do_not_wait_for_one_another(
    pool: Database,
) -> None:
    tenant_id = f"keys-{secrets.token_hex(4)}"
    async with pool.transaction(tenant_id, "test") as tx:
        tenants.insert(tx, Tenant(tenant_id, tenant_id, "AF", "AFN", "Asia/Kabul"), await tx.read_clock())

    def take(tx: Transaction, values: Sequence[str]) -> None:
        business_keys.insert(tx, "ChargeItem", "1", [("urn:his", value) for value in values], "hash")

    assert await outcomes(pool, tenant_id, take, ["A-1", "A-2", "A-3"]) == ["business-key-taken", "taken"]


async def test_two_invoices_that_take_the_same_charges_in_opposite_order_do_not_wait_for_one_another(
    pool: Database,
) -> None:
    hospital = await Hospital.open(pool)
    # Its database is dropped after the test, and its draft does not hold what it says.
    OPENED.remove(hospital.context.tenant.id)
    account = await hospital.account()
    draft = await hospital.draft(account, line_of(await hospital.charge(account, "1")))
    charges = [(await hospital.charge(account, "1"))["id"] for _ in range(3)]

    def take(tx: Transaction, ids: Sequence[str]) -> None:
        invoiced_charges.hold(tx, draft["id"], ids)

    taken = await outcomes(pool, hospital.context.tenant.id, take, charges)
    assert taken == ["charge-on-other-invoice", "taken"]


async def test_rows_of_which_some_columns_hold_nothing_are_added_as_they_are(pool: Database) -> None:
    tenant_id = f"rows-{secrets.token_hex(4)}"
    insert = ArrayInsert(account_index, 0)
    rows = [
        (tenant_id, str(number), "identifier", "{0}", None, "value" if number == 3 else None, None)
        for number in range(10)
    ]
    async with pool.transaction(tenant_id, "test") as tx:
        for row in rows:
            tx.add(insert, row)
        added = await tx.fetch(_INDEX_ROWS, tenant_id)
    assert added == [(row[1], row[4], row[5], row[6]) for row in rows]
