"""Versions of price lists: written once, never edited, in force on days that never overlap."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import LiteralString

import psycopg
import pytest
from psycopg import errors

from billing.activate_price_list import activate_price_list, discard_price_list, end_price_list
from billing.keep_price_list import keep_price_list
from billing.write_price_list import write_price_list
from ledger.errors import Refusal
from ledger.price_list import PriceList, PriceListVersion
from storage import price_lists
from storage.transaction import Database, Transaction
from tests.database_server import DatabaseAccess
from tests.integration.billing.hospital import CONFLICT, RULE_BROKEN, Hospital, refused, said
from tests.integration.billing.price_lists import price, publish, rule


async def versions_of(hospital: Hospital, *list_ids: str) -> list[tuple[str, int, str, date, date | None]]:
    found = await price_lists.versions(hospital.database, hospital.tenant_id, list_ids or ["standard"])
    return [(each.list_id, each.version, each.status, each.valid_from, each.valid_to) for each in found]


async def keep(hospital: Hospital, wanted: PriceList) -> tuple[PriceList, bool]:
    return await hospital.run(lambda tx: keep_price_list(tx, wanted))


async def end(hospital: Hospital, version: PriceListVersion, last_day: date) -> PriceListVersion:
    return await hospital.run(lambda tx: end_price_list(tx, version.list_id, version.version, last_day))


async def test_a_new_version_ends_the_one_before_on_the_day_before(hospital: Hospital) -> None:
    await publish(hospital, price("1", 100), valid_from=date(2024, 1, 1))
    await publish(hospital, price("1", 200), valid_from=date(2025, 7, 1))
    assert await versions_of(hospital) == [
        ("standard", 1, "active", date(2024, 1, 1), date(2025, 6, 30)),
        ("standard", 2, "active", date(2025, 7, 1), None),
    ]


@pytest.mark.parametrize(
    ("valid_from", "valid_to"),
    [
        (date(2024, 6, 1), None),
        (date(2023, 1, 1), None),
        (date(2023, 1, 1), date(2024, 1, 1)),
        (date(2024, 12, 31), date(2025, 2, 1)),
        (date(2024, 2, 1), date(2024, 3, 1)),
    ],
)
async def test_windows_for_the_same_never_overlap(hospital: Hospital, valid_from: date, valid_to: date | None) -> None:
    await publish(hospital, price("1", 100), valid_from=date(2024, 1, 1), valid_to=date(2024, 12, 31))
    for list_id in ("standard", "other"):
        refusal = await refused(
            publish(hospital, price("2", 5), list_id=list_id, valid_from=valid_from, valid_to=valid_to)
        )
        assert said(refusal) == [(CONFLICT, "price-list-overlap", "valid_from")]
    # For another facility or program, or beside it, nothing is in the way.
    await publish(hospital, price("2", 5), list_id="f", facility="herat", valid_from=valid_from, valid_to=valid_to)
    await publish(
        hospital, price("2", 5), list_id="p", program=("urn:p", "p"), valid_from=valid_from, valid_to=valid_to
    )
    await publish(hospital, price("2", 5), valid_from=date(2025, 1, 1))
    await publish(
        hospital, price("2", 5), list_id="migration", valid_from=date(1990, 1, 1), valid_to=date(2023, 12, 31)
    )


async def test_an_open_version_of_another_list_is_in_the_way_and_is_not_ended(hospital: Hospital) -> None:
    await publish(hospital, price("1", 100), valid_from=date(2024, 1, 1))
    refusal = await refused(publish(hospital, price("1", 5), list_id="other", valid_from=date(2025, 1, 1)))
    assert refusal.code == "price-list-overlap"
    assert await versions_of(hospital) == [("standard", 1, "active", date(2024, 1, 1), None)]


async def test_of_versions_that_come_into_force_at_once_one_does(hospital: Hospital) -> None:
    async def draft(list_id: str) -> PriceListVersion:
        async def write(tx: Transaction) -> PriceListVersion:
            wanted = PriceList(tenant_id=hospital.tenant_id, id=list_id, name=list_id, level="tenant")
            await keep_price_list(tx, wanted)
            return await write_price_list(
                tx, list_id, valid_from=date(2024, 1, 1), valid_to=None, prices=[price("1", 1)], rules=[]
            )

        return await hospital.run(write)

    for number in range(6):
        drafts = [await draft(f"list-{number}-{each}") for each in range(3)] + [await draft(f"list-{number}-0")]

        async def activate(each: PriceListVersion) -> PriceListVersion | Refusal:
            try:
                return await hospital.run(lambda tx: activate_price_list(tx, each.list_id, each.version))
            except Refusal as refusal:
                return refusal

        answers = await asyncio.gather(*(activate(each) for each in drafts))
        won = [each for each in answers if isinstance(each, PriceListVersion)]
        assert len(won) == 1
        assert {each.code for each in answers if isinstance(each, Refusal)} == {"price-list-overlap"}
        await end(hospital, won[0], date(2023, 12, 31))


async def test_activating_twice_is_activating_once_and_a_discarded_draft_stays_so(hospital: Hospital) -> None:
    first = await publish(hospital, price("1", 100))
    again = await hospital.run(lambda tx: activate_price_list(tx, "standard", first.version))
    assert again.activated_at == first.activated_at
    refusal = await refused(hospital.run(lambda tx: discard_price_list(tx, "standard", 1)))
    assert said(refusal) == [(CONFLICT, "price-list-active", "")]
    draft = await hospital.run(
        lambda tx: write_price_list(
            tx, "standard", valid_from=date(2030, 1, 1), valid_to=None, prices=[price("1", 1)], rules=[]
        )
    )
    await hospital.run(lambda tx: discard_price_list(tx, "standard", draft.version))
    refusal = await refused(hospital.run(lambda tx: activate_price_list(tx, "standard", draft.version)))
    assert said(refusal) == [(CONFLICT, "price-list-discarded", "")]


async def test_a_version_ends_sooner_and_never_later(hospital: Hospital) -> None:
    await publish(hospital, price("1", 100), valid_from=date(2024, 1, 1))
    ended = await hospital.run(lambda tx: end_price_list(tx, "standard", 1, date(2024, 6, 30)))
    assert ended.valid_to == date(2024, 6, 30)
    for last_day in (date(2024, 7, 1), date(2023, 12, 30)):
        refusal = await refused(end(hospital, ended, last_day))
        assert said(refusal) == [(RULE_BROKEN, "price-list-invalid", "valid_to")]
    await hospital.run(lambda tx: end_price_list(tx, "standard", 1, date(2023, 12, 31)))


async def test_a_list_is_for_the_same_for_life(hospital: Hospital) -> None:
    def named(**more: str) -> PriceList:
        return PriceList(**{"tenant_id": hospital.tenant_id, "id": "l", "name": "L", "level": "tenant", **more})  # type: ignore[arg-type]

    assert (await hospital.run(lambda tx: keep_price_list(tx, named())))[1] is True
    renamed, is_new = await hospital.run(lambda tx: keep_price_list(tx, named(name="M")))
    assert (renamed.name, is_new) == ("M", False)
    for other in (named(level="facility", facility="f"), named(level="national", country="AF")):
        refusal = await refused(keep(hospital, other))
        assert refusal.code == "price-list-scope"


async def test_what_is_not_sound_is_refused_with_each_place(hospital: Hospital) -> None:
    content = (
        price("1", 1),
        price("1", 2),
        price("2", -1),
        price("3", 1, currency="XXX"),
        rule("r", "factor", amount_minor=1, currency="AFN"),
        rule("r", "discount", "101"),
        rule("no id", "discount", "1"),
        rule("a", "discount"),
    )
    refusal = await refused(publish(hospital, *content))
    places = ["prices[1]", "prices[2]", "prices[3]", "rules[0]", "rules[1]", "rules[2]", "rules[3]"]
    assert said(refusal) == [(RULE_BROKEN, "price-list-invalid", place) for place in places]
    assert await versions_of(hospital) == []


async def test_a_list_of_another_tenant_is_as_if_it_did_not_exist(connected: Database, hospital: Hospital) -> None:
    await publish(hospital, price("1", 100))
    other = await Hospital.open(connected)
    refusal = await refused(other.run(lambda tx: activate_price_list(tx, "standard", 1)))
    assert refusal.code == "price-list-unknown"
    assert await price_lists.read(connected, other.tenant_id, "standard") is None


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE billing.price SET amount_minor = 1",
        "DELETE FROM billing.price",
        "DELETE FROM billing.price_rule",
        "UPDATE billing.price_list_version SET valid_from = '2001-01-01'",
        "UPDATE billing.price_list_version SET valid_to = '2001-01-01'",
        "UPDATE billing.price_list_version SET status = 'discarded', activated_at = NULL",
        (
            "INSERT INTO billing.price"
            " SELECT tenant_id, list_id, version, 's', code, currency, unit, 1, NULL, false FROM billing.price"
        ),
        "DELETE FROM billing.charge_price",
    ],
)
async def test_nobody_edits_what_is_in_force_not_even_the_owner_by_mistake(
    hospital: Hospital, database: DatabaseAccess, statement: LiteralString
) -> None:
    await publish(hospital, price("99213", 100), rule("r", "discount", "5"))
    await hospital.charge(await hospital.account(), None)
    with (
        psycopg.connect(database.superuser) as connection,
        pytest.raises((errors.InsufficientPrivilege, errors.CheckViolation)),
    ):
        connection.execute(statement)
