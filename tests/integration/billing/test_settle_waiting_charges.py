"""Charges that waited for a price or an account, once there is one: nothing that was sent is lost."""

from __future__ import annotations

import asyncio
from datetime import date
from decimal import Decimal

from billing.settle_waiting_charges import settle_all, settle_charges_without_account, settle_unpriced_charges
from storage import charge_worklists
from storage.transaction import Database
from tests.integration.billing.hospital import Document, Hospital, extension_of
from tests.integration.billing.price_lists import CPT, price, publish


async def unpriced(hospital: Hospital) -> list[str]:
    return await charge_worklists.unpriced(hospital.database, hospital.tenant_id, count=100)


async def homeless(hospital: Hospital) -> list[str]:
    return await charge_worklists.without_account(hospital.database, hospital.tenant_id, count=100)


def coded(code: str) -> Document:
    return {"coding": [{"system": CPT, "code": code}]}


async def test_waiting_charges_are_priced_when_there_is_a_price_and_the_others_go_on_waiting(
    hospital: Hospital,
) -> None:
    account = await hospital.account()
    priced = [await hospital.charge(account, None) for _ in range(3)]
    waiting = await hospital.charge(account, None, code=coded("unheard-of"))
    bounded = await hospital.charge(account, None, quantity={"value": 3, "comparator": "<"})
    negative = await hospital.charge(account, None, quantity={"value": Decimal(-3)})
    await publish(hospital, price("99213", 100))
    done = await settle_all(hospital.database, hospital.context, settle_unpriced_charges)
    assert (done.looked_at, done.settled, done.after) == (6, 3, None)
    assert await unpriced(hospital) == sorted(each["id"] for each in (waiting, bounded, negative))
    for each in priced:
        assert extension_of(await hospital.read(each), "charge-unpriced") is None
    assert (await hospital.balance(account)).unbilled.minor_units == 300
    again = await settle_all(hospital.database, hospital.context, settle_unpriced_charges)
    assert (again.looked_at, again.settled) == (3, 0)


async def test_a_bounded_run_says_where_to_go_on(hospital: Hospital) -> None:
    account = await hospital.account()
    for _ in range(5):
        await hospital.charge(account, None)
    await publish(hospital, price("99213", 100))
    first = await hospital.run(lambda tx: settle_unpriced_charges(tx, hospital.context, count=2))
    assert (first.looked_at, first.settled) == (2, 2)
    assert first.after is not None
    after = first.after
    rest = await hospital.run(lambda tx: settle_unpriced_charges(tx, hospital.context, after=after))
    assert (rest.looked_at, rest.settled, rest.after) == (3, 3, None)
    assert await unpriced(hospital) == []


async def test_a_charge_that_waits_for_both_gets_both(hospital: Hospital) -> None:
    charge = await hospital.charge(None, None)
    assert await unpriced(hospital) == await homeless(hospital) == [charge["id"]]
    account = await hospital.account()
    await publish(hospital, price("99213", 100))
    await settle_all(hospital.database, hospital.context, settle_unpriced_charges)
    assert await unpriced(hospital) == await homeless(hospital) == []
    assert (await hospital.balance(account)).unbilled.minor_units == 100


async def test_charges_without_account_are_placed_when_there_is_one(hospital: Hospital) -> None:
    identifier = {"system": "https://his.example.org/accounts", "value": "A-1"}
    by_patient = await hospital.charge(None, "10")
    by_identifier = await hospital.charge(None, "20", account=[{"identifier": identifier}])
    nobodys = await hospital.charge(None, "30", subject={"reference": "Patient/someone-else"})
    nothing = await settle_all(hospital.database, hospital.context, settle_charges_without_account)
    assert (nothing.looked_at, nothing.settled) == (3, 0)
    account = await hospital.account(identifier=[identifier])
    done = await settle_all(hospital.database, hospital.context, settle_charges_without_account)
    assert (done.looked_at, done.settled) == (3, 2)
    assert await homeless(hospital) == [nobodys["id"]]
    assert (await hospital.balance(account)).unbilled.minor_units == 3000
    for each in (by_patient, by_identifier):
        assert (await hospital.read(each))["account"][0]["reference"] == f"Account/{account['id']}"


async def test_a_closed_account_takes_nothing_and_the_charge_stays_on_the_list(hospital: Hospital) -> None:
    account = await hospital.account()
    charge = await hospital.charge(account, None)
    await hospital.update(account | {"status": "inactive"})
    await publish(hospital, price("99213", 100))
    done = await settle_all(hospital.database, hospital.context, settle_unpriced_charges)
    assert (done.looked_at, done.settled) == (1, 0)
    assert await unpriced(hospital) == [charge["id"]]
    assert await hospital.journal() == []


async def test_two_who_settle_at_once_price_each_charge_once(hospital: Hospital) -> None:
    account = await hospital.account()
    for _ in range(8):
        await hospital.charge(account, None)
    await publish(hospital, price("99213", 100))
    runs = [settle_all(hospital.database, hospital.context, settle_unpriced_charges) for _ in range(3)]
    await asyncio.gather(*runs)
    assert (await hospital.balance(account)).unbilled.minor_units == 800
    assert len(await hospital.journal()) == 16


async def test_no_charge_that_comes_while_a_list_comes_into_force_is_forgotten(connected: Database) -> None:
    """Each is priced as it comes, or is on the worklist when the activation is over."""
    for number in range(6):
        hospital = await Hospital.open(connected)
        account = await hospital.account()

        async def publish_and_settle(hospital: Hospital = hospital, number: int = number) -> None:
            await asyncio.sleep(number / 2000)
            await publish(hospital, price("99213", 100), valid_from=date(2026, 1, 1))
            await settle_all(hospital.database, hospital.context, settle_unpriced_charges)

        charges = [hospital.charge(account, None) for _ in range(6)]
        await asyncio.gather(publish_and_settle(), *charges)
        assert await unpriced(hospital) == []
        assert (await hospital.balance(account)).unbilled.minor_units == 600
