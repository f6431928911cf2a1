"""What SQL the product sends for each request: carried out once in this process and written down, batch by batch.

The reference server replays it on a copy of the database that was made before, so that every parameter fits and every
statement does what it did: the same rows, the same locks, the same triggers, as the same role.
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from bench.works import TENANT, Work
from fhir_server.app import create_app
from fhir_server.authorization.built_in_issuer import TokenRequest, mint
from fhir_server.settings import Settings
from storage import connections
from storage.pipeline import Pipeline, Row, Statement

Query = tuple[bytes, list[Any]]
Batch = list[Query]


@dataclass(slots=True)
class Recording:
    """Of each work the recorded requests: the batches that went to the database, and the answer's body."""

    works: dict[str, list[tuple[list[Batch], bytes]]] = field(default_factory=dict)

    def save(self, path: Path) -> None:
        path.write_bytes(pickle.dumps(self))

    @staticmethod
    def load(path: Path) -> Recording:
        recording = pickle.loads(path.read_bytes())  # noqa: S301 - the file that our own parent process wrote
        assert isinstance(recording, Recording)
        return recording


_recorded: ContextVar[list[Batch] | None] = ContextVar("recorded", default=None)
"""What the current request sends. What the server does beside, such as writing the access log, is in none: among the
batches of a request its COMMIT would end the request's transaction."""


class _RecordingPipeline(Pipeline):
    """A pipeline that also writes down what it runs for a request."""

    async def run(self, statements: Sequence[tuple[Statement, Sequence[Any]]]) -> list[list[Row]]:
        recorded = _recorded.get()
        if recorded is not None:
            recorded.append([(statement.sql, list(parameters)) for statement, parameters in statements])
        return await super().run(statements)


def token_for(settings: Settings) -> str:
    request = TokenRequest(
        tenant=TENANT,
        scope="system/*.cruds billing:*",
        subject="bench",
        issuer=settings.token_issuer,
        audience=settings.token_audience,
        lifetime_seconds=12 * 3600,
    )
    return mint(settings.data_dir, request, datetime.now(UTC))


async def record(settings: Settings, works: Sequence[tuple[Work, int]]) -> Recording:
    """Carry out the first requests of each work on the database of the settings."""
    # The pool makes its pipelines by this name.
    vars(connections)["Pipeline"] = _RecordingPipeline
    app = create_app(settings)
    headers = {"authorization": f"Bearer {token_for(settings)}", "content-type": "application/fhir+json"}
    recording = Recording()
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client,
    ):
        # The first request also reads the tenant, which a server does every other second.
        await client.get("/fhir/ChargeItem/charge-0", headers=headers)
        for work, count in works:
            taken = recording.works.setdefault(work.name, [])
            for number in range(count):
                request = work.request(number)
                recorded: list[Batch] = []
                token = _recorded.set(recorded)
                answer = await client.request(
                    request.method, request.path, content=request.body, headers=headers | dict(request.headers)
                )
                _recorded.reset(token)
                assert answer.is_success, answer.text
                assert recorded, "a request that asks the database nothing: the pool does not make our pipelines"
                taken.append(([batch for batch in recorded if not _reads_tenant(batch)], answer.content))
    return recording


def _reads_tenant(batch: Batch) -> bool:
    """What a server does every other second and not for each request."""
    return any(b"FROM billing.tenant " in sql for sql, _ in batch)
