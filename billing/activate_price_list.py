"""Bring a version of a price list into force, discard a draft, or end a version.

Windows of what is for the same level, facility, country and program never overlap: of a day it is known which version
prices it. The version before, of the same list, that has no last day ends by itself on the day before. Whoever comes
into force at the same time waits here, and so does who looks for a price and finds none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

from billing.keep_price_list import locked_list
from ledger.errors import conflict, not_found, rule_broken
from ledger.price_list import ACTIVE, DISCARDED, DRAFT, PriceListVersion
from storage import price_lists
from storage.transaction import Transaction

_DAY = timedelta(days=1)


async def activate_price_list(tx: Transaction, list_id: str, version: int) -> PriceListVersion:
    """The version, which is in force on its days from now on. One that is active already is left as it is."""
    price_lists.lock_lists(tx)
    found = await _locked_version(tx, list_id, version)
    if found.status == ACTIVE:
        return found
    if found.status != DRAFT:
        raise conflict("price-list-discarded", f"Version {version} was discarded; write another one.")
    rivals = await price_lists.rivals(tx, list_id)
    superseded = _superseded_by(found, rivals)
    in_the_way = [each for each in rivals if each is not superseded and each.overlaps(found.valid_from, found.valid_to)]
    if in_the_way:
        raise overlap(found, in_the_way[0])
    if superseded is not None:
        price_lists.end(tx, list_id, superseded.version, found.valid_from - _DAY)
    price_lists.activate(tx, list_id, version)
    return replace(found, status=ACTIVE, activated_at=tx.now)


async def discard_price_list(tx: Transaction, list_id: str, version: int) -> PriceListVersion:
    """Give a draft up. Refused where it is active: end it instead."""
    found = await _locked_version(tx, list_id, version)
    if found.status == ACTIVE:
        raise conflict("price-list-active", f"Version {version} is in force; end it, or supersede it by another.")
    if found.status == DRAFT:
        price_lists.discard(tx, list_id, version)
    return replace(found, status=DISCARDED)


async def end_price_list(tx: Transaction, list_id: str, version: int, last_day: date) -> PriceListVersion:
    """Have a version end sooner. What was priced by it keeps its price; the day before its first one ends it whole."""
    price_lists.lock_lists(tx)
    found = await _locked_version(tx, list_id, version)
    if found.status != ACTIVE:
        raise conflict("price-list-not-active", f"Version {version} is {found.status}; only an active one ends.")
    if last_day < found.valid_from - _DAY or (found.valid_to is not None and last_day > found.valid_to):
        message = "A version ends sooner only, and not before the day before its first one; write another one to go on."
        raise rule_broken("price-list-invalid", message, "valid_to")
    if last_day != found.valid_to:
        price_lists.end(tx, list_id, version, last_day)
    return replace(found, valid_to=last_day, ended_at=tx.now)


def _superseded_by(found: PriceListVersion, rivals: Sequence[PriceListVersion]) -> PriceListVersion | None:
    """The version of the same list that began before and has no last day."""
    open_ended = [
        each
        for each in rivals
        if each.list_id == found.list_id and each.valid_to is None and each.valid_from < found.valid_from
    ]
    return open_ended[0] if open_ended else None


async def _locked_version(tx: Transaction, list_id: str, version: int) -> PriceListVersion:
    await locked_list(tx, list_id)
    for each in await price_lists.versions(tx, tx.tenant_id, [list_id]):
        if each.version == version:
            return each
    raise not_found("price-list-unknown", f"The price list {list_id} has no version {version}.")


def overlap(wanted: PriceListVersion, other: PriceListVersion) -> Exception:
    days = f"{other.valid_from} to {other.valid_to}" if other.valid_to else f"{other.valid_from} on"
    return conflict(
        "price-list-overlap",
        f"Version {other.version} of {other.list_id} is in force from {days}, for the same; choose other days"
        f" for version {wanted.version} of {wanted.list_id}, or end that one before.",
        "valid_from",
    )
