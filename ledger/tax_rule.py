"""Tax rules: what tax a category of services bears, where and when, and which rule goes before which.

A rule is a tenant's own, for all of it or for one facility, or national, for a country. Of a category and a day the
rules of one level hold: those of the facility if it has any, else the tenant's, else the country's. Several hold
together where they are of different taxes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from ledger.errors import Category, Problem, Refusal
from ledger.tenant import NATIONAL

TAXABLE, ZERO_RATED, EXEMPT = TREATMENTS = ("taxable", "zero-rated", "exempt")

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_WORD = re.compile(r"\S{1,64}")
_COUNTRY = re.compile("[A-Z]{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxRule:
    """A tax of a category from its first day to its last (None: no end yet).

    `percent`: 5 for 5 percent, 0 unless it is taxable. `inclusive`: a price that a charge is given by priceOverride has
    the tax in it, and is captured without. `country` is there on national rules only.
    """

    tenant_id: str
    id: str
    category: str
    code: str
    treatment: str
    percent: Decimal
    valid_from: date
    valid_to: date | None = None
    system: str | None = None
    inclusive: bool = False
    facility: str | None = None
    country: str | None = None
    name: str | None = None

    @property
    def key(self) -> str:
        """How components of invoices and prices of charges name it."""
        return f"{NATIONAL}/{self.id}" if self.tenant_id == NATIONAL else self.id

    @property
    def factor(self) -> Decimal:
        """0.05 for 5 percent."""
        return (self.percent / 100).normalize() + 0

    @property
    def last_day(self) -> date:
        return self.valid_to or date.max

    @property
    def scope(self) -> tuple[str | None, ...]:
        """What it is for: two of one scope are never in force on one day."""
        return (self.facility, self.country, self.category, self.system, self.code)

    def is_in_force(self, on: date) -> bool:
        return self.valid_from <= on <= self.last_day

    def overlaps(self, other: TaxRule) -> bool:
        return self.valid_from <= other.last_day and other.valid_from <= self.last_day


def rules_for(rules: Sequence[TaxRule], category: str, *, on: date, facility: str | None) -> list[TaxRule]:
    """The rules that hold for a category on a day at a facility; by tax code."""
    in_force = [rule for rule in rules if rule.category == category and rule.is_in_force(on)]
    levels = (
        [rule for rule in in_force if rule.tenant_id != NATIONAL and facility and rule.facility == facility],
        [rule for rule in in_force if rule.tenant_id != NATIONAL and rule.facility is None],
        [rule for rule in in_force if rule.tenant_id == NATIONAL],
    )
    return sorted(next(filter(None, levels), []), key=lambda rule: (rule.code, rule.system or "", rule.id))


def refuse_rule(rule: TaxRule) -> None:
    """Refuse what is no rule, with everything that is wrong with it."""
    faults = {
        "id": "" if _ID.fullmatch(rule.id) else "An id is made of letters, digits, - and ., at most 64 of them.",
        "category": "" if _WORD.fullmatch(rule.category) else "A category is a word, such as standard.",
        "code": "" if _WORD.fullmatch(rule.code) else "A tax code is a word, such as VAT.",
        "treatment": "" if rule.treatment in TREATMENTS else f"A treatment is one of {', '.join(TREATMENTS)}.",
        "percent": _fault_of_percent(rule),
        "country": _fault_of_country(rule),
        "facility": "A national rule is for a country." if rule.country and rule.facility else "",
        "inclusive": "Only a tax that is to be paid can be in a price." if rule.inclusive and not rule.percent else "",
        "valid_to": "" if rule.last_day >= rule.valid_from else "The last day is not before the first.",
    }
    if any(faults.values()):
        raise Refusal(
            Problem(Category.RULE_BROKEN, "tax-rule-invalid", text, place) for place, text in faults.items() if text
        )


def _fault_of_percent(rule: TaxRule) -> str:
    if rule.treatment != TAXABLE:
        return "" if rule.percent == 0 else "Only what is taxable has a percent."
    if not 0 < rule.percent <= 100:
        return "A percent is more than 0 and at most 100; what bears none is zero-rated or exempt."
    exponent = rule.percent.as_tuple().exponent
    return "" if isinstance(exponent, int) and exponent >= -4 else "A percent has at most 4 decimals."


def _fault_of_country(rule: TaxRule) -> str:
    if (rule.country is not None) != (rule.tenant_id == NATIONAL):
        return f"Rules of a country are of the tenant {NATIONAL}, and all of its rules are."
    return "" if rule.country is None or _COUNTRY.fullmatch(rule.country) else "A country is a code such as AE."
