"""The REST API as a client sees it: paths below its base, and what its problems say."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from fhir_server.rest.route import BASE_PATH
from tests.integration.serving import ALL_SCOPES, Json, Server, body

BASE = f"http://127.0.0.1:8080{BASE_PATH}/"


@asynccontextmanager
async def rest_client(
    server: Server, tenant_id: str, scope: str = ALL_SCOPES, *, subject: str = "tester"
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the REST API as somebody of a tenant."""
    token = server.token(tenant_id, scope, subject=subject)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(server.app), base_url=BASE, headers={"authorization": f"Bearer {token}"}
    ) as http:
        yield http


async def post(http: httpx.AsyncClient, path: str, document: Json, *, key: str | None = None) -> httpx.Response:
    """POST with an Idempotency-Key, a new one unless one is given."""
    return await http.post(path, json=document, headers={"idempotency-key": key or secrets.token_hex(8)})


def amount(minor_units: int, currency: str = "AFN") -> Json:
    return {"currency": currency, "minor_units": minor_units}


def problem_codes(answer: httpx.Response) -> list[str]:
    """The codes of a problem, in order; that it is one as RFC 9457 has it, is checked too."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    problem = body(answer)
    assert problem["status"] == answer.status_code
    assert problem["code"] == problem["errors"][0]["code"]
    assert problem["type"].endswith(f"#{problem['code']}")
    assert problem["title"]
    assert problem["detail"]
    return [item["code"] for item in problem["errors"]]


def pointers(answer: httpx.Response) -> list[Any]:
    return [item.get("pointer") for item in body(answer)["errors"]]
