"""Price lists by themselves: what is sound, what a rule acts on, and the digest of what a version says."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from ledger.money import AMOUNT_MINOR_MAX
from ledger.price_list import (
    Price,
    PriceList,
    PriceListVersion,
    PriceRule,
    content_hash,
    lookup_order,
    refuse_content,
    refuse_list,
    refuse_window,
)
from tests.unit.ledger.refusals import refused

DAY = date(2026, 3, 1)
LIST = PriceList(tenant_id="t", id="std", name="Standard", level="tenant")
PRICE = Price(system="urn:s", code="c", currency="AFN", amount_minor=100)
RULE = PriceRule(id="r", kind="discount", percent=Decimal(10))
FACILITY = "A list of level facility names its facility, and no other does."
COUNTRY = "A national list names its country, and no other does."


@pytest.mark.parametrize(
    ("changed", "place", "message"),
    [
        ({"id": "-a"}, "id", "An id is made of letters, digits, - and ., at most 64 of them."),
        ({"name": " "}, "name", "Name the list."),
        ({"level": "ward"}, "level", "The level is one of tenant, facility, national."),
        ({"level": "facility"}, "facility", FACILITY),
        ({"facility": "north"}, "facility", FACILITY),
        ({"level": "national"}, "country", COUNTRY),
        ({"level": "national", "country": "af"}, "country",
         "The country is an ISO 3166 code of two letters, such as AF."),
        ({"country": "AF"}, "country", COUNTRY),
        ({"program": ("urn:p", "")}, "program", "Send system and code."),
    ],
)  # fmt: skip
def test_a_list_that_does_not_say_for_whom_it_is_is_refused(changed: dict[str, Any], place: str, message: str) -> None:
    expected = [("rule_broken", "price-list-invalid", message, place)]
    assert refused(refuse_list, replace(LIST, **changed)) == expected


def test_a_list_that_says_for_whom_it_is_is_fine() -> None:
    refuse_list(LIST)
    refuse_list(replace(LIST, level="facility", facility="north", program=("urn:p", "x"), id="a" * 64))
    refuse_list(replace(LIST, level="national", country="AF"))
    assert LIST.scope == ("tenant", None, None, None)


def test_the_last_day_is_not_before_the_first() -> None:
    refuse_window(DAY, None)
    refuse_window(DAY, DAY)
    message = "The last day is not before the first one."
    expected = [("rule_broken", "price-list-invalid", message, "valid_to")]
    assert refused(refuse_window, DAY, date(2026, 2, 28)) == expected


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"system": ""}, "Send system and code of the service."),
        ({"code": ""}, "Send system and code of the service."),
        ({"currency": "AFX"}, "'AFX' is not an ISO 4217 currency code."),
        ({"amount_minor": -1}, "A price is from 0 to 10^15 minor units."),
        ({"amount_minor": AMOUNT_MINOR_MAX + 1}, "A price is from 0 to 10^15 minor units."),
        ({"tax_included": True}, "A price with its tax in it names the tax category."),
    ],
)
def test_a_price_that_is_not_sound_is_refused(changed: dict[str, Any], message: str) -> None:
    expected = [("rule_broken", "price-list-invalid", message, "prices[1]")]
    assert refused(refuse_content, [PRICE, replace(PRICE, **{"unit": "mL", **changed})], []) == expected


PERCENT = "A percent is from 0 to 100000."
AMOUNT = {"percent": None, "amount_minor": 5, "currency": "AFN"}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"id": "a b"}, "A rule's id is made of letters, digits, - and ., at most 64 of them."),
        ({"kind": "gift"}, "A rule is a factor, surcharge, discount, exemption."),
        ({"percent": None}, "Send a percent or an amount."),
        ({"amount_minor": 5}, "Send a percent or an amount."),
        ({**AMOUNT, "kind": "factor"}, "A factor is a percent."),
        ({"currency": "AFN"}, "An amount has a currency."),
        ({**AMOUNT, "currency": None}, "An amount has a currency."),
        ({**AMOUNT, "currency": "AFX"}, "'AFX' is not an ISO 4217 currency code."),
        ({"percent": Decimal(-1)}, PERCENT),
        ({"kind": "surcharge", "percent": Decimal("100000.1")}, PERCENT),
        ({**AMOUNT, "amount_minor": -1}, "An amount is from 0 to 10^15 minor units."),
        ({**AMOUNT, "amount_minor": AMOUNT_MINOR_MAX + 1}, "An amount is from 0 to 10^15 minor units."),
        ({"percent": Decimal(101)}, "No more than 100 percent are taken off."),
        ({"kind": "exemption", "percent": Decimal("100.5")}, "No more than 100 percent are taken off."),
        ({"code": ("urn:s", "")}, "Send system and code of the service."),
        ({"modifier_system": "urn:m"}, "Name the modifier."),
    ],
)
def test_a_rule_that_is_not_sound_is_refused(changed: dict[str, Any], message: str) -> None:
    expected = [("rule_broken", "price-list-invalid", message, "rules[1]")]
    assert refused(refuse_content, [PRICE], [RULE, replace(RULE, **{"id": "s", **changed})]) == expected


def test_prices_and_rules_that_are_sound_are_fine() -> None:
    prices = [
        PRICE,
        replace(PRICE, amount_minor=0, unit="mL"),
        replace(PRICE, amount_minor=AMOUNT_MINOR_MAX, currency="KWD"),
        replace(PRICE, code="d", tax_included=True, tax_category="standard"),
    ]
    rules = [
        RULE,
        replace(RULE, id="1", percent=Decimal(100)),
        replace(RULE, id="2", kind="exemption", percent=Decimal(100)),
        replace(RULE, id="3", kind="surcharge", percent=Decimal(100_000)),
        replace(RULE, id="4", kind="factor", percent=Decimal(0)),
        replace(RULE, id="5", code=("urn:s", "c"), modifier="m", modifier_system="urn:m"),
        PriceRule(id="6", kind="surcharge", amount_minor=0, currency="AFN"),
        PriceRule(id="7", kind="discount", amount_minor=AMOUNT_MINOR_MAX, currency="JPY", modifier="m"),
    ]
    refuse_content(prices, rules)
    refuse_content(prices, [])
    refuse_content([], rules)


def test_what_comes_twice_or_says_nothing_is_refused() -> None:
    assert refused(refuse_content, [], []) == [
        ("rule_broken", "price-list-invalid", "A version has a price at least.", "prices")
    ]
    assert refused(refuse_content, [PRICE, replace(PRICE, amount_minor=5)], [RULE, RULE]) == [
        ("rule_broken", "price-list-invalid", "The same code, currency and unit come twice.", "prices[1]"),
        ("rule_broken", "price-list-invalid", "The same rule id comes twice.", "rules[1]"),
    ]


def test_versions_overlap_where_a_day_is_in_both() -> None:
    version = PriceListVersion(
        list_id="l", version=1, status="active", valid_from=DAY, valid_to=date(2026, 3, 31), content_hash=""
    )
    assert version.overlaps(date(2026, 3, 31), None)
    assert version.overlaps(date(2026, 1, 1), DAY)
    assert not version.overlaps(date(2026, 4, 1), None)
    assert not version.overlaps(date(2026, 1, 1), date(2026, 2, 28))
    assert replace(version, valid_to=None).overlaps(date(2030, 1, 1), None)


def test_a_rule_acts_on_its_code_currency_and_modifier() -> None:
    modifiers = [("urn:m", "26"), (None, "poor")]
    assert RULE.acts_on(("urn:s", "c"), "AFN", [])
    assert replace(RULE, code=("urn:s", "c")).acts_on(("urn:s", "c"), "AFN", [])
    assert not replace(RULE, code=("urn:s", "c")).acts_on(("urn:s", "d"), "AFN", [])
    assert replace(RULE, currency="AFN").acts_on(("urn:s", "c"), "AFN", [])
    assert not replace(RULE, currency="AFN").acts_on(("urn:s", "c"), "AED", [])
    assert replace(RULE, modifier="26").acts_on(("urn:s", "c"), "AFN", modifiers)
    assert replace(RULE, modifier="26", modifier_system="urn:m").acts_on(("urn:s", "c"), "AFN", modifiers)
    assert not replace(RULE, modifier="26", modifier_system="urn:x").acts_on(("urn:s", "c"), "AFN", modifiers)
    assert not replace(RULE, modifier="59").acts_on(("urn:s", "c"), "AFN", modifiers)
    assert not replace(RULE, modifier="59").acts_on(("urn:s", "c"), "AFN", [])


def test_the_order_of_look_up_is_that_of_the_setting() -> None:
    assert lookup_order("national, tenant,,facility ") == ("national", "tenant", "facility")


PRICED = replace(PRICE, unit="mL", tax_category="standard", tax_included=True, name="Visit")
RULED = PriceRule(
    id="r", kind="discount", percent=Decimal(10), code=("urn:s", "c"), modifier="m", modifier_system="urn:m", name="n"
)

DIGEST = "06ab4da8cbf910bd5b2721543e4646e17623be73fd2de101b45543b127f914e3"
PLAIN_DIGEST = "3bfa0fce51b408290eb61c8ec3da6248524b5118f7baf07a71f9f67204b8acac"


def test_the_digest_of_a_version_is_the_same_for_ever() -> None:
    # It is stored with each version and proved by ./run check, so it may not change from one release to the next.
    assert content_hash(DAY, [PRICED], [RULED]) == DIGEST
    assert content_hash(DAY, [PRICE], [replace(RULE, percent=None, amount_minor=5, currency="AFN")]) == PLAIN_DIGEST


def test_the_digest_does_not_depend_on_the_order_or_on_zeros_of_decimals() -> None:
    prices, rules = [PRICE, PRICED], [RULE, replace(RULED, id="s")]
    assert content_hash(DAY, prices, rules) == content_hash(DAY, prices[::-1], rules[::-1])
    zeros = replace(RULED, percent=Decimal("10.00"))
    assert content_hash(DAY, [PRICED], [zeros]) == content_hash(DAY, [PRICED], [RULED])


@pytest.mark.parametrize(
    "changed",
    [{"system": "x"}, {"code": "x"}, {"currency": "AED"}, {"unit": "x"}, {"amount_minor": 1}, {"tax_category": "x"},
     {"tax_included": False}, {"name": "x"}],
)  # fmt: skip
def test_the_digest_holds_all_of_a_price(changed: dict[str, Any]) -> None:
    assert content_hash(DAY, [replace(PRICED, **changed)], []) != content_hash(DAY, [PRICED], [])


@pytest.mark.parametrize(
    "changed",
    [{"id": "x"}, {"kind": "exemption"}, {"percent": Decimal(11)}, {"percent": None, "amount_minor": 10},
     {"currency": "AFN"}, {"code": None}, {"modifier": "x"}, {"modifier_system": None}, {"name": None}],
)  # fmt: skip
def test_the_digest_holds_all_of_a_rule_and_the_first_day(changed: dict[str, Any]) -> None:
    assert content_hash(DAY, [], [replace(RULED, **changed)]) != content_hash(DAY, [], [RULED])
    assert content_hash(DAY, [PRICE], []) != content_hash(date(2026, 3, 2), [PRICE], [])
