"""Business keys: what comes twice from a source system is there once (design section 4.3)."""

from __future__ import annotations

import asyncio

import pytest

from storage.transaction import Database
from tests.integration.billing.hospital import CONFLICT, HIS, Document, Hospital, refused


@pytest.fixture
def key() -> Document:
    return {"system": HIS, "value": "order-1"}


async def with_keys(connected: Database) -> Hospital:
    return await Hospital.open(connected, business_keys__ChargeItem=f"{HIS} https://lab.example.org")


async def test_the_same_charge_twice_is_one_charge(connected: Database, key: Document) -> None:
    hospital = await with_keys(connected)
    sent = hospital.charge_document(await hospital.account(), "100", identifier=[key])
    first, again = await hospital.change_by_create(sent), await hospital.change_by_create(sent)
    assert (first.outcome, again.outcome, again.id) == ("created", "existing", first.id)
    assert len(await hospital.booked("charge-captured")) == 2


async def test_sixteen_at_once_are_one_charge(connected: Database, key: Document) -> None:
    hospital = await with_keys(connected)
    sent = hospital.charge_document(await hospital.account(), "100", identifier=[key])
    changes = await asyncio.gather(*(hospital.change_by_create(sent) for _ in range(16)))
    assert len({change.id for change in changes}) == 1
    assert sorted(change.outcome for change in changes) == ["created"] + ["existing"] * 15


async def test_the_same_key_with_other_content_is_refused(connected: Database, key: Document) -> None:
    hospital = await with_keys(connected)
    sent = hospital.charge_document(await hospital.account(), "100", identifier=[key])
    await hospital.create(sent)
    refusal = await refused(hospital.create(sent | {"note": [{"text": "more"}]}))
    assert (refusal.category, refusal.code) == (CONFLICT, "business-key-conflict")
    assert refusal.problems[0].expression == "ChargeItem.identifier"


async def test_the_order_of_keys_and_the_meta_say_nothing(connected: Database, key: Document) -> None:
    hospital = await with_keys(connected)
    sent = hospital.charge_document(await hospital.account(), "100", identifier=[key])
    await hospital.create(sent)
    shuffled = dict(reversed(sent.items())) | {"meta": {"source": "https://his.example.org/again"}}
    assert (await hospital.change_by_create(shuffled)).outcome == "existing"


async def test_only_the_systems_that_a_tenant_names_are_keys(hospital: Hospital, key: Document) -> None:
    sent = hospital.charge_document(await hospital.account(), "100", identifier=[key])
    assert (await hospital.create(sent))["id"] != (await hospital.create(sent))["id"]


async def test_settings_are_of_one_type(connected: Database, key: Document) -> None:
    hospital = await with_keys(connected)
    sent = hospital.account_document(identifier=[key])
    assert (await hospital.create(sent))["id"] != (await hospital.create(sent))["id"]
    accounts = await Hospital.open(connected, business_keys__Account=HIS)
    sent = accounts.account_document(identifier=[key])
    assert (await accounts.create(sent))["id"] == (await accounts.create(sent))["id"]


async def test_an_old_identifier_is_no_key(connected: Database, key: Document) -> None:
    hospital = await with_keys(connected)
    sent = hospital.charge_document(await hospital.account(), "100", identifier=[key | {"use": "old"}])
    assert (await hospital.create(sent))["id"] != (await hospital.create(sent))["id"]


async def test_an_update_keeps_the_key_unless_it_calls_it_old(connected: Database, key: Document) -> None:
    hospital = await with_keys(connected)
    sent = hospital.charge_document(await hospital.account(), "100", identifier=[key])
    charge = await hospital.create(sent)
    without = {name: value for name, value in charge.items() if name != "identifier"}
    await hospital.update(without | {"note": [{"text": "identifier lost on the way"}]})
    assert (await refused(hospital.create(sent))).code == "business-key-conflict"
    await hospital.update(charge | {"identifier": [key | {"use": "old"}]})
    assert (await hospital.create(sent))["id"] != charge["id"]


async def test_what_was_updated_is_the_same_when_it_is_sent_as_it_is_now(connected: Database, key: Document) -> None:
    hospital = await with_keys(connected)
    sent = hospital.charge_document(await hospital.account(), "100", identifier=[key])
    charge = await hospital.create(sent)
    changed = sent | {"note": [{"text": "corrected"}]}
    await hospital.update(changed | {"id": charge["id"]})
    assert (await hospital.change_by_create(changed)).outcome == "existing"


async def test_an_update_cannot_take_the_key_of_another(connected: Database, key: Document) -> None:
    hospital = await with_keys(connected)
    account = await hospital.account()
    await hospital.charge(account, "100", identifier=[key])
    other = await hospital.charge(account, "100")
    refusal = await refused(hospital.update(other | {"identifier": [key]}))
    assert (refusal.category, refusal.code) == (CONFLICT, "business-key-conflict")


async def test_creating_by_an_update_under_another_id_is_refused(connected: Database, key: Document) -> None:
    hospital = await with_keys(connected)
    sent = hospital.charge_document(await hospital.account(), "100", identifier=[key])
    await hospital.create(sent)
    refusal = await refused(hospital.update(sent | {"id": "chosen-by-the-client"}))
    assert (refusal.category, refusal.code) == (CONFLICT, "business-key-conflict")


async def test_a_deleted_resource_gives_its_key_back(connected: Database, key: Document) -> None:
    hospital = await with_keys(connected)
    sent = hospital.charge_document(await hospital.account(), None, identifier=[key])
    charge = await hospital.create(sent)
    await hospital.delete(charge)
    assert (await hospital.change_by_create(sent)).outcome == "created"


async def test_a_charge_that_was_billed_meanwhile_is_still_the_same(connected: Database, key: Document) -> None:
    hospital = await with_keys(connected)
    account = await hospital.account()
    sent = hospital.charge_document(account, "100", identifier=[key])
    charge = await hospital.create(sent)
    await hospital.issued(account, {"chargeItemReference": {"reference": f"ChargeItem/{charge['id']}"}})
    again = await hospital.change_by_create(sent)
    assert (again.outcome, again.version) == ("existing", 2)
