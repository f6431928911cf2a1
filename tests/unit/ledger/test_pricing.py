"""Which price a charge gets, and what rules make of it: exact, rounded once, in currencies of all sorts of decimals."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import Refusal
from ledger.money import AMOUNT_MINOR_MAX, Money
from ledger.price_list import LEVELS, Price, PriceListVersion, PriceRule, content_hash, lookup_order
from ledger.pricing import PriceBook, PricedList, Pricing, TaxRate, Wanted, net_of_inclusive, price_of

CODE = ("urn:codes", "1")
DAY = date(2026, 1, 10)
CURRENCIES = st.sampled_from(["AFN", "JPY", "KWD", "USD"])
PERCENTS = st.decimals(0, 100, places=3)
quantities = st.decimals(0, 1000, places=4)


def listed(list_id: str = "l", **more: Any) -> PricedList:
    fields: dict[str, Any] = {
        "tenant_id": "t",
        "list_id": list_id,
        "version": 1,
        "level": "tenant",
        "facility": None,
        "program": None,
        "valid_from": date.min,
        "valid_to": None,
        **more,
    }
    return PricedList(**fields)


def book(*rules: PriceRule, amount: int = 1000, currency: str = "AFN", **more: Any) -> PriceBook:
    price = Price(system=CODE[0], code=CODE[1], currency=currency, amount_minor=amount, **more)
    one = listed()
    return PriceBook({one.key: one}, {CODE: {(one.key, price.key): price}}, {one.key: {r.id: r for r in rules}})


def wanted(**more: Any) -> Wanted:
    return Wanted(**{"codes": (CODE,), "day": DAY, "currency": "AFN", **more})


def priced(rules: PriceBook, asked: Wanted, tax: TaxRate | None = None) -> Pricing:
    found = price_of(rules, asked, LEVELS, lambda _: tax)
    assert found is not None
    return found


def half_away(exact: Fraction) -> int:
    """For amounts that are not negative."""
    return int(exact + Fraction(1, 2))


@given(st.integers(0, 10**9), quantities, quantities, st.lists(PERCENTS, max_size=3), CURRENCIES)
def test_the_base_is_one_product_rounded_once(
    amount: int, quantity: Decimal, factor: Decimal, percents: list[Decimal], currency: str
) -> None:
    rules = [PriceRule(id=str(at), kind="factor", percent=each) for at, each in enumerate(percents)]
    exact = Fraction(amount) * Fraction(quantity) * Fraction(factor)
    for percent in percents:
        exact *= Fraction(percent) / 100
    asked = wanted(quantity=quantity, factor=factor, currency=currency)
    if half_away(exact) > AMOUNT_MINOR_MAX:
        with pytest.raises(Refusal, match="amount-too-large"):
            price_of(book(*rules, amount=amount, currency=currency), asked, LEVELS)
    else:
        assert priced(book(*rules, amount=amount, currency=currency), asked).base.minor_units == half_away(exact)


@given(
    st.integers(0, 10**12),
    st.lists(st.tuples(st.sampled_from(["surcharge", "discount", "exemption"]), PERCENTS), max_size=6),
)
def test_what_is_taken_off_is_never_more_than_there_is_and_all_parts_sum_up(
    amount: int, parts: list[tuple[str, Decimal]]
) -> None:
    rules = [PriceRule(id=str(at), kind=kind, percent=percent) for at, (kind, percent) in enumerate(parts)]
    found = priced(book(*rules, amount=amount), wanted())
    sums = [each.minor_units for each in (found.base, found.surcharge, found.discount, found.exemption)]
    assert min(sums) >= 0
    assert 0 <= found.amount.minor_units == sums[0] + sums[1] - sums[2] - sums[3]
    assert set(found.rules) == {rule.id for rule in rules}


@given(st.integers(0, AMOUNT_MINOR_MAX), st.decimals(0, 100, places=2), CURRENCIES)
def test_the_net_of_an_inclusive_amount_and_its_tax_come_back_to_it(amount: int, rate: Decimal, currency: str) -> None:
    net = net_of_inclusive(Money(currency, amount), rate)
    gross = Fraction(net.minor_units) * (1 + Fraction(rate) / 100)
    # Half a minor unit of net is at most one and a half of gross, at rates up to 100 percent.
    assert abs(gross - amount) <= Fraction(1, 2) * (1 + Fraction(rate) / 100)
    assert 0 <= net.minor_units <= amount


def test_105_with_5_percent_in_it_is_100() -> None:
    tax = TaxRate(percent=Decimal(5), rule="vat")
    found = priced(book(amount=10500, tax_category="standard", tax_included=True), wanted(), tax)
    assert (found.amount.minor_units, found.tax) == (10000, tax)


def test_a_price_with_tax_of_an_unknown_rate_is_none() -> None:
    assert price_of(book(tax_category="standard", tax_included=True), wanted(), LEVELS) is None


def test_amounts_of_rules_are_net_where_prices_are() -> None:
    surcharge = PriceRule(id="s", kind="surcharge", amount_minor=210, currency="AFN")
    tax = TaxRate(percent=Decimal(5))
    found = priced(book(surcharge, amount=1050, tax_category="v", tax_included=True), wanted(), tax)
    assert (found.base.minor_units, found.surcharge.minor_units) == (1000, 200)


@pytest.mark.parametrize(
    ("rule", "modifiers", "acts"),
    [
        ({}, (), True),
        ({"modifier": "50"}, (), False),
        ({"modifier": "50"}, ((None, "50"),), True),
        ({"modifier": "50", "modifier_system": "urn:m"}, ((None, "50"),), False),
        ({"modifier": "50", "modifier_system": "urn:m"}, (("urn:n", "50"), ("urn:m", "50")), True),
        ({"modifier": "50"}, (("urn:any", "50"),), True),
        ({"code": CODE}, (), True),
        ({"code": ("urn:codes", "2")}, (), False),
        ({"code": ("urn:other", "1")}, (), False),
    ],
)
def test_a_rule_acts_on_its_code_and_its_modifier_alone(
    rule: dict[str, Any], modifiers: tuple[tuple[str | None, str], ...], acts: bool
) -> None:
    made = PriceRule(id="r", kind="discount", percent=Decimal(10), **rule)
    assert priced(book(made), wanted(modifiers=modifiers)).rules == (("r",) if acts else ())


def test_an_amount_of_a_rule_is_for_its_currency_alone() -> None:
    rule = PriceRule(id="r", kind="surcharge", amount_minor=5, currency="USD")
    assert priced(book(rule), wanted()).surcharge.minor_units == 0


@pytest.mark.parametrize("field", ["quantity", "factor"])
def test_a_negative_product_is_refused(field: str) -> None:
    with pytest.raises(Refusal, match="negative-amount"):
        price_of(book(), wanted(**{field: Decimal(-1)}), LEVELS)


@given(st.permutations(LEVELS), st.sets(st.sampled_from(LEVELS), min_size=1), st.booleans())
def test_the_first_level_in_the_order_wins_and_a_program_goes_before_all(
    order: list[str], levels: set[str], has_program: bool
) -> None:
    lists = [listed(level, level=level, facility="f" if level == "facility" else None) for level in sorted(levels)]
    if has_program:
        lists.append(listed("program", level=order[-1], facility="f", program=("urn:p", "p")))
    price = Price(system=CODE[0], code=CODE[1], currency="AFN", amount_minor=1)
    whole = PriceBook({each.key: each for each in lists}, {CODE: {(each.key, price.key): price for each in lists}}, {})
    found = price_of(whole, wanted(facility="f", programs=(("urn:p", "p"),)), order)
    assert found is not None
    assert found.list.list_id == ("program" if has_program else next(each for each in order if each in levels))


@given(st.integers(-5, 5), st.integers(0, 5), st.integers(-12, 12))
def test_a_version_is_in_force_from_its_first_to_its_last_day(start: int, length: int, at: int) -> None:
    first, last = DAY + timedelta(start), DAY + timedelta(start + length)
    one = listed(valid_from=first, valid_to=last)
    assert one.is_for(wanted(day=DAY + timedelta(at))) is (start <= at <= start + length)


@given(*(st.one_of(st.none(), st.integers(0, 10)) for _ in range(2)), *(st.integers(0, 10) for _ in range(2)))
def test_windows_overlap_where_they_have_a_day_in_common(
    first_to: int | None, second_to: int | None, first_from: int, second_from: int
) -> None:
    def day(number: int | None) -> date | None:
        return None if number is None else DAY + timedelta(number)

    def days(start: int, end: int | None) -> set[int]:
        return set(range(start, 50 if end is None else end + 1))

    one = PriceListVersion(
        list_id="l",
        version=1,
        status="active",
        valid_from=DAY + timedelta(first_from),
        valid_to=day(first_to),
        content_hash="",
    )
    expected = bool(days(first_from, first_to) & days(second_from, second_to))
    is_window = (first_to is None or first_to >= first_from) and (second_to is None or second_to >= second_from)
    if is_window:
        assert one.overlaps(DAY + timedelta(second_from), day(second_to)) is expected


def test_the_hash_of_a_version_is_of_what_it_says_not_of_its_order_or_zeros() -> None:
    prices = [Price(system="s", code=code, currency="AFN", amount_minor=1) for code in "ab"]
    rules = [PriceRule(id="r", kind="discount", percent=Decimal(percent)) for percent in ("10", "10.0", "11")]
    assert content_hash(DAY, prices, rules[:1]) == content_hash(DAY, prices[::-1], rules[1:2])
    assert content_hash(DAY, prices, rules[:1]) != content_hash(DAY, prices, rules[2:])
    assert content_hash(DAY, prices, []) != content_hash(DAY + timedelta(1), prices, [])


def test_the_lookup_order_is_read_with_or_without_spaces() -> None:
    assert lookup_order("facility, tenant,,national") == ("facility", "tenant", "national")
