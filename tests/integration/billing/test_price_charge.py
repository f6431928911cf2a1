"""Charges priced from price lists: which price, times what, and what is posted (design section 4.3)."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from billing.create_resource import create_resource
from billing.keep_tax_rule import add_tax_rule
from billing.lock_plan import Touched, lock_for
from billing.settle_waiting_charges import settle_all, settle_unpriced_charges
from ledger.errors import Refusal
from ledger.tax_rule import TaxRule
from storage import prices
from storage.pipeline import Statement
from storage.transaction import Database, Transaction
from tests.integration.billing.hospital import (
    INVALID,
    RULE_BROKEN,
    Document,
    Hospital,
    extension_of,
    line_of,
    refused,
    said,
)
from tests.integration.billing.price_lists import CPT, concept, price, publish, publish_national, rule

_PRICED = Statement(
    "SELECT list_id, list_version, base_minor, surcharge_minor, discount_minor, exemption_minor, rules::text"
    " FROM billing.charge_price WHERE tenant_id = $1 AND charge_item_id = $2 ORDER BY charge_version"
)


def amount_of(charge: Document) -> tuple[str, str] | None:
    amount = extension_of(charge, "charge-amount")
    return None if amount is None else (str(amount["value"]), amount["currency"])


async def priced_at(hospital: Hospital, charge: Document) -> list[tuple[Any, ...]]:
    return await hospital.database.read(hospital.tenant_id, _PRICED, hospital.tenant_id, charge["id"])


async def test_a_charge_without_override_costs_what_the_list_says_and_is_posted(hospital: Hospital) -> None:
    await publish(hospital, price("99213", 50000))
    charge = await hospital.charge(await hospital.account(), None)
    assert amount_of(charge) == ("500.00", "AFN")
    assert extension_of(charge, "charge-unpriced") is None
    assert [(line.account, line.amount) for line in await hospital.journal()] == [(1150, 50000), (4000, -50000)]
    assert await priced_at(hospital, charge) == [("standard", 1, 50000, 0, 0, 0, "{}")]


async def test_quantity_and_factor_multiply_and_the_product_is_rounded_once_half_away_from_zero(
    hospital: Hospital,
) -> None:
    await publish(hospital, price("99213", 333))
    charge = await hospital.charge(await hospital.account(), None, quantity={"value": 3}, factorOverride=Decimal("0.5"))
    assert amount_of(charge) == ("5.00", "AFN")  # 499.5 minor units


async def test_the_first_level_of_the_lookup_order_that_has_a_price_says_it(connected: Database) -> None:
    code = secrets.token_hex(4)
    await publish_national(connected, "XA", price(code, 300), list_id=code)
    for order, of_facility, expected in (
        ("tenant,facility,national", True, "1.00"),
        ("facility,tenant,national", True, "2.00"),
        ("facility,tenant,national", False, "1.00"),
        ("national,tenant", True, "3.00"),
    ):
        hospital = await Hospital.open(connected, country="XA", price_lookup_order=order)
        await publish(hospital, price(code, 100))
        await publish(hospital, price(code, 200), list_id="kabul", facility="kabul")
        more = {"performingOrganization": {"reference": "Organization/kabul"}} if of_facility else {}
        charge = await hospital.charge(await hospital.account(), None, code=_code(code), **more)
        assert amount_of(charge) == (expected, "AFN")


async def test_a_national_price_is_the_last_resort_of_its_country_alone(connected: Database) -> None:
    code = secrets.token_hex(4)
    await publish_national(connected, "XB", price(code, 111), list_id=f"xb-{code}")
    hospital = await Hospital.open(connected, country="XC")
    account = await hospital.account()
    assert amount_of(await hospital.charge(account, None, code=_code(code))) is None
    await publish_national(connected, "XC", price(code, 222), list_id=f"xc-{code}")
    charge = await hospital.charge(account, None, code=_code(code))
    assert amount_of(charge) == ("2.22", "AFN")
    assert [row[0] for row in await priced_at(hospital, charge)] == [f"xc-{code}"]


async def test_prices_of_the_charges_program_go_before_all_others(hospital: Hospital) -> None:
    await publish(hospital, price("99213", 500), price("1", 100))
    await publish(hospital, price("99213", 50), list_id="maternity", program=("urn:programs", "maternity"))
    account, program = await hospital.account(), concept("charge-program", "maternity", "urn:programs")
    assert amount_of(await hospital.charge(account, None, extension=[program])) == ("0.50", "AFN")
    assert amount_of(await hospital.charge(account, None)) == ("5.00", "AFN")
    # What the program has no price for costs what it costs everybody.
    assert amount_of(await hospital.charge(account, None, extension=[program], code=_code("1"))) == ("1.00", "AFN")


async def test_the_version_in_force_on_the_day_of_the_service_prices_it(hospital: Hospital) -> None:
    await publish(hospital, price("99213", 100), valid_from=date(2020, 1, 1))
    second = await publish(hospital, price("99213", 200), valid_from=date(2026, 1, 10))
    assert second.version == 2
    account = await hospital.account()
    for day, expected in (("2026-01-09", "1.00"), ("2026-01-10", "2.00"), ("2019-12-31", None)):
        charge = await hospital.charge(account, None, occurrenceDateTime=day)
        assert amount_of(charge) == (None if expected is None else (expected, "AFN"))


async def test_the_first_coding_of_a_list_that_is_higher_up_is_taken(hospital: Hospital) -> None:
    await publish(hospital, price("L-1", 100, system="urn:local"), price("99213", 200))
    codings = [{"system": CPT, "code": "99213"}, {"system": "urn:local", "code": "L-1"}]
    account = await hospital.account()
    assert amount_of(await hospital.charge(account, None, code={"coding": codings})) == ("2.00", "AFN")
    assert amount_of(await hospital.charge(account, None, code={"coding": codings[::-1]})) == ("1.00", "AFN")


async def test_the_price_is_in_the_currency_of_the_account(hospital: Hospital) -> None:
    await publish(hospital, price("99213", 50000), price("99213", 700, currency="USD"))
    assert amount_of(await hospital.charge(await hospital.account("USD"), None)) == ("7.00", "USD")
    assert amount_of(await hospital.charge(await hospital.account(), None)) == ("500.00", "AFN")
    # In a currency that no list has, there is no price.
    assert extension_of(await hospital.charge(await hospital.account("KWD"), None), "charge-unpriced") is True


async def test_a_price_for_a_unit_is_for_that_unit_alone(hospital: Hospital) -> None:
    await publish(hospital, price("99213", 10, unit="mL"), price("99213", 200, unit="{vial}"))
    account = await hospital.account()
    for unit, expected in (("mL", "0.20"), ("{vial}", "4.00"), ("kg", None)):
        quantity = {"value": 2, "system": "http://unitsofmeasure.org", "code": unit}
        charge = await hospital.charge(account, None, quantity=quantity)
        assert amount_of(charge) == (None if expected is None else (expected, "AFN"))


async def test_modifiers_act_through_the_rules_of_the_list(hospital: Hospital) -> None:
    await publish(
        hospital,
        price("99213", 10000),
        rule("bilateral", "factor", "150", modifier="50"),
        rule("night", "surcharge", amount_minor=2500, currency="AFN", modifier="night"),
        rule("staff", "discount", "10", modifier="staff"),
    )
    account = await hospital.account()
    extension = [concept("charge-modifier", "50"), concept("charge-modifier", "night", "urn:any")]
    charge = await hospital.charge(account, None, extension=extension)
    assert amount_of(charge) == ("175.00", "AFN")
    assert await priced_at(hospital, charge) == [("standard", 1, 15000, 2500, 0, 0, "{bilateral,night}")]
    assert amount_of(await hospital.charge(account, None, extension=[concept("charge-modifier", "XX")])) == (
        "100.00",
        "AFN",
    )


async def test_discounts_and_exemptions_are_posted_where_they_belong_and_the_rest_is_owed(hospital: Hospital) -> None:
    await publish(
        hospital,
        price("99213", 10000),
        rule("courtesy", "discount", "10", code=(CPT, "99213")),
        rule("poor", "exemption", "50", modifier="poor"),
    )
    account = await hospital.account()
    charge = await hospital.charge(account, None, extension=[concept("charge-modifier", "poor")])
    assert amount_of(charge) == ("45.00", "AFN")
    lines = sorted((line.account, line.amount) for line in await hospital.journal())
    assert lines == [(1150, 4500), (4000, -10000), (4110, 1000), (4120, 4500)]
    assert (await hospital.balance(account)).unbilled.minor_units == 4500
    invoice = await hospital.issued(account, line_of(charge))
    assert str(invoice["totalGross"]["value"]) == "45.00"


async def test_what_is_exempt_from_all_is_posted_as_charity_and_owes_nothing(hospital: Hospital) -> None:
    await publish(hospital, price("99213", 10000), rule("free", "exemption", "100"))
    account = await hospital.account()
    charge = await hospital.charge(account, None)
    assert amount_of(charge) == ("0.00", "AFN")
    assert {(line.account, line.amount) for line in await hospital.journal()} == {(4000, -10000), (4120, 10000)}
    # Voiding it takes all of that back.
    await hospital.update(charge | {"status": "aborted"})
    assert {line.account for line in await hospital.journal() if line.kind == "charge-reversed"} == {4000, 4120}
    assert sum(line.amount for line in await hospital.journal() if line.account == 4120) == 0


@pytest.mark.parametrize("quantity", [{"value": -1}, {"value": 0}])
async def test_a_negative_quantity_is_refused_and_none_costs_nothing(hospital: Hospital, quantity: Document) -> None:
    await publish(hospital, price("99213", 100))
    document = hospital.charge_document(await hospital.account(), None, quantity=quantity)
    if quantity["value"] < 0:
        refusal = await refused(hospital.create(document))
        assert said(refusal) == [(RULE_BROKEN, "negative-amount", "ChargeItem.quantity.value")]
    else:
        assert amount_of(await hospital.create(document)) == ("0.00", "AFN")
        assert await hospital.journal() == []


async def test_an_amount_past_the_limit_is_refused(hospital: Hospital) -> None:
    await publish(hospital, price("99213", 10**15))
    account = await hospital.account()
    assert amount_of(await hospital.charge(account, None)) == ("10000000000000.00", "AFN")
    document = hospital.charge_document(account, None, quantity={"value": Decimal("1.000000000000001")})
    assert said(await refused(hospital.create(document))) == [(RULE_BROKEN, "amount-too-large", "ChargeItem.quantity")]


async def test_a_quantity_that_is_only_a_bound_has_no_price(hospital: Hospital) -> None:
    await publish(hospital, price("99213", 100))
    charge = await hospital.charge(await hospital.account(), None, quantity={"value": 3, "comparator": ">"})
    assert extension_of(charge, "charge-unpriced") is True


async def test_a_price_with_unknown_tax_in_it_waits(hospital: Hospital) -> None:
    await publish(hospital, price("99213", 105, tax_category="VAT-unheard-of", tax_included=True))
    assert extension_of(await hospital.charge(await hospital.account(), None), "charge-unpriced") is True


async def test_a_price_with_its_tax_in_it_is_captured_net_and_the_invoice_adds_the_tax_again(
    hospital: Hospital,
) -> None:
    price_with_tax = price("99213", 10500, tax_category="vat", tax_included=True)
    discount = rule("staff", "discount", amount_minor=1050, currency="AFN", modifier="staff")
    await publish(hospital, price_with_tax, discount)
    account = await hospital.account()
    waiting = await hospital.charge(account, None)
    assert extension_of(waiting, "charge-unpriced") is True
    vat = TaxRule(
        tenant_id=hospital.tenant_id,
        id="vat-5",
        category="vat",
        code="VAT",
        treatment="taxable",
        percent=Decimal(5),
        valid_from=date(2020, 1, 1),
    )
    await hospital.run(lambda tx: add_tax_rule(tx, vat))
    charge = await hospital.charge(account, None, extension=[concept("charge-modifier", "staff")])
    assert amount_of(charge) == ("90.00", "AFN")
    await settle_all(hospital.database, hospital.context, settle_unpriced_charges)
    priced = await hospital.read(waiting)
    assert amount_of(priced) == ("100.00", "AFN")
    invoice = await hospital.issued(account, line_of(priced))
    assert (str(invoice["totalNet"]["value"]), str(invoice["totalGross"]["value"])) == ("100.00", "105.00")


@pytest.mark.parametrize("days", [["2026-01-10", "2026-01-11T23:59:00-11:00"], ["2026-01-10", None], ["2026-01"]])
async def test_all_charges_of_a_bundle_are_priced_by_one_question(hospital: Hospital, days: list[str | None]) -> None:
    await publish(hospital, *(price(str(at), 100 + at) for at in range(6)))
    account = await hospital.account()
    bundle = [
        hospital.charge_document(account, None, code=_code(str(at)), occurrenceDateTime=days[at % len(days)])
        for at in range(6)
    ]
    asked = 0

    async def count(statements: Sequence[tuple[Statement, Sequence[Any]]]) -> None:
        nonlocal asked
        asked += sum(statement is prices._PRICES for statement, _ in statements)

    async def carry_out(tx: Transaction) -> None:
        await lock_for(tx, hospital.context, [Touched("ChargeItem", None, document) for document in bundle])
        for document in bundle:
            await create_resource(tx, hospital.context, "ChargeItem", document)

    hospital.database.failpoint = count
    try:
        await hospital.run(carry_out)
    finally:
        hospital.database.failpoint = None
    assert asked == 1
    assert (await hospital.balance(account)).unbilled.minor_units == sum(100 + at for at in range(6))


async def test_a_modifier_that_is_no_concept_is_refused(hospital: Hospital) -> None:
    extension = concept("charge-modifier", "50") | {"valueString": "50"}
    del extension["valueCodeableConcept"]
    document = hospital.charge_document(await hospital.account(), None, extension=[extension])
    refusal = await refused(hospital.create(document))
    assert (refusal.category, refusal.code) == (INVALID, "extension-malformed")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"quantity": {"value": 4}}, "4.00"),
        ({"factorOverride": Decimal("0.5")}, "0.50"),
        ({"code": {"coding": [{"system": CPT, "code": "2"}]}}, "2.00"),
        ({"performingOrganization": {"reference": "Organization/herat"}}, "3.00"),
        ({"occurrenceDateTime": "2019-06-01"}, "0.70"),
        ({"extension": [concept("charge-modifier", "half")]}, "0.50"),
        ({"extension": [concept("charge-program", "p", "urn:p")]}, "0.10"),
    ],
)
async def test_what_changes_the_price_reverses_what_was_posted_and_posts_anew(
    connected: Database, change: Document, expected: str
) -> None:
    hospital = await Hospital.open(connected, price_lookup_order="facility,tenant")
    await publish(hospital, price("99213", 70), list_id="old", valid_from=date(2019, 1, 1), valid_to=date(2019, 12, 31))
    await publish(hospital, price("99213", 100), price("2", 200), rule("half", "factor", "50", modifier="half"))
    await publish(hospital, price("99213", 300), list_id="herat", facility="herat")
    await publish(hospital, price("99213", 10), list_id="program", program=("urn:p", "p"))
    charge = await hospital.charge(await hospital.account(), None)
    assert amount_of(charge) == ("1.00", "AFN")
    changed = await hospital.update(charge | change | _without_amount(charge, change))
    assert amount_of(changed) == (expected, "AFN")
    assert [line.amount for line in await hospital.journal() if line.account == 1150][:2] == [100, -100]
    assert len(await priced_at(hospital, charge)) == 2


async def test_a_change_of_nothing_that_matters_keeps_the_price_even_when_the_list_has_another(
    hospital: Hospital,
) -> None:
    await publish(hospital, price("99213", 100), rule("d", "discount", "10"))
    charge = await hospital.charge(await hospital.account(), None)
    await publish(hospital, price("99213", 200), valid_from=date(2026, 1, 5))
    changed = await hospital.update(charge | {"note": [{"text": "fasting"}]})
    assert amount_of(changed) == ("0.90", "AFN")
    assert len(await hospital.journal()) == 3
    again = await hospital.update(changed | {"quantity": {"value": 2}})
    assert amount_of(again) == ("4.00", "AFN")


async def test_an_override_goes_before_the_list_and_its_end_brings_the_list_back(hospital: Hospital) -> None:
    await publish(hospital, price("99213", 100))
    account = await hospital.account()
    charge = await hospital.charge(account, "7")
    assert amount_of(charge) == ("7.00", "AFN")
    del charge["priceOverride"], charge["overrideReason"]
    assert amount_of(await hospital.update(charge)) == ("1.00", "AFN")
    assert (await hospital.balance(account)).unbilled.minor_units == 100


async def test_a_charge_that_moves_to_an_account_in_another_currency_is_priced_in_that(hospital: Hospital) -> None:
    await publish(hospital, price("99213", 100), price("99213", 9, currency="USD"))
    charge = await hospital.charge(await hospital.account(), None)
    other = await hospital.account("USD")
    moved = await hospital.update(charge | {"account": [{"reference": f"Account/{other['id']}"}]})
    assert amount_of(moved) == ("0.09", "USD")
    assert (await hospital.balance(other)).unbilled.minor_units == 9


async def test_an_unpriced_charge_is_priced_when_it_is_sent_again_and_there_is_a_price(hospital: Hospital) -> None:
    charge = await hospital.charge(await hospital.account(), None)
    await publish(hospital, price("99213", 100))
    assert amount_of(await hospital.update(charge)) == ("1.00", "AFN")


async def test_a_tenant_that_refuses_charges_without_price_takes_those_that_have_one(connected: Database) -> None:
    hospital = await Hospital.open(connected, unpriced_charge="refuse")
    await publish(hospital, price("99213", 100))
    account = await hospital.account()
    assert amount_of(await hospital.charge(account, None)) == ("1.00", "AFN")
    with pytest.raises(Refusal, match="price-not-found"):
        await hospital.charge(account, None, code=_code("unheard-of"))


def _code(code: str) -> Document:
    return {"coding": [{"system": CPT, "code": code}]}


def _without_amount(charge: Document, change: Document) -> Document:
    """The server's extensions stay out where a test sends others."""
    return {} if "extension" in change else {"extension": charge["extension"]}
