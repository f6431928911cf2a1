"""Find the payment plans that are in default, of all tenants, beside the requests that a process answers."""

from __future__ import annotations

import asyncio
import logging
import random

from billing.context import Context
from billing.note_plan_defaults import Noted, note_plan_defaults
from fhir_server.faults import log_fault
from fhir_server.settings import Settings, variable_of
from ledger.tenant import NATIONAL
from storage import journal_blocks
from storage.tenants import read
from storage.transaction import Database

log = logging.getLogger(__name__)

ACTOR = "plan-watch"


async def keep_noting_defaults(settings: Settings, serving: Database) -> None:
    """Look at each interval until cancelled. Several processes may: what is found is recorded once all the same."""
    if not settings.plan_interval_seconds:
        return
    if not settings.worker_database_url:
        log.warning("%s is not set, so no payment plan is found in default", variable_of("worker_database_url"))
        return
    while True:
        # Not all processes at one moment; it has nothing to do with secrets.
        await asyncio.sleep(settings.plan_interval_seconds * random.uniform(0.5, 1.0))  # noqa: S311
        working = Database(settings.worker_database_url, size_max=1)
        try:
            await working.open()
            for tenant_id in await journal_blocks.tenant_ids(working):
                await note_defaults_of(serving, tenant_id, settings.base_url)
        except Exception as fault:  # the next round tries again, whatever it was
            log_fault(fault, "payment plans were not looked at")
        finally:
            await working.close()


async def note_defaults_of(serving: Database, tenant_id: str, base_url: str) -> Noted | None:
    """What was found of a tenant's plans; None where there is no such tenant."""
    tenant = None if tenant_id == NATIONAL else await read(serving, tenant_id)
    if tenant is None:
        return None
    return await note_plan_defaults(serving, Context(tenant, ACTOR, ACTOR, base_url))
