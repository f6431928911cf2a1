"""Price lists: for whom one is, what stands in a version of it, and whether that is sound.

A list is for a whole tenant, for one of its facilities, or for a country, and may be for one program. It has versions,
each with the days on which it is in force, its prices and its rules. A version that was activated is never edited.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache

from ledger.errors import Category, Problem, Refusal
from ledger.money import AMOUNT_MINOR_MAX, currency_exponents

LEVELS = ("tenant", "facility", "national")
RULE_KINDS = ("factor", "surcharge", "discount", "exemption")
DRAFT, ACTIVE, DISCARDED = "draft", "active", "discarded"
PERCENT_MAX = Decimal(100_000)

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,63}")
_COUNTRY = re.compile(r"[A-Z]{2}")

Coding = tuple[str, str]
"""(system, code)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceList:
    """`facility` is the id of its Organization; `country` an ISO 3166 code; `program` the code of a program."""

    tenant_id: str
    id: str
    name: str
    level: str
    facility: str | None = None
    country: str | None = None
    program: Coding | None = None

    @property
    def scope(self) -> tuple[str, str | None, str | None, Coding | None]:
        """For whom it is: on one day one version in force at most has it."""
        return (self.level, self.facility, self.country, self.program)


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceListVersion:
    """Both days are in force; without `valid_to` it is in force until it is superseded."""

    list_id: str
    version: int
    status: str
    valid_from: date
    valid_to: date | None
    content_hash: str
    activated_at: datetime | None = None
    ended_at: datetime | None = None

    def overlaps(self, valid_from: date, valid_to: date | None) -> bool:
        return (valid_to is None or self.valid_from <= valid_to) and (
            self.valid_to is None or valid_from <= self.valid_to
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What one unit of a service costs: any unit, without `unit`. `tax_included`: the tax of its category is in it."""

    system: str
    code: str
    currency: str
    amount_minor: int
    unit: str = ""
    tax_category: str | None = None
    tax_included: bool = False
    name: str | None = None

    @property
    def key(self) -> tuple[str, str, str, str]:
        return (self.system, self.code, self.currency, self.unit)


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceRule:
    """What changes a price: by percent, or by an amount once a charge, in one currency.

    For one code or all; for charges with a modifier or all. `factor` multiplies the price (50 halves it), `surcharge`
    adds to it, `discount` and `exemption` take off.
    """

    id: str
    kind: str
    percent: Decimal | None = None
    amount_minor: int | None = None
    currency: str | None = None
    code: Coding | None = None
    modifier: str | None = None
    modifier_system: str | None = None
    name: str | None = None

    def acts_on(self, code: Coding, currency: str, modifiers: Iterable[tuple[str | None, str]]) -> bool:
        """Whether it acts on a price of a code, in a currency, for a charge with these modifiers (system, code)."""
        if self.code is not None and self.code != code:
            return False
        if self.currency is not None and self.currency != currency:
            return False
        return self.modifier is None or any(
            self.modifier == value and self.modifier_system in (None, system) for system, value in modifiers
        )


@lru_cache(maxsize=256)
def lookup_order(setting: str) -> tuple[str, ...]:
    """The levels of `price_lookup_order`, in the order in which they are asked."""
    return tuple(level.strip() for level in setting.split(",") if level.strip())


def refuse_list(price_list: PriceList) -> None:
    """Refuse a list that does not say for whom it is."""
    level = price_list.level
    faults = {
        "id": not _ID.fullmatch(price_list.id) and "An id is made of letters, digits, - and ., at most 64 of them.",
        "name": not price_list.name.strip() and "Name the list.",
        "level": level not in LEVELS and f"The level is one of {', '.join(LEVELS)}.",
        "facility": (level == "facility") != bool(price_list.facility)
        and "A list of level facility names its facility, and no other does.",
        "country": (level == "national") != bool(price_list.country)
        and "A national list names its country, and no other does.",
        "program": price_list.program is not None and not all(price_list.program) and "Send system and code.",
    }
    if price_list.country and not _COUNTRY.fullmatch(price_list.country):
        faults["country"] = "The country is an ISO 3166 code of two letters, such as AF."
    _raise_faults({place: text for place, text in faults.items() if text})


def refuse_window(valid_from: date, valid_to: date | None) -> None:
    if valid_to is not None and valid_to < valid_from:
        _raise_faults({"valid_to": "The last day is not before the first one."})


def refuse_content(prices: Sequence[Price], rules: Sequence[PriceRule]) -> None:
    """Refuse prices and rules that are not sound, naming each: `prices[3]`, `rules[0]`."""
    faults: dict[str, str] = {}
    if not prices and not rules:
        faults["prices"] = "A version has a price at least."
    seen: set[object] = set()
    for at, price in enumerate(prices):
        twice = "The same code, currency and unit come twice." if price.key in seen else ""
        if text := _fault_of_price(price) or twice:
            faults[f"prices[{at}]"] = text
        seen.add(price.key)
    for at, rule in enumerate(rules):
        twice = "The same rule id comes twice." if rule.id in seen else ""
        if text := _fault_of_rule(rule) or twice:
            faults[f"rules[{at}]"] = text
        seen.add(rule.id)
    _raise_faults(faults)


def content_hash(valid_from: date, prices: Iterable[Price], rules: Iterable[PriceRule]) -> str:
    """Of all that a version says, in whatever order: `./run check` finds by it what was changed."""
    said = [
        valid_from.isoformat(),
        sorted(
            [p.system, p.code, p.currency, p.unit, p.amount_minor, p.tax_category or "", p.tax_included, p.name or ""]
            for p in prices
        ),
        sorted(
            [
                *(r.id, r.kind, _plain(r.percent), str(r.amount_minor), r.currency or "", list(r.code or ())),
                *(r.modifier or "", r.modifier_system or "", r.name or ""),
            ]
            for r in rules
        ),
    ]
    return hashlib.sha256(json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()


def _plain(number: Decimal | None) -> str:
    """A decimal without the zeros that a database may keep or not."""
    return "" if number is None else f"{number.normalize():f}"


def _fault_of_price(price: Price) -> str:
    if not price.system or not price.code:
        return "Send system and code of the service."
    if price.currency not in currency_exponents():
        return f"{price.currency!r} is not an ISO 4217 currency code."
    if not 0 <= price.amount_minor <= AMOUNT_MINOR_MAX:
        return "A price is from 0 to 10^15 minor units."
    if price.tax_included and not price.tax_category:
        return "A price with its tax in it names the tax category."
    return ""


def _fault_of_rule(rule: PriceRule) -> str:
    if not _ID.fullmatch(rule.id):
        return "A rule's id is made of letters, digits, - and ., at most 64 of them."
    if rule.kind not in RULE_KINDS:
        return f"A rule is a {', '.join(RULE_KINDS)}."
    if (rule.percent is None) == (rule.amount_minor is None):
        return "Send a percent or an amount."
    if rule.kind == "factor" and rule.percent is None:
        return "A factor is a percent."
    if (rule.amount_minor is None) != (rule.currency is None):
        return "An amount has a currency."
    if rule.currency is not None and rule.currency not in currency_exponents():
        return f"{rule.currency!r} is not an ISO 4217 currency code."
    if rule.percent is not None and not 0 <= rule.percent <= PERCENT_MAX:
        return f"A percent is from 0 to {PERCENT_MAX}."
    if rule.amount_minor is not None and not 0 <= rule.amount_minor <= AMOUNT_MINOR_MAX:
        return "An amount is from 0 to 10^15 minor units."
    if rule.kind in ("discount", "exemption") and rule.percent is not None and rule.percent > 100:
        return "No more than 100 percent are taken off."
    if rule.code is not None and not all(rule.code):
        return "Send system and code of the service."
    return "Name the modifier." if rule.modifier_system and not rule.modifier else ""


def _raise_faults(faults: dict[str, str]) -> None:
    if faults:
        raise Refusal(
            Problem(Category.RULE_BROKEN, "price-list-invalid", text, place) for place, text in faults.items()
        )
