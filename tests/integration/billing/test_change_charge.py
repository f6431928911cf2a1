"""Changing charges: what is posted is reversed and posted anew, never edited (design sections 4.1 and 4.3)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.integration.billing.hospital import (
    CONFLICT,
    RULE_BROKEN,
    Hospital,
    extension_of,
    line_of,
    money,
    refused,
    said,
)

CAPTURED, REVERSED = "charge-captured", "charge-reversed"


async def test_another_price_reverses_what_was_posted_and_posts_anew(hospital: Hospital) -> None:
    account = await hospital.account()
    charge = await hospital.charge(account, "100")
    changed = await hospital.update(charge | {"priceOverride": money("80")} | _without_amount(charge))
    assert extension_of(changed, "charge-amount")["value"] == 80
    assert [(line.kind, line.account, line.amount) for line in await hospital.journal()] == [
        (CAPTURED, 1150, 10000),
        (CAPTURED, 4000, -10000),
        (REVERSED, 1150, -10000),
        (REVERSED, 4000, 10000),
        (CAPTURED, 1150, 8000),
        (CAPTURED, 4000, -8000),
    ]
    assert (await hospital.balance(account)).unbilled.minor_units == 8000


@pytest.mark.parametrize(
    "change",
    [
        {"occurrenceDateTime": "2026-01-11"},
        {"performingOrganization": {"reference": "Organization/herat"}},
    ],
)
async def test_another_day_or_facility_posts_anew(hospital: Hospital, change: dict[str, object]) -> None:
    charge = await hospital.charge(await hospital.account(), "100")
    await hospital.update(charge | change)
    assert len(await hospital.booked(CAPTURED)) == 4
    assert len(await hospital.booked(REVERSED)) == 2


async def test_another_account_moves_the_charge(hospital: Hospital) -> None:
    first, second = await hospital.account(), await hospital.account()
    charge = await hospital.charge(first, "100")
    await hospital.update(charge | {"account": [{"reference": f"Account/{second['id']}"}]})
    assert (await hospital.balance(first)).unbilled.minor_units == 0
    assert (await hospital.balance(second)).unbilled.minor_units == 10000


async def test_a_note_posts_nothing(hospital: Hospital) -> None:
    charge = await hospital.charge(await hospital.account(), "100")
    before = await hospital.journal()
    changed = await hospital.update(charge | {"note": [{"text": "seen twice"}]})
    assert changed["meta"]["versionId"] == "2"
    assert await hospital.journal() == before


async def test_the_same_again_makes_no_version(hospital: Hospital) -> None:
    charge = await hospital.charge(await hospital.account(), "100", quantity={"value": Decimal(2)})
    assert (await hospital.change_by_update(charge)).outcome == "unchanged"


async def test_other_zeros_of_a_decimal_are_kept(hospital: Hospital) -> None:
    charge = await hospital.charge(await hospital.account(), "100", quantity={"value": Decimal(2)})
    changed = await hospital.update(charge | {"quantity": {"value": Decimal("2.00")}})
    assert changed["meta"]["versionId"] == "2"
    assert str((await hospital.read(charge))["quantity"]["value"]) == "2.00"
    assert len(await hospital.booked(CAPTURED)) == 2


@pytest.mark.parametrize("status", ["aborted", "entered-in-error", "planned", "not-billable", "unknown"])
async def test_a_posted_charge_that_is_no_longer_billable_is_reversed(hospital: Hospital, status: str) -> None:
    account = await hospital.account()
    charge = await hospital.charge(account, "100")
    changed = await hospital.update(charge | {"status": status})
    assert extension_of(changed, "charge-amount") is None
    assert (await hospital.balance(account)).unbilled.minor_units == 0
    assert "billing.charge.reversed.v1" in await hospital.events()


async def test_a_planned_charge_is_posted_when_it_becomes_billable(hospital: Hospital) -> None:
    account = await hospital.account()
    charge = await hospital.charge(account, "100", status="planned")
    await hospital.update(charge | {"status": "billable"})
    assert (await hospital.balance(account)).unbilled.minor_units == 10000


async def test_an_unpriced_charge_is_posted_when_a_price_arrives(hospital: Hospital) -> None:
    charge = await hospital.charge(await hospital.account(), None)
    priced = {"priceOverride": money("70"), "overrideReason": "price list of 2026"}
    changed = await hospital.update({name: value for name, value in charge.items() if name != "extension"} | priced)
    assert extension_of(changed, "charge-unpriced") is None
    assert await hospital.booked(CAPTURED) == [(1150, 7000), (4000, -7000)]


async def test_a_held_charge_is_posted_when_its_account_is_named(hospital: Hospital) -> None:
    charge = await hospital.charge(None, "100")
    account = await hospital.account()
    await hospital.update(charge | {"account": [{"reference": f"Account/{account['id']}"}]})
    assert (await hospital.balance(account)).unbilled.minor_units == 10000


async def test_a_charge_stays_on_the_account_that_was_found_for_it(hospital: Hospital) -> None:
    account = await hospital.account()
    sent = hospital.charge_document(None, "100")
    charge = await hospital.create(sent)
    await hospital.account()
    changed = await hospital.update(sent | {"id": charge["id"], "note": [{"text": "sent again by the ward"}]})
    assert changed["account"] == [{"reference": f"Account/{account['id']}"}]
    assert len(await hospital.booked(CAPTURED)) == 2


async def test_an_override_without_its_reason_is_refused_also_later(hospital: Hospital) -> None:
    charge = await hospital.charge(await hospital.account(), "100")
    del charge["overrideReason"]
    refusal = await refused(hospital.update(charge))
    assert said(refusal) == [(RULE_BROKEN, "override-reason-required", "ChargeItem.overrideReason")]


async def test_a_note_on_a_charge_of_a_closed_account_is_taken(hospital: Hospital) -> None:
    account = await hospital.account()
    charge = await hospital.charge(account, "100")
    await hospital.update(account | {"status": "inactive"})
    changed = await hospital.update(charge | {"note": [{"text": "late"}]})
    assert changed["note"] == [{"text": "late"}]
    refusal = await refused(hospital.update(changed | {"priceOverride": money("90")} | _without_amount(changed)))
    assert refusal.code == "account-not-active"


async def test_a_closed_account_takes_no_charge_that_was_planned_on_it(hospital: Hospital) -> None:
    account = await hospital.account()
    for price in ("100", "0", None):
        charge = await hospital.charge(account, price, status="planned")
        await hospital.update(account | {"status": "on-hold"})
        assert (await refused(hospital.update(charge | {"status": "billable"}))).code == "account-not-active"
        await hospital.update(account)


async def test_what_costs_nothing_does_not_move_to_a_closed_account_and_may_be_noted_on_it(hospital: Hospital) -> None:
    account, closed = await hospital.account(), await hospital.account()
    charge, there = await hospital.charge(account, "0"), await hospital.charge(closed, "0")
    await hospital.update(closed | {"status": "inactive"})
    moved = {"account": [{"reference": f"Account/{closed['id']}"}]}
    assert (await refused(hospital.update(charge | moved))).code == "account-not-active"
    assert (await hospital.update(there | {"note": [{"text": "late"}]}))["note"] == [{"text": "late"}]
    assert await hospital.journal() == []


async def test_a_planned_charge_becomes_billable_in_the_currency_of_its_account(hospital: Hospital) -> None:
    account = await hospital.account()
    dollars = {"priceOverride": money("5", "USD")}
    charge = await hospital.charge(account, "5", status="planned")
    refusal = await refused(hospital.update(charge | dollars | {"status": "billable"}))
    assert said(refusal) == [(RULE_BROKEN, "currency-mismatch", "ChargeItem.priceOverride.currency")]
    assert (await hospital.update(charge | {"status": "billable"}))["status"] == "billable"
    assert (await hospital.balance(account)).unbilled.minor_units == 500


async def test_a_charge_that_costs_nothing_is_in_the_currency_of_its_account_too(hospital: Hospital) -> None:
    charge = await hospital.charge(await hospital.account(), "0")
    dollars = {"priceOverride": money("0", "USD")}
    assert (await refused(hospital.update(charge | dollars | _without_amount(charge)))).code == "currency-mismatch"


async def test_a_charge_cannot_move_to_another_currency(hospital: Hospital) -> None:
    charge = await hospital.charge(await hospital.account(), "100")
    dollars = {"priceOverride": money("1", "USD")}
    assert (await refused(hospital.update(charge | dollars | _without_amount(charge)))).code == "currency-mismatch"


async def test_entered_in_error_is_final(hospital: Hospital) -> None:
    charge = await hospital.charge(await hospital.account(), "100", status="entered-in-error")
    for status in ("billable", "billed", "aborted"):
        refusal = await refused(hospital.update(charge | {"status": status}))
        assert said(refusal) == [(CONFLICT, "invalid-state", "ChargeItem.status")]
    assert (await hospital.update(charge | {"note": [{"text": "why"}]}))["status"] == "entered-in-error"


async def test_a_client_cannot_bill_a_charge(hospital: Hospital) -> None:
    charge = await hospital.charge(await hospital.account(), "100")
    refusal = await refused(hospital.update(charge | {"status": "billed"}))
    assert said(refusal) == [(RULE_BROKEN, "server-owned", "ChargeItem.status")]


async def test_a_billed_charge_is_frozen_but_for_its_notes(hospital: Hospital) -> None:
    account = await hospital.account()
    other = await hospital.account()
    charge = await hospital.charge(account, "100")
    await hospital.issued(account, line_of(charge))
    billed = await hospital.read(charge)
    assert billed["status"] == "billed"
    for change in (
        {"status": "billable"},
        {"status": "aborted"},
        {"status": "entered-in-error"},
        {"priceOverride": money("90")},
        {"account": [{"reference": f"Account/{other['id']}"}]},
        {"subject": {"reference": "Patient/another"}},
        {"code": {"text": "another thing"}},
        {"quantity": {"value": 3}},
        {"occurrenceDateTime": "2026-01-09"},
        {"performingOrganization": {"reference": "Organization/herat"}},
    ):
        refusal = await refused(hospital.update(billed | change))
        assert (refusal.category, refusal.code) == (CONFLICT, "charge-billed"), change
    noted = await hospital.update(billed | {"note": [{"text": "paid by the uncle"}]})
    assert noted["status"] == "billed"
    written_otherwise = billed | {"priceOverride": {"value": 100, "currency": "AFN"}}
    assert (await hospital.update(written_otherwise))["status"] == "billed"


async def test_billed_that_was_true_once_is_stale(hospital: Hospital) -> None:
    account = await hospital.account()
    charge = await hospital.charge(account, "100")
    invoice = await hospital.issued(account, line_of(charge))
    billed = await hospital.read(charge)
    await hospital.cancel(invoice)
    refusal = await refused(hospital.update(billed))
    assert said(refusal) == [(CONFLICT, "stale", "ChargeItem.status")]


async def test_a_charge_on_a_draft_may_still_be_aborted(hospital: Hospital) -> None:
    account = await hospital.account()
    charge = await hospital.charge(account, "100")
    draft = await hospital.draft(account, line_of(charge))
    await hospital.update(charge | {"status": "aborted"})
    assert (await hospital.balance(account)).unbilled.minor_units == 0
    refusal = await refused(hospital.issue(draft))
    assert said(refusal) == [(RULE_BROKEN, "charge-not-billable", "Invoice.lineItem[0].chargeItem")]


def _without_amount(charge: dict[str, object]) -> dict[str, object]:
    """A client that sends another price leaves out what the server said of the old one, or sends it: both are fine."""
    return {"extension": charge["extension"]}
