"""`/healthz`: this process answers. `/readyz`: it may be sent requests. `/metrics`: what it has done."""

from __future__ import annotations

import json

from starlette.requests import Request
from starlette.responses import Response

from fhir_server.metrics import CONTENT_TYPE, Metrics
from fhir_server.subscription_queue import SubscriptionQueue
from ledger.errors import Refusal
from storage.migrations import newest
from storage.readiness import reasons_not_to_serve
from storage.transaction import Database


class Health:
    def __init__(self, database: Database, metrics: Metrics, queue: SubscriptionQueue) -> None:
        self._database = database
        self._metrics = metrics
        self._queue = queue
        self._revision = newest()

    async def healthz(self, _: Request) -> Response:
        return _json(200, {"status": "ok"})

    async def readyz(self, _: Request) -> Response:
        try:
            reasons = await reasons_not_to_serve(self._database, self._revision)
        except Refusal as refusal:
            reasons = [problem.message for problem in refusal.problems]
        if reasons:
            return _json(503, {"status": "not ready", "reasons": reasons})
        warnings = self._queue.warnings
        return _json(200, {"status": "ready", **({"warnings": warnings} if warnings else {})})

    async def metrics(self, _: Request) -> Response:
        return Response(self._metrics.exposition(), media_type=CONTENT_TYPE)


def _json(status: int, content: dict[str, object]) -> Response:
    return Response(json.dumps(content), status, media_type="application/json")
