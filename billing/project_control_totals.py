"""Add what was sealed to the control totals: a projection off the path of requests.

A posting transaction must not update a shared row of the general ledger, or all of a tenant would wait for one another.
"""

from __future__ import annotations

from billing.seal_journal import ACTOR
from storage import control_totals
from storage.transaction import Database

BLOCKS_AT_ONCE = 50


async def project_control_totals(sealing: Database, tenant_id: str, *, blocks: int = BLOCKS_AT_ONCE) -> int:
    """Add all sealed blocks that are not in the totals yet, some at a time; how many. As billing_worker."""
    added = 0
    while True:
        async with sealing.transaction(tenant_id, ACTOR) as tx:
            step = await control_totals.add_sealed(tx, blocks)
        if not step:
            return added
        added += step
