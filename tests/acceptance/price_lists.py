"""The one price list of the acceptance tests: a version of it comes into force in one request."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from billing.activate_price_list import activate_price_list
from billing.keep_price_list import keep_price_list
from billing.write_price_list import write_price_list
from ledger.price_list import Price, PriceList, PriceRule
from storage import price_lists
from storage.transaction import Transaction

CPT = "http://www.ama-assn.org/go/cpt"
CODE = "99213"
"""The one service that the tests charge for."""


async def publish(tx: Transaction, list_id: str, content: dict[str, Any]) -> None:
    """`content`: the days from and to, prices by currency, and the percents of a discount and an exemption."""
    price_lists.lock_lists(tx)
    await keep_price_list(tx, PriceList(tenant_id=tx.tenant_id, id=list_id, name=list_id, level="tenant"))
    version = await write_price_list(
        tx,
        list_id,
        valid_from=content["from"],
        valid_to=content["to"],
        prices=[
            Price(system=CPT, code=CODE, currency=currency, amount_minor=amount)
            for currency, amount in content["prices"].items()
        ],
        rules=[
            PriceRule(id="all", kind="discount", percent=Decimal(content["discount"])),
            PriceRule(id="poor", kind="exemption", percent=Decimal(content["exemption"]), modifier="poor"),
        ],
    )
    await activate_price_list(tx, list_id, version.version)
