"""Which live invoice holds which charge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from storage.array_insert import ArrayInsert
from storage.pipeline import Statement
from storage.tables import invoiced_charge
from storage.transaction import Transaction

_INSERT = ArrayInsert(invoiced_charge, 850, in_key_order=True)
_RELEASE = Statement("DELETE FROM billing.invoiced_charge WHERE tenant_id = $1 AND invoice_id = $2")
_RELEASE_SOME = Statement(
    "DELETE FROM billing.invoiced_charge WHERE tenant_id = $1 AND invoice_id = $2 AND charge_item_id = ANY($3::text[])"
)
_HOLDERS = Statement(
    "SELECT charge_item_id, invoice_id FROM billing.invoiced_charge"
    " WHERE tenant_id = $1 AND charge_item_id = ANY($2::text[])"
)


async def holders(tx: Transaction, charge_item_ids: Sequence[str]) -> dict[str, str]:
    """Charge id -> the live invoice that holds it."""
    if not charge_item_ids:
        return {}
    return dict(await tx.fetch(_HOLDERS, tx.tenant_id, list(charge_item_ids)))


def holders_query(tenant_id: str, charge_item_ids: Sequence[str]) -> tuple[Statement, Sequence[Any]]:
    """The statement that reads (charge, the live invoice that holds it)."""
    return _HOLDERS, (tenant_id, list(charge_item_ids))


def hold(tx: Transaction, invoice_id: str, charge_item_ids: Sequence[str]) -> None:
    """Have an invoice hold charges. Two that take one charge at once: the primary key lets one through."""
    for charge_item_id in charge_item_ids:
        tx.add(_INSERT, (tx.tenant_id, charge_item_id, invoice_id))


def release(tx: Transaction, invoice_id: str) -> None:
    tx.send(_RELEASE, tx.tenant_id, invoice_id)


def release_some(tx: Transaction, invoice_id: str, charge_item_ids: Sequence[str]) -> None:
    """Have an invoice hold these charges no more."""
    if charge_item_ids:
        tx.send(_RELEASE_SOME, tx.tenant_id, invoice_id, list(charge_item_ids))
