"""The server looks for payment plans in default by itself, of every tenant."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import suppress

import psycopg
import pytest
import pytest_asyncio

from fhir_server.plan_defaults import keep_noting_defaults
from fhir_server.settings import Settings
from storage.transaction import Database
from tests.checkout import CHECKOUT
from tests.database_server import DatabaseAccess
from tests.integration.billing.hospital import OPENED, Hospital, own_line
from tests.integration.billing.payment_plan_commands import plan, plan_now

DAYS = 20


@pytest_asyncio.fixture
async def late(fresh_database: DatabaseAccess) -> AsyncIterator[tuple[Hospital, str]]:
    """(a hospital in a database of its own, its plan of which an instalment is long due)"""
    database = Database(fresh_database.app, size_max=2)
    await database.open()
    hospital = await Hospital.open(database)
    OPENED.remove(hospital.tenant_id)  # not in the database that is proved at the end
    account = await hospital.account()
    made = await plan(hospital, account, await hospital.issued(account, own_line("90")), equal=3)
    _time_goes_by(fresh_database)
    yield hospital, made.plan.id
    await database.close()


def _time_goes_by(access: DatabaseAccess) -> None:
    """Have all plans made some days ago, as nobody but the owner of the database can."""
    with psycopg.connect(access.superuser, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("UPDATE billing.payment_plan SET made_on = made_on - %s", [DAYS])
        connection.execute("UPDATE billing.payment_plan_instalment SET due = due - %s", [DAYS])


async def test_the_server_finds_what_is_in_default_at_each_interval(
    late: tuple[Hospital, str], fresh_database: DatabaseAccess
) -> None:
    hospital, plan_id = late
    settings = Settings(plan_interval_seconds=1, worker_database_url=fresh_database.worker)
    looking = asyncio.create_task(keep_noting_defaults(settings, hospital.database))
    for _ in range(300):
        if (await plan_now(hospital, plan_id)).status == "defaulted":
            break
        await asyncio.sleep(0.1)
    looking.cancel()
    with suppress(asyncio.CancelledError):
        await looking
    (event,) = (await plan_now(hospital, plan_id)).plan.events
    assert (event.kind, event.by, event.overdue_minor) == ("defaulted", "plan-watch", 3000)


@pytest.mark.parametrize("changed", [{"plan_interval_seconds": 0}, {"worker_database_url": ""}])
async def test_it_does_not_look_where_it_shall_or_can_not(
    late: tuple[Hospital, str], fresh_database: DatabaseAccess, changed: dict[str, object]
) -> None:
    settings = Settings(**{"worker_database_url": fresh_database.worker, **changed})  # type: ignore[arg-type]
    async with asyncio.timeout(5):
        await keep_noting_defaults(settings, late[0].database)
    assert (await plan_now(*late)).status == "active"


async def test_an_operator_has_it_looked_now(late: tuple[Hospital, str], fresh_database: DatabaseAccess) -> None:
    hospital, plan_id = late
    environment = os.environ | {
        "DATABASE_URL": fresh_database.app,
        "BILLING_MIGRATE_DATABASE_URL": fresh_database.migrate,
        "BILLING_WORKER_DATABASE_URL": fresh_database.worker,
    }
    command = [str(CHECKOUT / "run"), "payment-plans", "default"]
    for defaulted in (1, 0):
        done = await asyncio.to_thread(
            subprocess.run, command, env=environment, capture_output=True, text=True, check=False
        )
        found = f"1 plans looked at, {defaulted} now in default, 0 recovered"
        assert done.stdout == f"tenant {hospital.tenant_id}: {found}\n", done.stderr
    assert (await plan_now(hospital, plan_id)).status == "defaulted"
