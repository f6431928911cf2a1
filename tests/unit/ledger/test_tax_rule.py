"""Tax rules by themselves: which hold where and when, and what is no rule."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from ledger.tax_rule import TaxRule, refuse_rule, rules_for
from ledger.tenant import NATIONAL
from tests.unit.ledger.refusals import refused

FIRST, LAST = date(2026, 1, 1), date(2026, 6, 30)
RULE = TaxRule(
    tenant_id="t",
    id="vat",
    category="standard",
    code="VAT",
    treatment="taxable",
    percent=Decimal(5),
    valid_from=FIRST,
    valid_to=LAST,
)
NORTH = replace(RULE, id="north", facility="north")
COUNTRY = replace(RULE, tenant_id=NATIONAL, id="ae", country="AE")

OF_COUNTRY = "Rules of a country are of the tenant national, and all of its rules are."


def ids(rules: list[TaxRule], category: str = "standard", on: date = FIRST, facility: str | None = None) -> list[str]:
    return [rule.id for rule in rules_for(rules, category, on=on, facility=facility)]


def test_the_rules_of_the_facility_go_before_the_tenants_and_these_before_the_countrys() -> None:
    rules = [COUNTRY, RULE, NORTH]
    assert ids(rules, facility="north") == ["north"]
    assert ids(rules, facility="south") == ["vat"]
    assert ids(rules) == ["vat"]
    assert ids([COUNTRY, NORTH]) == ["ae"]
    assert ids([replace(COUNTRY, facility="north"), RULE], facility="north") == ["vat"]
    assert ids([]) == []


def test_a_rule_holds_from_its_first_day_to_its_last_for_its_category() -> None:
    assert ids([RULE], on=LAST) == ["vat"]
    assert ids([RULE], on=date(2025, 12, 31)) == []
    assert ids([RULE], on=date(2026, 7, 1)) == []
    assert ids([RULE], category="reduced") == []
    assert ids([replace(RULE, valid_to=None)], on=date(9999, 12, 31)) == ["vat"]


def test_rules_of_several_taxes_hold_together_by_code_system_and_id() -> None:
    rules = [
        replace(RULE, id="b", code="VAT", system="urn:x"),
        replace(RULE, id="c", code="VAT"),
        replace(RULE, id="a", code="VAT"),
        replace(RULE, id="d", code="LEVY"),
    ]
    assert ids(rules) == ["d", "a", "c", "b"]


def test_two_rules_overlap_where_a_day_is_in_both() -> None:
    later = replace(RULE, valid_from=LAST, valid_to=None)
    assert RULE.overlaps(later)
    assert later.overlaps(RULE)
    assert not RULE.overlaps(replace(later, valid_from=date(2026, 7, 1)))
    assert not replace(later, valid_from=date(2026, 7, 1)).overlaps(RULE)


def test_a_rule_is_named_with_its_level_and_has_its_factor() -> None:
    assert (RULE.key, COUNTRY.key) == ("vat", "national/ae")
    assert str(RULE.factor) == "0.05"
    assert str(replace(RULE, percent=Decimal("12.50")).factor) == "0.125"
    assert str(replace(RULE, percent=Decimal("0.00")).factor) == "0"
    assert RULE.scope == (None, None, "standard", None, "VAT")
    assert NORTH.scope == ("north", None, "standard", None, "VAT")


@pytest.mark.parametrize(
    ("changed", "place", "message"),
    [
        ({"id": "a b"}, "id", "An id is made of letters, digits, - and ., at most 64 of them."),
        ({"id": "x" * 65}, "id", "An id is made of letters, digits, - and ., at most 64 of them."),
        ({"category": "a b"}, "category", "A category is a word, such as standard."),
        ({"code": ""}, "code", "A tax code is a word, such as VAT."),
        ({"treatment": "free", "percent": Decimal(0)}, "treatment",
         "A treatment is one of taxable, zero-rated, exempt."),
        ({"treatment": "exempt"}, "percent", "Only what is taxable has a percent."),
        ({"percent": Decimal(0)}, "percent",
         "A percent is more than 0 and at most 100; what bears none is zero-rated or exempt."),
        ({"percent": Decimal("100.01")}, "percent",
         "A percent is more than 0 and at most 100; what bears none is zero-rated or exempt."),
        ({"percent": Decimal("0.00001")}, "percent", "A percent has at most 4 decimals."),
        ({"country": "AE"}, "country", OF_COUNTRY),
        ({"tenant_id": NATIONAL}, "country", OF_COUNTRY),
        ({"tenant_id": NATIONAL, "country": "ae"}, "country", "A country is a code such as AE."),
        ({"tenant_id": NATIONAL, "country": "AE", "facility": "n"}, "facility", "A national rule is for a country."),
        ({"treatment": "zero-rated", "percent": Decimal(0), "inclusive": True}, "inclusive",
         "Only a tax that is to be paid can be in a price."),
        ({"valid_to": date(2025, 12, 31)}, "valid_to", "The last day is not before the first."),
    ],
)  # fmt: skip
def test_what_is_no_rule_is_refused_at_its_place(changed: dict[str, Any], place: str, message: str) -> None:
    assert refused(refuse_rule, replace(RULE, **changed)) == [("rule_broken", "tax-rule-invalid", message, place)]


def test_what_is_a_rule_is_not_refused() -> None:
    for rule in (
        RULE,
        NORTH,
        COUNTRY,
        replace(RULE, id="x" * 64, percent=Decimal("0.0001"), inclusive=True),
        replace(RULE, percent=Decimal(100), valid_to=FIRST),
        replace(RULE, treatment="zero-rated", percent=Decimal(0)),
        replace(RULE, treatment="exempt", percent=Decimal(0), valid_to=None),
    ):
        refuse_rule(rule)


def test_all_that_is_wrong_is_said_at_once() -> None:
    assert [place for *_, place in refused(refuse_rule, replace(RULE, id="", code=" ", category=""))] == [
        "id",
        "category",
        "code",
    ]
