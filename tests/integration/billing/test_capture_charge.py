"""Capturing charges: price, account, posting (design section 4.3)."""

from __future__ import annotations

from datetime import date

import pytest

from storage.pipeline import Statement
from storage.transaction import Database
from tests.integration.billing.hospital import (
    RULE_BROKEN,
    Hospital,
    extension_of,
    refused,
    said,
)

_FACILITIES = Statement("SELECT DISTINCT facility FROM billing.posting WHERE tenant_id = $1")


async def test_a_priced_charge_is_posted_to_unbilled_and_revenue_on_the_day_of_the_service(hospital: Hospital) -> None:
    charge = await hospital.charge(await hospital.account(), "100.50")
    assert extension_of(charge, "charge-amount") == {"value": charge["priceOverride"]["value"], "currency": "AFN"}
    lines = await hospital.journal()
    assert [(line.account, line.amount) for line in lines] == [(1150, 10050), (4000, -10050)]
    assert {line.effective_at for line in lines} == {date(2026, 1, 10)}
    assert "billing.charge.captured.v1" in await hospital.events()


async def test_the_day_of_the_service_is_the_one_at_the_tenants_place(hospital: Hospital) -> None:
    await hospital.charge(await hospital.account(), "1", occurrenceDateTime="2026-01-10T20:00:00Z")
    assert {line.effective_at for line in await hospital.journal()} == {date(2026, 1, 11)}


async def test_a_charge_without_a_day_is_of_today(hospital: Hospital) -> None:
    await hospital.charge(await hospital.account(), "1", occurrenceDateTime=None)
    assert {line.effective_at for line in await hospital.journal()} == {await hospital.today()}


async def test_a_period_counts_from_its_start_and_a_month_from_its_first_day(hospital: Hospital) -> None:
    account = await hospital.account()
    period = {"start": "2026-02-03", "end": "2026-02-09"}
    await hospital.charge(account, "1", occurrenceDateTime=None, occurrencePeriod=period)
    await hospital.charge(account, "1", occurrenceDateTime="2026-03")
    assert {line.effective_at for line in await hospital.journal()} == {date(2026, 2, 3), date(2026, 3, 1)}


async def test_a_day_that_no_calendar_of_ours_holds_is_refused(hospital: Hospital) -> None:
    document = hospital.charge_document(await hospital.account(), "1", occurrenceDateTime="9999-12-31T23:00:00Z")
    refusal = await refused(hospital.create(document))
    assert said(refusal) == [(RULE_BROKEN, "date-out-of-range", "ChargeItem.occurrence")]


@pytest.mark.parametrize("status", ["planned", "not-billable", "unknown", "aborted", "entered-in-error"])
async def test_a_charge_that_is_not_billable_posts_nothing(hospital: Hospital, status: str) -> None:
    charge = await hospital.charge(await hospital.account(), "100", status=status)
    assert charge["status"] == status
    assert extension_of(charge, "charge-amount") is None
    assert await hospital.journal() == []


async def test_a_client_cannot_say_that_a_charge_is_billed(hospital: Hospital) -> None:
    document = hospital.charge_document(await hospital.account(), "100", status="billed")
    assert said(await refused(hospital.create(document))) == [(RULE_BROKEN, "server-owned", "ChargeItem.status")]


async def test_a_charge_without_price_is_kept_marked_unpriced_and_not_posted(hospital: Hospital) -> None:
    charge = await hospital.charge(await hospital.account(), None)
    assert extension_of(charge, "charge-unpriced") is True
    assert await hospital.journal() == []


async def test_a_tenant_may_refuse_charges_without_price(connected: Database) -> None:
    hospital = await Hospital.open(connected, unpriced_charge="refuse")
    document = hospital.charge_document(await hospital.account(), None)
    assert said(await refused(hospital.create(document))) == [(RULE_BROKEN, "price-not-found", "ChargeItem.code")]


async def test_a_price_override_needs_a_reason(hospital: Hospital) -> None:
    document = hospital.charge_document(await hospital.account(), "5", overrideReason=None)
    refusal = await refused(hospital.create(document))
    assert said(refusal) == [(RULE_BROKEN, "override-reason-required", "ChargeItem.overrideReason")]


async def test_a_price_override_is_the_total_whatever_the_quantity(hospital: Hospital) -> None:
    quantity = {"value": 3}
    charge = await hospital.charge(await hospital.account(), "100", quantity=quantity, factorOverride=2)
    assert extension_of(charge, "charge-amount")["value"] == 100


async def test_a_price_without_currency_or_amount_and_a_negative_one_are_refused(hospital: Hospital) -> None:
    account = await hospital.account()
    for override, code, place in (
        ({"value": 5}, "currency-required", "ChargeItem.priceOverride.currency"),
        ({"currency": "AFN"}, "amount-required", "ChargeItem.priceOverride.value"),
        ({"value": -5, "currency": "AFN"}, "negative-amount", "ChargeItem.priceOverride.value"),
    ):
        document = hospital.charge_document(account, "5") | {"priceOverride": override}
        assert said(await refused(hospital.create(document))) == [(RULE_BROKEN, code, place)]


