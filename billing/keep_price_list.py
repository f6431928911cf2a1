"""Add a price list, or give it another name. For whom a list is never changes: its prices were meant for those."""

from __future__ import annotations

from dataclasses import replace

from ledger.errors import conflict, not_found
from ledger.price_list import PriceList, refuse_list
from ledger.tenant import NATIONAL
from storage import price_lists
from storage.transaction import Transaction


async def keep_price_list(tx: Transaction, wanted: PriceList) -> tuple[PriceList, bool]:
    """The list as it is then, and whether it is new.

    Refused where its facility, country or program are not what they were, or where a national list is a tenant's.
    """
    refuse_list(wanted)
    if (wanted.level == "national") != (tx.tenant_id == NATIONAL):
        raise conflict(
            "price-list-scope", f"National lists are of the tenant {NATIONAL}, and it has no others.", "level"
        )
    existing = await price_lists.lock(tx, wanted.id)
    if existing is None:
        price_lists.insert(tx, wanted)
        return wanted, True
    if existing.scope != wanted.scope:
        message = f"The list {wanted.id} is for another level, facility, country or program; give this one another id."
        raise conflict("price-list-scope", message)
    if existing.name != wanted.name:
        price_lists.rename(tx, wanted.id, wanted.name)
    return replace(existing, name=wanted.name), False


async def locked_list(tx: Transaction, list_id: str) -> PriceList:
    """The list, locked; refused with `price-list-unknown` where there is none."""
    existing = await price_lists.lock(tx, list_id)
    if existing is None:
        raise list_unknown(list_id)
    return existing


def list_unknown(list_id: str) -> Exception:
    return not_found("price-list-unknown", f"There is no price list {list_id}.")
