"""Seal the journal of all tenants again and again, beside the requests that a process answers."""

from __future__ import annotations

import asyncio
import logging
import random

from billing.project_control_totals import project_control_totals
from billing.seal_journal import seal_journal, tenant_heads
from fhir_server.faults import log_fault
from fhir_server.seal_keys import SealKeys
from fhir_server.settings import Settings, variable_of
from storage.transaction import Database

log = logging.getLogger(__name__)


async def keep_sealing(settings: Settings, serving: Database) -> None:
    """Seal at each interval until cancelled. Several processes may: one seals a tenant, the others find it done."""
    if not settings.seal_interval_seconds:
        return
    if not settings.worker_database_url:
        log.warning("%s is not set, so the journal is not sealed", variable_of("worker_database_url"))
        return
    keys = SealKeys(settings.seal_files)
    while True:
        # Not all processes at one moment; it has nothing to do with secrets.
        await asyncio.sleep(settings.seal_interval_seconds * random.uniform(0.5, 1.0))  # noqa: S311
        sealing = Database(settings.worker_database_url, size_max=1)
        try:
            await sealing.open()
            await seal_all(serving, sealing, keys)
        except Exception as fault:  # the next round tries again, whatever it was
            log_fault(fault, "the journal was not sealed")
        finally:
            await sealing.close()


async def seal_all(serving: Database, sealing: Database, keys: SealKeys, tenants: list[str] | None = None) -> None:
    """Seal these tenants, or all, remember the last block of each, and add what is sealed to the control totals."""
    for tenant_id in tenants if tenants is not None else await tenant_heads(sealing):
        for block in await seal_journal(serving, sealing, tenant_id, keys.sign):
            keys.remember(block)
        await project_control_totals(sealing, tenant_id)
