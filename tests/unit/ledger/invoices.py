"""Invoices as the tests of the rules about them make them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from ledger.invoice import Invoice, InvoiceLine, PriceComponent
from ledger.resource import NO_MONEY, DecimalMoney


def money(amount: int | None, currency: str | None = "AFN", scale: int | None = 2) -> DecimalMoney:
    return DecimalMoney(amount, currency, scale)


def component(
    kind: str, amount: int | None = None, *, factor: str | None = None, currency: str = "AFN", **more: Any
) -> PriceComponent:
    return PriceComponent(
        type=kind,
        amount=NO_MONEY if amount is None else money(amount, currency),
        factor=None if factor is None else Decimal(factor),
        **more,
    )


def line(*components: PriceComponent, charge: str | None = None, sequence: int | None = None) -> InvoiceLine:
    return InvoiceLine(components=list(components), charge_item_id=charge, sequence=sequence)


def invoice(*lines: InvoiceLine, totals: list[PriceComponent] | None = None, **more: Any) -> Invoice:
    return Invoice(id="v", status="draft", lines=list(lines), totals=totals or [], **more)


def figures(components: list[PriceComponent]) -> list[tuple[str, int | None]]:
    return [(each.type, each.amount.minor_units) for each in components]
