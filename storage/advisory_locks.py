"""Locks on what is no row yet: two requests that would create the same thing go one after the other.

Held to the end of the transaction. https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from storage.pipeline import Statement
from storage.transaction import Transaction

_LOCK = Statement("SELECT pg_advisory_xact_lock($1::bigint)")
_SHARE = Statement("SELECT pg_advisory_xact_lock_shared($1::bigint)")


def lock_conditions(tx: Transaction, conditions: Iterable[str]) -> None:
    """Lock what these texts say of this tenant, in one order, and before all other locks: so nobody waits in a ring.

    It travels with the next statement, which therefore sees what whoever held the lock has committed.
    """
    for number in sorted({_number(tx.tenant_id, condition) for condition in conditions}):
        tx.send(_LOCK, number)


def share_conditions(tx: Transaction, tenant_ids: Iterable[str], condition: str) -> None:
    """Hold off whoever locks what this text says of these tenants, but not others who share it."""
    for number in sorted({_number(tenant_id, condition) for tenant_id in tenant_ids}):
        tx.send(_SHARE, number)


def _number(tenant_id: str, condition: str) -> int:
    # Two conditions with one number only wait for each other without need.
    digest = hashlib.sha256(f"{tenant_id}\n{condition}".encode()).digest()
    return int.from_bytes(digest[:8], signed=True)
