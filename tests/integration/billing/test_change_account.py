"""Accounts: one currency for life, and statuses (design section 4.2)."""

from __future__ import annotations

import pytest

from storage.transaction import Database
from tests.integration.billing.hospital import CONFLICT, CURRENCY_EXTENSION, RULE_BROKEN, Hospital, refused, said

PLACE = f"Account.extension.where(url='{CURRENCY_EXTENSION}')"


async def test_an_account_without_a_currency_is_in_the_tenants(connected: Database) -> None:
    hospital = await Hospital.open(connected, currency="AED")
    account = await hospital.account()
    (extension,) = account["extension"]
    assert extension["valueCodeableConcept"]["coding"][0]["code"] == "AED"
    assert (await hospital.balance(account)).currency == "AED"


async def test_an_account_may_be_in_another_currency(hospital: Hospital) -> None:
    assert (await hospital.balance(await hospital.account("USD"))).currency == "USD"


async def test_the_currency_never_changes_and_may_be_left_out(hospital: Hospital) -> None:
    account = await hospital.account("USD")
    refusal = await refused(hospital.update(hospital.account_document("AFN") | {"id": account["id"]}))
    assert said(refusal) == [(RULE_BROKEN, "currency-fixed", PLACE)]
    changed = await hospital.update(hospital.account_document(name="Family") | {"id": account["id"]})
    assert changed["extension"] == account["extension"]


async def test_a_currency_that_does_not_exist_is_refused(hospital: Hospital) -> None:
    assert (await refused(hospital.create(hospital.account_document("AAA")))).code == "unknown-currency"


async def test_an_account_with_postings_is_no_error(hospital: Hospital) -> None:
    account = await hospital.account()
    await hospital.charge(account, "1")
    refusal = await refused(hospital.update(account | {"status": "entered-in-error"}))
    assert said(refusal) == [(CONFLICT, "posted", "Account.status")]


async def test_entered_in_error_is_final(hospital: Hospital) -> None:
    account = await hospital.update(await hospital.account() | {"status": "entered-in-error"})
    refusal = await refused(hospital.update(account | {"status": "active"}))
    assert said(refusal) == [(CONFLICT, "invalid-state", "Account.status")]


@pytest.mark.parametrize("status", ["inactive", "on-hold", "unknown"])
async def test_an_account_is_closed_and_opened_again(hospital: Hospital, status: str) -> None:
    account = await hospital.update(await hospital.account() | {"status": status})
    assert (await refused(hospital.charge(account, "1"))).code == "account-not-active"
    await hospital.update(account | {"status": "active"})
    await hospital.charge(account, "1")


async def test_the_same_again_makes_no_version(hospital: Hospital) -> None:
    account = await hospital.account("USD", name="Karimi", identifier=[{"system": "a", "value": "1"}])
    assert (await hospital.change_by_update(account)).outcome == "unchanged"
