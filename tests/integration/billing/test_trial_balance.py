"""The trial balance is what the postings sum to, whatever of them is in the control totals already."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from billing.project_control_totals import project_control_totals
from billing.seal_journal import seal_journal
from billing.trial_balance import trial_balance
from fhir_server.seal_keys import SealKeys
from ledger.errors import Category
from ledger.trial_balance import differences
from storage.transaction import Database, Transaction
from tests.database_server import DatabaseAccess
from tests.integration.billing.hospital import Hospital, line_of, refused

Totals = dict[int, tuple[int, int]]


@pytest.fixture
async def sealing(database: DatabaseAccess) -> AsyncIterator[Database]:
    opened = Database(database.worker)
    await opened.open()
    yield opened
    await opened.close()


async def totals(hospital: Hospital, **asked: object) -> Totals:
    """Ledger account -> (debit, credit)."""
    found = await trial_balance(hospital.database, hospital.context, **asked)  # type: ignore[arg-type]
    assert "facility" in asked or differences(found) == {}
    return {int(total.ledger_account): (total.debit_minor, total.credit_minor) for total in found}


async def caught_up(hospital: Hospital, sealing: Database, directory: Path, *, blocks: int = 50) -> int:
    keys, tenant_id = SealKeys(directory), hospital.tenant_id
    await seal_journal(hospital.database, sealing, tenant_id, keys.sign, margin=timedelta(0), rows=3)
    return await project_control_totals(sealing, tenant_id, blocks=blocks)


async def test_it_is_the_same_before_during_and_after_the_projection(
    hospital: Hospital, sealing: Database, tmp_path: Path
) -> None:
    assert await totals(hospital) == {}
    account, invoice = await hospital.invoice_of("100")
    await hospital.charge(account, "30")
    expected = {1100: (10000, 0), 1150: (13000, 10000), 4000: (0, 13000)}
    assert await totals(hospital) == expected
    assert await caught_up(hospital, sealing, tmp_path, blocks=1) > 1
    assert await totals(hospital) == expected
    await hospital.pay(invoice, "40")
    expected = {**expected, 1010: (4000, 0), 1100: (10000, 4000), 2100: (4000, 4000)}
    assert await totals(hospital) == expected
    await caught_up(hospital, sealing, tmp_path)
    assert await totals(hospital) == expected
    assert await caught_up(hospital, sealing, tmp_path) == 0


async def test_it_is_as_of_a_day_and_of_a_facility(hospital: Hospital, sealing: Database, tmp_path: Path) -> None:
    account = await hospital.account()
    north = {"performingOrganization": {"reference": "Organization/north"}}
    await hospital.charge(account, "10", occurrenceDateTime="2026-01-31", **north)
    for is_projected in (False, True):
        if is_projected:
            await caught_up(hospital, sealing, tmp_path)
            await hospital.charge(account, "5", occurrenceDateTime="2026-02-28")
        assert await totals(hospital, on=date(2026, 1, 30)) == {}
        assert await totals(hospital, on=date(2026, 1, 31)) == {1150: (1000, 0), 4000: (0, 1000)}
        assert await totals(hospital, facility="north") == {1150: (1000, 0), 4000: (0, 1000)}
        assert await totals(hospital, facility="south") == {}
    assert await totals(hospital) == {1150: (1500, 0), 4000: (0, 1500)}


async def test_what_was_known_at_a_moment_stays_answered_so(
    hospital: Hospital, sealing: Database, tmp_path: Path
) -> None:
    account = await hospital.account()
    moments: list[tuple[datetime, Totals]] = []
    for turn in range(4):
        await hospital.charge(account, "10")
        moment = await hospital.now()
        moments.append((moment, await totals(hospital, recorded=moment)))
        if turn % 2:
            await caught_up(hospital, sealing, tmp_path)
    assert [known[1150] for _, known in moments] == [(1000, 0), (2000, 0), (3000, 0), (4000, 0)]
    for moment, known in moments:
        assert await totals(hospital, recorded=moment) == known


async def test_a_moment_that_changes_are_under_way_of_is_waited_for(hospital: Hospital) -> None:
    account = await hospital.account()
    dated, may_end = asyncio.Event(), asyncio.Event()

    async def slow(tx: Transaction) -> None:
        from billing.create_resource import create_resource

        await create_resource(tx, hospital.context, "ChargeItem", hospital.charge_document(account, "10"))
        dated.set()
        await may_end.wait()

    task = asyncio.create_task(hospital.run(slow))
    await dated.wait()
    moment = datetime.now(UTC)
    assert (await refused(totals(hospital, recorded=moment))).category == Category.UNAVAILABLE
    waiting = asyncio.create_task(totals(hospital, recorded=moment))
    await asyncio.sleep(0)
    may_end.set()
    await task
    assert (await waiting)[1150] == (1000, 0)


async def test_what_will_be_known_is_refused(hospital: Hospital) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert (await refused(totals(hospital, recorded=tomorrow))).code == "recorded-in-future"


async def test_an_issued_invoice_of_nothing_changes_nothing(hospital: Hospital) -> None:
    account = await hospital.account()
    await hospital.issued(account, line_of(await hospital.charge(account, "0")))
    assert await totals(hospital) == {}
