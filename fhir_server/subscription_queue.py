"""The changes that wait for a dispatcher: bounded where nobody subscribes, and seen where somebody does.

Every change is queued, for nobody knows who subscribes meanwhile. A dispatcher takes it at once; where none runs, what
is of tenants without subscriptions is taken away here, and the rest is kept, counted and told by `/readyz`.
"""

from __future__ import annotations

import asyncio
import logging
import random

from fhir_server.faults import log_fault
from fhir_server.metrics import Metrics
from fhir_server.settings import Settings, variable_of
from storage import subscription_matching
from storage.transaction import Database

log = logging.getLogger(__name__)

INTERVAL_SECONDS = 60.0
UNWANTED_SECONDS = 3600.0
"""Longer than any transaction may take: whoever subscribes later is not to be told of it."""

LATE_SECONDS = 900.0


class SubscriptionQueue:
    """What was seen of the queue last."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self.waiting = subscription_matching.Waiting(0, 0.0)

    @property
    def warnings(self) -> list[str]:
        """Sentences for people. They are no reason to send no requests: nothing is lost, it is only told late."""
        if self.waiting.oldest_seconds < LATE_SECONDS:
            return []
        changes, minutes = self.waiting.changes, round(self.waiting.oldest_seconds / 60)
        since = f"{changes} changes wait for a dispatcher of subscriptions, the oldest for {minutes} minutes"
        return [f"{since}; set BILLING_DISPATCHERS or run python -m subscriptions."]

    async def keep(self, settings: Settings) -> None:
        """Look at each interval until cancelled. Several processes may."""
        if not settings.worker_database_url:
            log.warning("%s is not set, so nobody looks after the queue", variable_of("worker_database_url"))
            return
        while True:
            # Not all processes at one moment; it has nothing to do with secrets.
            await asyncio.sleep(INTERVAL_SECONDS * random.uniform(0.5, 1.0))  # noqa: S311
            database = Database(settings.worker_database_url, size_max=1)
            try:
                await database.open()
                await self.look(database)
            except Exception as fault:  # the next round tries again, whatever it was
                log_fault(fault, "the queue of the subscriptions was not looked at")
            finally:
                await database.close()

    async def look(self, database: Database) -> None:
        """Take away what nobody will ask for, and see what is left."""
        for tenant_id in await subscription_matching.tenants_with_changes(database):
            await subscription_matching.forget_unwanted(database, tenant_id, UNWANTED_SECONDS)
        self.waiting = await subscription_matching.waiting(database)
        self._metrics.queue(self.waiting.changes, self.waiting.oldest_seconds)
