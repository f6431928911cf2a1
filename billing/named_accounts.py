"""Which account of ours a Reference without a literal means: the one that has its identifier."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from storage import account_balances, account_lookups
from storage.transaction import Transaction


def is_identified(reference: Mapping[str, Any]) -> bool:
    """Whether a Reference names something by an identifier, and by nothing else."""
    return "reference" not in reference and bool(reference.get("identifier", {}).get("value"))


async def identified_account(tx: Transaction, reference: Mapping[str, Any]) -> str | None:
    """The id of the only account with the identifier, locked; None where there is none, or more than one."""
    found = await account_identified_by(tx, reference)
    if found is not None:
        await account_balances.lock(tx, [found])
    return found


async def account_identified_by(tx: Transaction, reference: Mapping[str, Any]) -> str | None:
    """The same, not locked."""
    identifier = reference["identifier"]
    found = await account_lookups.with_identifier(tx, identifier.get("system"), identifier["value"])
    return found[0] if len(found) == 1 else None
