"""What charges would cost, without making any: the same look-up and the same arithmetic as their capture."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from billing.context import Context
from billing.price_charge import rates
from ledger.price_list import Coding, lookup_order
from ledger.pricing import Pricing, Wanted, price_of
from storage import prices
from storage.transaction import Transaction


class QuoteRequest(NamedTuple):
    """One service. Without a day it is today's, without a currency the tenant's."""

    codes: tuple[Coding, ...]
    day: date | None
    currency: str | None
    facility: str | None
    program: Coding | None
    quantity: Decimal
    unit: str | None
    factor: Decimal
    modifiers: tuple[tuple[str | None, str], ...]


async def quote_prices(tx: Transaction, context: Context, asked: Sequence[QuoteRequest]) -> list[Pricing | None]:
    """What each would cost; None where there is no price. One question for all of them."""
    today = context.today(await tx.read_clock())
    order = lookup_order(context.tenant.setting("price_lookup_order"))
    country = context.tenant.country
    wanted = [_wanted(context, each, today) for each in asked]
    prices.ask(tx, country, [code for each in wanted for code in each.codes], prices.ANY_DAY)
    quotes = []
    for each in wanted:
        book = await prices.book_for(tx, country, each.codes, each.day)
        quotes.append(price_of(book, each, order, await rates(tx, context, book, each)))
    return quotes


def _wanted(context: Context, asked: QuoteRequest, today: date) -> Wanted:
    return Wanted(
        codes=asked.codes,
        day=asked.day or today,
        currency=asked.currency or context.tenant.currency,
        facility=asked.facility,
        programs=(asked.program,) if asked.program else (),
        quantity=asked.quantity,
        unit=asked.unit,
        factor=asked.factor,
        modifiers=asked.modifiers,
    )
