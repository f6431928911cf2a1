"""Tax rules: applied to drafts, worked out anew at issue, snapshotted, and never two for the same on one day."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from billing.keep_tax_rule import add_tax_rule, end_tax_rule
from ledger.errors import Refusal
from ledger.tax_rule import TaxRule
from ledger.tenant import NATIONAL
from tests.integration.billing.hospital import (
    CONFLICT,
    RULE_BROKEN,
    Document,
    Hospital,
    component,
    line_of,
    money,
    own_line,
    refused,
    said,
)

START = date(2018, 1, 1)


def rule(hospital: Hospital, id: str = "vat", percent: str = "5", **more: Any) -> TaxRule:  # noqa: A002
    more = {"category": "standard", "code": "VAT", "treatment": "taxable", "valid_from": START, **more}
    return TaxRule(tenant_id=hospital.tenant_id, id=id, percent=Decimal(percent), **more)


async def add(hospital: Hospital, *rules: TaxRule) -> None:
    for each in rules:
        await hospital.database.run(each.tenant_id, "operator", partial(add_tax_rule, rule=each))


async def taxed_hospital(hospital: Hospital, *rules: TaxRule, **settings: str) -> Hospital:
    """The hospital, whose tenant has the category standard by default."""
    tenant = replace(hospital.context.tenant, settings={"tax_category": "standard", **settings})
    await add(hospital, *rules)
    return replace(hospital, context=replace(hospital.context, tenant=tenant))


def taxes_of(components: list[Document]) -> list[tuple[str, str, str | None, str | None]]:
    return [
        (
            each["type"],
            each["code"]["coding"][0]["code"],
            str(each["factor"]) if "factor" in each else None,
            str(each["amount"]["value"]) if "amount" in each else None,
        )
        for each in components
        if "extension" in each
    ]


async def test_a_draft_without_taxes_gets_those_of_its_rules_with_totals_by_tax_code(hospital: Hospital) -> None:
    hospital = await taxed_hospital(hospital, rule(hospital), rule(hospital, "levy", "1.5", code="LEVY"))
    account = await hospital.account()
    charge = await hospital.charge(account, "33.33")
    draft = await hospital.draft(account, line_of(charge), own_line("66.66"))
    lines = [taxes_of(line["priceComponent"]) for line in draft["lineItem"]]
    assert lines == [
        [("tax", "LEVY", "0.015", "0.50"), ("tax", "VAT", "0.05", "1.67")],
        [("tax", "LEVY", "0.015", "1.00"), ("tax", "VAT", "0.05", "3.33")],
    ]
    totals = [(each["type"], str(each["amount"]["value"])) for each in draft["totalPriceComponent"]]
    assert totals == [("tax", "1.50"), ("tax", "5.00")]
    assert (str(draft["totalNet"]["value"]), str(draft["totalGross"]["value"])) == ("99.99", "106.49")
    issued = await hospital.issue(draft)
    assert issued["lineItem"] == draft["lineItem"]
    assert sorted(line for line in await hospital.booked("invoice-issued") if line[0] == 2200) == [
        (2200, -500),
        (2200, -150),
    ]


async def test_taxes_that_a_client_gives_are_not_added_to(hospital: Hospital) -> None:
    hospital = await taxed_hospital(hospital, rule(hospital))
    account = await hospital.account()
    own = own_line("100", component("tax", "7", code="OTHER"))
    draft = await hospital.draft(account, own, own_line("10"))
    assert [taxes_of(line["priceComponent"]) for line in draft["lineItem"]] == [[], [("tax", "VAT", "0.05", "0.50")]]
    whole = await hospital.draft(account, own_line("100"), totalPriceComponent=[component("tax", "3", code="OTHER")])
    assert str(whole["totalGross"]["value"]) == "103.00"


async def test_what_is_zero_rated_is_taxed_by_nothing_and_what_is_exempt_says_so(hospital: Hospital) -> None:
    zero = rule(hospital, "zero", "0", treatment="zero-rated")
    hospital = await taxed_hospital(hospital, zero)
    account = await hospital.account()
    issued = await hospital.issued(account, own_line("10"))
    assert taxes_of(issued["lineItem"][0]["priceComponent"]) == [("tax", "VAT", "0", "0.00")]
    other = await taxed_hospital(
        hospital, rule(hospital, "none", "0", treatment="exempt", category="b"), tax_category="b"
    )
    issued = await other.issued(account, own_line("10"))
    assert taxes_of(issued["lineItem"][0]["priceComponent"]) == [("informational", "VAT", None, None)]
    assert str(issued["totalGross"]["value"]) == "10.00"
    assert "totalPriceComponent" not in issued


async def test_the_rules_of_a_facility_go_before_the_tenants_and_those_before_the_countrys(hospital: Hospital) -> None:
    country = "Q" + hospital.tenant_id[-1].upper().translate(str.maketrans("0123456789", "GHIJKLMNOP"))
    national = rule(hospital, f"n-{hospital.tenant_id}", "9", country=country)
    await add(hospital, replace(national, tenant_id=NATIONAL))
    tenant = replace(hospital.context.tenant, country=country, settings={"tax_category": "standard"})
    hospital = replace(hospital, context=replace(hospital.context, tenant=tenant))
    account = await hospital.account()

    async def rate(**more: Any) -> str | None:
        draft = await hospital.draft(account, own_line("100"), **more)
        (found,) = taxes_of(draft["lineItem"][0]["priceComponent"])
        return found[2]

    north = {"reference": "Organization/north"}
    assert await rate(issuer=north) == "0.09"
    await add(hospital, rule(hospital, "own", "5"))
    assert await rate(issuer=north) == "0.05"
    await add(hospital, rule(hospital, "north", "3", facility="north"))
    assert await rate(issuer=north) == "0.03"
    assert await rate() == "0.05"


async def test_the_day_of_issue_says_which_rule_holds_and_totals_of_the_draft_follow(hospital: Hospital) -> None:
    today = await hospital.today()
    old = rule(hospital, "old", "5", valid_to=today - timedelta(days=1))
    hospital = await taxed_hospital(hospital, old, rule(hospital, "new", "10", valid_from=today))
    account = await hospital.account()
    before = (today - timedelta(days=3)).isoformat()
    draft = await hospital.draft(account, own_line("100"), date=before)
    assert str(draft["totalGross"]["value"]) == "105.00"
    issued = await hospital.issue(draft)
    assert str(issued["totalGross"]["value"]) == "110.00"
    assert taxes_of(issued["totalPriceComponent"]) == [("tax", "VAT", None, "10.00")]
    stated = await hospital.draft(account, own_line("100"), date=before, totalGross=money("105"))
    backdated = await hospital.issue(stated, on=today - timedelta(days=2))
    assert str(backdated["totalGross"]["value"]) == "105"
    sent = draft | {"status": "issued", "date": today.isoformat()}
    del sent["id"]
    refusal = await refused(hospital.create(sent))
    assert said(refusal) == [(RULE_BROKEN, "total-mismatch", "Invoice.totalGross")]


async def test_a_draft_that_is_sent_back_as_it_was_read_makes_no_version(hospital: Hospital) -> None:
    hospital = await taxed_hospital(hospital, rule(hospital))
    draft = await hospital.draft(await hospital.account(), own_line("100"))
    assert (await hospital.change_by_update(draft)).outcome == "unchanged"


async def test_a_price_override_that_has_the_tax_in_it_is_captured_without(hospital: Hospital) -> None:
    hospital = await taxed_hospital(hospital, rule(hospital, inclusive=True))
    account = await hospital.account()
    charge = await hospital.charge(account, "105")
    assert (await hospital.balance(account)).unbilled.minor_units == 10000
    issued = await hospital.issued(account, line_of(charge))
    assert str(issued["totalGross"]["value"]) == "105.00"


async def test_two_rules_for_the_same_are_never_in_force_on_one_day(hospital: Hospital) -> None:
    today = await hospital.today()
    await add(hospital, rule(hospital, "first", valid_to=today))
    await add(hospital, rule(hospital, "first", valid_to=today))
    assert said(await refused(add(hospital, rule(hospital, "first")))) == [(CONFLICT, "tax-rule-exists", "id")]
    clash = await refused(add(hospital, rule(hospital, "second", valid_from=today)))
    assert said(clash) == [(CONFLICT, "tax-rule-overlap", "valid_from")]
    tomorrow = today + timedelta(days=1)
    await add(hospital, rule(hospital, "second", valid_from=tomorrow), rule(hospital, "else", category="other"))

    async def end(rule_id: str, on: date) -> None:
        await hospital.run(lambda tx: end_tax_rule(tx, rule_id, on, today=today))

    assert said(await refused(end("first", today - timedelta(days=1)))) == [
        (RULE_BROKEN, "tax-rule-invalid", "valid_to")
    ]
    assert said(await refused(end("first", tomorrow))) == [(RULE_BROKEN, "tax-rule-invalid", "valid_to")]
    await end("second", today)
    await add(hospital, rule(hospital, "third", valid_from=tomorrow))


async def test_of_many_who_add_a_rule_for_the_same_at_once_one_does(hospital: Hospital) -> None:
    async def attempt(number: int) -> str:
        try:
            await add(hospital, rule(hospital, f"r{number}", str(number + 1)))
        except Refusal as refusal:
            return refusal.code
        return "added"

    outcomes = await asyncio.gather(*(attempt(number) for number in range(12)))
    assert sorted(outcomes) == ["added"] + ["tax-rule-overlap"] * 11


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        ({"percent": "0"}, "percent"),
        ({"percent": "101"}, "percent"),
        ({"percent": "1.23456"}, "percent"),
        ({"treatment": "exempt"}, "percent"),
        ({"category": "two words"}, "category"),
        ({"country": "AE"}, "country"),
        ({"valid_to": date(2017, 1, 1)}, "valid_to"),
        ({"percent": "0", "treatment": "exempt", "inclusive": True}, "inclusive"),
    ],
)
async def test_what_is_no_rule_is_refused(hospital: Hospital, wrong: dict[str, Any], place: str) -> None:
    percent = wrong.pop("percent", "5")
    refusal = await refused(add(hospital, rule(hospital, "x", percent, **wrong)))
    assert said(refusal) == [(RULE_BROKEN, "tax-rule-invalid", place)]