async def test_a_charge_that_costs_nothing_is_captured_without_an_entry(hospital: Hospital) -> None:
    charge = await hospital.charge(await hospital.account(), "0.00")
    assert extension_of(charge, "charge-amount")["value"] == 0
    assert await hospital.journal() == []


async def test_an_account_that_is_found_is_written_into_the_charge(hospital: Hospital) -> None:
    account = await hospital.account()
    await hospital.account("USD")
    await hospital.account(status="inactive")
    charge = await hospital.charge(None, "100")
    assert charge["account"] == [{"reference": f"Account/{account['id']}"}]
    assert (await hospital.balance(account)).unbilled.minor_units == 10000


async def test_a_charge_for_which_no_account_or_several_are_found_is_held(hospital: Hospital) -> None:
    assert "account" not in await hospital.charge(None, "100")
    await hospital.account()
    await hospital.account()
    assert "account" not in await hospital.charge(None, "100")
    assert await hospital.journal() == []


async def test_an_account_named_by_its_identifier_is_found(hospital: Hospital) -> None:
    identifier = {"system": "https://his.example.org/accounts", "value": "A-1"}
    account = await hospital.account(identifier=[identifier])
    await hospital.account()
    charge = await hospital.charge(None, "100", account=[{"identifier": identifier}])
    assert charge["account"] == [{"reference": f"Account/{account['id']}", "identifier": identifier}]
    assert (await hospital.balance(account)).unbilled.minor_units == 10000


async def test_an_account_identifier_that_matches_nothing_holds_the_charge(hospital: Hospital) -> None:
    await hospital.account()
    named = [{"identifier": {"system": "https://his.example.org/accounts", "value": "unknown"}}]
    assert (await hospital.charge(None, "100", account=named))["account"] == named
    assert await hospital.journal() == []


async def test_several_accounts_are_ambiguous(hospital: Hospital) -> None:
    accounts = [{"reference": f"Account/{(await hospital.account())['id']}"} for _ in range(2)]
    document = hospital.charge_document(None, "100", account=accounts)
    assert said(await refused(hospital.create(document))) == [(RULE_BROKEN, "account-ambiguous", "ChargeItem.account")]


@pytest.mark.parametrize("status", ["inactive", "on-hold", "unknown", "entered-in-error"])
async def test_an_account_that_is_not_active_takes_no_new_charge(hospital: Hospital, status: str) -> None:
    document = hospital.charge_document(await hospital.account(status=status), "100")
    refusal = await refused(hospital.create(document))
    assert said(refusal) == [(RULE_BROKEN, "account-not-active", "ChargeItem.account[0]")]


async def test_a_charge_is_in_the_currency_of_its_account(hospital: Hospital) -> None:
    document = hospital.charge_document(await hospital.account("USD"), "100")
    refusal = await refused(hospital.create(document))
    assert said(refusal) == [(RULE_BROKEN, "currency-mismatch", "ChargeItem.priceOverride.currency")]


async def test_an_account_that_does_not_exist_is_refused(hospital: Hospital) -> None:
    document = hospital.charge_document({"resourceType": "Account", "id": "nowhere"}, "100")
    refusal = await refused(hospital.create(document))
    assert said(refusal) == [(RULE_BROKEN, "reference-not-found", "ChargeItem.account[0].reference")]


async def test_the_largest_amount_is_posted_and_a_larger_one_refused(hospital: Hospital) -> None:
    account = await hospital.account()
    await hospital.charge(account, "10000000000000.00")
    assert (await hospital.balance(account)).unbilled.minor_units == 10**15
    refusal = await refused(hospital.create(hospital.charge_document(account, "10000000000000.01")))
    assert said(refusal) == [(RULE_BROKEN, "amount-too-large", "ChargeItem.priceOverride")]


async def test_the_facility_of_a_charge_is_the_id_of_its_performing_organization(hospital: Hospital) -> None:
    account = await hospital.account()
    for literal in ("Organization/kabul", "https://his.example.org/fhir/Organization/kabul"):
        await hospital.charge(account, "1", performingOrganization={"reference": literal})
    rows = await hospital.database.read(hospital.tenant_id, _FACILITIES, hospital.tenant_id)
    assert [row[0] for row in rows] == ["kabul"]


async def test_a_tenant_sees_no_account_of_another(connected: Database, hospital: Hospital) -> None:
    other = await Hospital.open(connected)
    document = hospital.charge_document(await other.account(), "100")
    assert (await refused(hospital.create(document))).code == "reference-not-found"
