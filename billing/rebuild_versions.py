"""Render anew what an older mapper rendered: a new version of each such resource, made only on purpose."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from billing.record_change import record_rendering
from billing.touched_accounts import accounts_named_by
from mappers import MAPPER_VERSION
from storage import account_balances, check_tenants, check_versions
from storage.resource_rows import load, lock_and_load
from storage.transaction import Database, Transaction

_BATCH = 50
_ACTOR = "check --rebuild"


async def rebuild_versions(audit: Database, app: Database, tenants: Sequence[str] | None = None) -> int:
    """How many resources were rendered anew. To be called on books that are sound: it would hide what is not.

    `audit` sees which ones there are, `app` writes them as every other change is written.
    """
    rebuilt = 0
    async with audit.snapshot() as snapshot:
        registered = [tenant.id for tenant in await check_tenants.registered(snapshot)]
        for tenant_id in registered if tenants is None else tenants:
            async for batch in check_versions.rendered_before(snapshot, tenant_id, MAPPER_VERSION, count=_BATCH):
                by_type: defaultdict[str, list[str]] = defaultdict(list)
                for resource_type, resource_id in batch:
                    by_type[resource_type].append(resource_id)
                for resource_type, ids in by_type.items():
                    rebuilt += await _rebuild(app, tenant_id, resource_type, ids)
    return rebuilt


async def _rebuild(app: Database, tenant_id: str, resource_type: str, ids: Sequence[str]) -> int:
    async def command(tx: Transaction) -> int:
        seen = await load(tx, resource_type, ids)
        await account_balances.lock(tx, set().union(*map(accounts_named_by, seen.values())))
        records = await lock_and_load(tx, resource_type, ids)
        for record in records.values():
            record_rendering(tx, record)
        return len(records)

    return await app.run(tenant_id, _ACTOR, command)
