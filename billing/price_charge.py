"""Price a charge from the price lists: read what a list is asked for off the charge, and look it up.

The lists are read once a transaction for all codes that it knows it will need (`ask_prices`), in one array statement
that travels with the lock of the accounts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from billing.context import Context
from billing.places import extension_place
from ledger.capture import facility_of, service_date_of
from ledger.charge_item import ChargeItem
from ledger.errors import invalid
from ledger.money import Money
from ledger.price_list import Coding, lookup_order
from ledger.pricing import PriceBook, Pricing, RateOf, TaxRate, Wanted, net_of_inclusive, no_rates, price_of
from ledger.tax_rule import TaxRule, rules_for
from mappers.extensions import CHARGE_MODIFIER, CHARGE_PROGRAM
from mappers.residue import decode_residue
from storage import prices, tax_rules
from storage.transaction import Transaction


def ask_prices(tx: Transaction, context: Context, charges: Iterable[ChargeItem]) -> None:
    """Have the prices read that these charges will need, on the way of the next question."""
    for charge in charges:
        if charge.status == "billable" and charge.price_override.minor_units is None:
            day = service_date_of(charge, context.tenant.timezone)
            days = prices.ANY_DAY if day is None else (day, day)
            prices.ask(tx, context.tenant.country, codes_of(charge), days)


def ask_prices_of_documents(tx: Transaction, context: Context, documents: Iterable[dict[str, Any]]) -> None:
    """The same for all ChargeItems of a Bundle, before any of them is read: one statement for all codes."""
    charges = [
        document
        for document in documents
        if document.get("resourceType") == "ChargeItem" and "priceOverride" not in document
    ]
    codes = {coding for charge in charges for coding in codings_of_concept(charge.get("code"))}
    if codes:
        prices.ask(tx, context.tenant.country, codes, _days_of(charges))


async def list_price(
    tx: Transaction, context: Context, charge: ChargeItem, day: date, *, settles: bool = True
) -> Pricing | None:
    """What a charge costs by the price lists; None where none has a price for it.

    `settles`: where it is to be held, a list that comes into force at this moment is waited for.
    """
    balance = tx.balances.get(charge.account_id or "")
    wanted = wanted_of(charge, day, context.tenant.currency if balance is None else balance.currency)
    if wanted is None:
        return None
    order = lookup_order(context.tenant.setting("price_lookup_order"))
    book = await prices.book_for(tx, context.tenant.country, wanted.codes, day)
    found = price_of(book, wanted, order, await rates(tx, context, book, wanted))
    if found is None and settles and context.tenant.setting("unpriced_charge") == "hold":
        # It is held if there is none. A list that comes into force just now must not miss it.
        book = await prices.settle(tx, context.tenant.country, wanted.codes, day)
        found = price_of(book, wanted, order, await rates(tx, context, book, wanted))
    return found


async def rates(tx: Transaction, context: Context, book: PriceBook, wanted: Wanted) -> RateOf:
    """The rates of the taxes that are in prices, where any price for these codes has its tax in it."""
    of_codes = [price for coding in wanted.codes for price in book.prices.get(coding, {}).values()]
    if not any(price.tax_included for price in of_codes):
        return no_rates
    rules = await _tax_rules(tx, context)

    def rate_of(category: str) -> TaxRate | None:
        holding = rules_for(rules, category, on=wanted.day, facility=wanted.facility)
        percent = sum((rule.percent for rule in holding), Decimal(0))
        return TaxRate(percent=percent, rule=" ".join(rule.key for rule in holding)) if holding else None

    return rate_of


async def _tax_rules(tx: Transaction, context: Context) -> list[TaxRule]:
    """The rules that the tenant goes by, read once a transaction."""
    known = prices.known_by(tx)
    if known.tax_rules is None:
        known.tax_rules = await tax_rules.for_tenant(tx, tx.tenant_id, context.tenant.country)
    return known.tax_rules


async def net_override(tx: Transaction, context: Context, charge: ChargeItem, day: date) -> int | None:
    """What the priceOverride of a charge is without tax, where a rule of the tenant's category says it has it in it."""
    override, category = charge.price_override, context.tenant.setting("tax_category")
    if override.minor_units is None or override.currency is None or not category:
        return override.minor_units
    rules = await _tax_rules(tx, context)
    holding = rules_for(rules, category, on=day, facility=facility_of(charge.performing_organization))
    percent = sum((rule.percent for rule in holding if rule.inclusive), Decimal(0))
    return net_of_inclusive(Money(override.currency, override.minor_units), percent).minor_units


def wanted_of(charge: ChargeItem, day: date, currency: str) -> Wanted | None:
    """What a list is asked for; None where the charge has no code, or its quantity is only known to be less or more."""
    residue = decode_residue(charge.residue)
    codes = codes_of(charge)
    if not codes or "comparator" in residue.get("quantity", {}):
        return None
    return Wanted(
        codes=codes,
        day=day,
        currency=currency,
        facility=facility_of(charge.performing_organization),
        programs=tuple((system or "", code) for system, code in _concepts(residue, CHARGE_PROGRAM)),
        quantity=Decimal(1) if charge.quantity_value is None else charge.quantity_value,
        unit=charge.quantity_code,
        factor=Decimal(1) if charge.factor_override is None else charge.factor_override,
        modifiers=tuple(_concepts(residue, CHARGE_MODIFIER)),
    )


def codes_of(charge: ChargeItem) -> tuple[Coding, ...]:
    """The codings of a charge that say both system and code, in its order."""
    return tuple((row.system, row.value) for row in charge.indexed("code") if row.system and row.value)


def asks_otherwise(charge: ChargeItem, previous: ChargeItem) -> bool:
    """Whether program or modifiers are not those that they were."""
    now, before = decode_residue(charge.residue), decode_residue(previous.residue)
    return any(list(_concepts(now, url)) != list(_concepts(before, url)) for url in (CHARGE_PROGRAM, CHARGE_MODIFIER))


def _days_of(documents: Iterable[dict[str, Any]]) -> prices.Days:
    """Days between which all these services lie, at whatever place; any, where one does not say a day."""
    written = [
        each.get("occurrenceDateTime") or each.get("occurrencePeriod", {}).get("start", "") for each in documents
    ]
    try:
        days = [date.fromisoformat(text[:10]) for text in written]
        return min(days) - timedelta(days=1), max(days) + timedelta(days=1)
    except (ValueError, OverflowError):
        return prices.ANY_DAY


def codings_of_concept(concept: Any) -> Iterator[Coding]:
    """(system, code) of the codings of a CodeableConcept that say both."""
    codings = concept.get("coding", []) if isinstance(concept, dict) else []
    for coding in codings:
        if coding.get("system") and coding.get("code"):
            yield coding["system"], coding["code"]


def _concepts(residue: dict[str, Any], url: str) -> Iterator[tuple[str | None, str]]:
    """(system, code) of the codings of an extension of the charge that is a CodeableConcept."""
    for extension in residue.get("extension", []):
        if extension.get("url") != url:
            continue
        concept = extension.get("valueCodeableConcept")
        if concept is None:
            message = f"The extension {url} has valueCodeableConcept."
            raise invalid("extension-malformed", message, extension_place("ChargeItem", url), "structure")
        for coding in concept.get("coding", []):
            if "code" in coding:
                yield coding.get("system"), coding["code"]
