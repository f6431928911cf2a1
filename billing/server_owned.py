"""Elements that the server owns: what a client may send of them, and what becomes of it.

None, or the value that is current, is fine. A value that was current once is stale (409: read again). Any other is refused
(422): nobody but the ledger says it.
"""

from __future__ import annotations

from typing import Any

from ledger.errors import Category, refuse
from ledger.resource import Resource
from mappers import mapper_for
from mappers.r4.json_text import decode
from storage import resource_versions
from storage.transaction import Transaction

# Type -> field of the record -> the element, as a client sees it.
SERVER_OWNED: dict[str, dict[str, str]] = {
    "Account": {},
    "ChargeItem": {
        "amount_minor": "ChargeItem.extension('charge-amount')",
        "amount_currency": "ChargeItem.extension('charge-amount')",
        "unpriced": "ChargeItem.extension('charge-unpriced')",
    },
    "Invoice": {
        "settled_minor": "Invoice.extension('invoice-settled')",
        "due_minor": "Invoice.extension('invoice-due')",
        "settlement_currency": "Invoice.extension('invoice-settled')",
        "credit_of_id": "Invoice.extension('credit-of')",
    },
    "PaymentReconciliation": {
        "refunded_minor": "PaymentReconciliation.extension('payment-refunded')",
        "refunded_currency": "PaymentReconciliation.extension('payment-refunded')",
    },
    "PaymentNotice": {},
}


def refuse_on_creation(record: Resource) -> None:
    """A new resource has nothing yet that the server says."""
    for name, element in SERVER_OWNED[type(record).__name__].items():
        if getattr(record, name):
            raise _not_yours(element)


async def carry_over(tx: Transaction, record: Resource, previous: Resource) -> None:
    """Take what the server owns from the current resource into the one that a client sent."""
    for name, element in SERVER_OWNED[type(record).__name__].items():
        sent, current = getattr(record, name), getattr(previous, name)
        if sent in (None, False):
            setattr(record, name, current)
        elif sent != current:
            if sent in await _past_values(tx, record, name):
                raise stale(element)
            raise _not_yours(element)


async def _past_values(tx: Transaction, record: Resource, name: str) -> list[Any]:
    resource_type = type(record).__name__
    mapper = mapper_for(resource_type)
    contents = await resource_versions.contents(tx, resource_type, record.id)
    return [getattr(mapper.parse(decode(content.encode()), id=record.id, base_url=""), name) for content in contents]


def stale(element: str) -> Exception:
    return refuse(
        Category.CONFLICT,
        "stale",
        "This was so in an earlier version and has changed since; read the resource again and repeat the change.",
        element,
        "conflict",
    )


def _not_yours(element: str) -> Exception:
    return refuse(
        Category.RULE_BROKEN,
        "server-owned",
        "The server sets this from the ledger; leave it out, or send the current value.",
        element,
        "business-rule",
    )
