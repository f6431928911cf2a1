"""Seal what was recorded: blocks of the journal and of the versions, chained, signed, the last one announced.

It runs beside the server and off the path of requests: a synchronous chain would put all changes of a tenant one after
the other. What was recorded within the last seconds is sealed by the next block.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from ledger.journal_block import NO_BLOCK, JournalBlock
from storage import journal_blocks, resource_versions
from storage.transaction import Database, Transaction

SEALED = "billing.journal.sealed.v1"
RESOURCE_TYPE = "JournalBlock"
"""What the outbox row of a block is about; its version is the block's number."""

MARGIN = timedelta(seconds=5)
"""So long before now a block ends at the latest: a clock that is set back by less does no harm at all."""

BLOCK_ROWS = 1000
"""A block ends where it has about so many entries, or versions: hashing it holds nobody up."""

ACTOR = "sealer"

Sign = Callable[[JournalBlock], str]
"""Makes the signature of a block with a key that the database does not have."""


async def seal_journal(
    serving: Database,
    sealing: Database,
    tenant_id: str,
    sign: Sign,
    *,
    margin: timedelta = MARGIN,
    rows: int = BLOCK_ROWS,
) -> list[JournalBlock]:
    """Seal all of a tenant that is not sealed yet, up to `margin` before now; the blocks that were made.

    `serving` is reached as the role that serves (it knows which of its transactions are open), `sealing` as
    billing_worker. Where another process seals the tenant, nothing is done.
    """
    made: list[JournalBlock] = []
    through = await journal_blocks.horizon(serving, margin)
    while True:
        async with sealing.transaction(tenant_id, ACTOR) as tx:
            block = await _seal_next(tx, through, sign, rows)
        if block is None:
            return made
        made.append(block)


async def tenant_heads(sealing: Database) -> dict[str, JournalBlock | None]:
    """Tenant -> its last block, of all tenants."""
    found: dict[str, JournalBlock | None] = {}
    for tenant_id in await journal_blocks.tenant_ids(sealing):
        async with sealing.transaction(tenant_id, ACTOR) as tx:
            head = await journal_blocks.head(tx)
        found[tenant_id] = head.block if head else None
    return found


async def _seal_next(tx: Transaction, through: datetime, sign: Sign, rows: int) -> JournalBlock | None:
    if not await journal_blocks.try_lock(tx):
        return None
    head = await journal_blocks.head(tx)
    after = head.block.sealed_through if head else None
    if after is not None and after >= through:
        return None
    end = await journal_blocks.end_of_next(tx, after, through, rows)
    digest = await journal_blocks.digest(tx, after, end)
    if not digest.entries and not digest.versions:
        return None
    block = JournalBlock(
        tenant_id=tx.tenant_id,
        number=head.block.number + 1 if head else 1,
        sealed_after=after,
        sealed_through=end,
        entries=digest.entries,
        versions=digest.versions,
        content_hash=digest.content_hash,
        previous_hash=head.hash if head else NO_BLOCK,
        sealed_at=await tx.read_clock(),
    )
    journal_blocks.insert(tx, block, sign(block))
    resource_versions.announce(tx, RESOURCE_TYPE, "journal", block.number, block.sealed_at, events=(SEALED,))
    return block
