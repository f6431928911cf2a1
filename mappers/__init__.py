"""FHIR JSON and XML to and from the ledger's records; nothing here does I/O."""

from __future__ import annotations

from typing import Any

from mappers.account import ACCOUNT
from mappers.charge_item import CHARGE_ITEM
from mappers.invoice import INVOICE
from mappers.mapper import Mapper
from mappers.payment_notice import PAYMENT_NOTICE
from mappers.payment_reconciliation import PAYMENT_RECONCILIATION
from mappers.subscription import SUBSCRIPTION

MAPPER_VERSION = 1
"""Kept with each rendered version, so that a later mapper can be told from a broken one.

It promises: what a mapper of this version rendered, a mapper of this version renders again, byte for byte, from the
same row. It is raised where a released version would render a row otherwise, not where a value moves from the residue
to a column or to index rows and comes back as it was: that `./run check` proves. Nothing is released yet, so it is 1.
"""

MAPPERS: dict[str, Mapper[Any]] = {
    mapper.resource_type: mapper
    for mapper in (ACCOUNT, CHARGE_ITEM, INVOICE, PAYMENT_NOTICE, PAYMENT_RECONCILIATION, SUBSCRIPTION)
}


def mapper_for(resource_type: str) -> Mapper[Any]:
    """The mapper of a type that the server keeps; a KeyError for any other."""
    return MAPPERS[resource_type]
