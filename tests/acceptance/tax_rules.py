"""Tax rules of the tenants that the state machine drives: the rate changed a month and a half ago."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from functools import partial

from billing.keep_tax_rule import add_tax_rule
from ledger.tax_rule import TaxRule
from tests.acceptance.books import ACTOR, Books

RATES = ("0.05", "0.125")


async def change_rate(books: Books, today: date) -> list[tuple[date, date, str]]:
    """Add the rules; (first day, last day, factor) of each."""
    changed = today - timedelta(days=45)
    windows = [(date(2000, 1, 1), changed - timedelta(days=1)), (changed, date(2100, 1, 1))]
    for (first, last), factor in zip(windows, RATES, strict=True):
        rule = TaxRule(
            tenant_id=books.tenant_id,
            id=f"vat-{first}",
            category="standard",
            code="VAT",
            treatment="taxable",
            percent=Decimal(factor) * 100,
            valid_from=first,
            valid_to=last,
        )
        await books.database.run(books.tenant_id, ACTOR, partial(add_tax_rule, rule=rule))
    return [(*window, factor) for window, factor in zip(windows, RATES, strict=True)]
