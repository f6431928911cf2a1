"""Write a version of a price list: a draft, whole, with the days on which it is to be in force. It is never edited."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from billing.keep_price_list import locked_list
from ledger.price_list import (
    DRAFT,
    Price,
    PriceListVersion,
    PriceRule,
    content_hash,
    refuse_content,
    refuse_window,
)
from storage import price_lists
from storage.transaction import Transaction


async def write_price_list(
    tx: Transaction,
    list_id: str,
    *,
    valid_from: date,
    valid_to: date | None,
    prices: Sequence[Price],
    rules: Sequence[PriceRule],
) -> PriceListVersion:
    """The next version of the list, as a draft: it prices nothing until it is activated.

    `valid_from` may be long past: the prices at which old charges are loaded.
    """
    refuse_window(valid_from, valid_to)
    refuse_content(prices, rules)
    await locked_list(tx, list_id)
    existing = await price_lists.versions(tx, tx.tenant_id, [list_id])
    version = PriceListVersion(
        list_id=list_id,
        version=1 + max((each.version for each in existing), default=0),
        status=DRAFT,
        valid_from=valid_from,
        valid_to=valid_to,
        content_hash=content_hash(valid_from, prices, rules),
    )
    price_lists.insert_version(tx, version, prices, rules)
    return version
