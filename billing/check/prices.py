"""Price lists: none was edited, none overlap; and what charges were priced at is what the list in force said."""

from __future__ import annotations

from billing.check.corruption import Corruption
from billing.check.finding import Findings, Rule
from billing.price_charge import wanted_of
from ledger.capture import NO_REDUCTIONS, POSTED_STATUSES, Reductions
from ledger.charge_item import ChargeItem
from ledger.errors import Refusal
from ledger.price_list import content_hash
from ledger.pricing import PriceBook, Pricing, TaxRate, price_of
from storage import check_prices
from storage.check_prices import ChargePrice
from storage.check_snapshot import Snapshot

RULES = (
    Rule(
        Corruption.PRICE_LISTS_OVERLAP,
        check_prices.OVERLAPS,
        "PriceList/{0} version {1}",
        "PriceList/{2} version {3} is for the same, and both are in force on some day",
    ),
)


async def check_lists(snapshot: Snapshot, findings: Findings, tenant_id: str) -> None:
    """Every version still says what was written."""
    async for each in check_prices.lists(snapshot, tenant_id):
        if content_hash(each.valid_from, each.prices, each.rules) != each.content_hash:
            place = f"PriceList/{each.list_id} version {each.version}"
            message = "its first day, prices or rules are not those that were written"
            findings.add(Corruption.PRICE_LIST_CHANGED, place, message)


def is_list_priced(charge: ChargeItem) -> bool:
    """Whether what the charge costs comes from a list."""
    return (
        charge.status in POSTED_STATUSES
        and charge.price_override.minor_units is None
        and charge.amount_minor is not None
    )


def reductions_of(charge: ChargeItem, priced: ChargePrice | None) -> Reductions:
    """What the list took off, by what the charge was priced at."""
    if priced is None or not is_list_priced(charge):
        return NO_REDUCTIONS
    return Reductions(priced.discount_minor, priced.exemption_minor)


def check_price(findings: Findings, charge: ChargeItem, priced: ChargePrice | None, book: PriceBook) -> None:
    """What a charge costs is what it was priced at, and that is what the list says for it."""
    place = f"ChargeItem/{charge.id}"
    if not is_list_priced(charge):
        return
    if priced is None:
        findings.add(Corruption.CHARGE_PRICE_MISSING, place, "no price list says what it costs, and no override does")
        return
    if (charge.amount_minor, charge.amount_currency) != (priced.amount_minor, priced.currency):
        message = f"it costs {charge.amount_minor} and was priced at {priced.amount_minor} minor units"
        findings.add(Corruption.CHARGE_PRICE_WRONG, place, message)
        return
    said = _priced_again(charge, priced, book)
    if said is None or not _is_same(said, priced):
        list_tenant, list_id, version = priced.key
        message = f"version {version} of the price list {list_id} of {list_tenant} prices it otherwise, or not at all"
        findings.add(Corruption.CHARGE_PRICE_WRONG, place, message)


def _priced_again(charge: ChargeItem, priced: ChargePrice, book: PriceBook) -> Pricing | None:
    listed = book.lists.get(priced.key)
    if listed is None:
        return None
    only = PriceBook(
        {priced.key: listed},
        {
            code: {key: price for key, price in prices.items() if key[0] == priced.key}
            for code, prices in book.prices.items()
        },
        book.rules,
    )
    rate = None if priced.tax_rate is None else TaxRate(percent=priced.tax_rate)
    try:
        wanted = wanted_of(charge, priced.service_date, priced.currency)
        return None if wanted is None else price_of(only, wanted, [listed.level], lambda _: rate)
    except Refusal:
        return None


def _is_same(said: Pricing, priced: ChargePrice) -> bool:
    return (
        (said.price.system, said.price.code) == priced.code
        and said.price.unit == priced.unit
        and said.price.amount_minor == priced.unit_price_minor
        and said.price.tax_category == priced.tax_category
        and (said.wanted.quantity, said.wanted.factor) == (priced.quantity, priced.factor)
        and said.base.minor_units == priced.base_minor
        and said.surcharge.minor_units == priced.surcharge_minor
        and said.discount.minor_units == priced.discount_minor
        and said.exemption.minor_units == priced.exemption_minor
        and said.rules == priced.rules
    )
