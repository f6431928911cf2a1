"""Calls from web pages of other hosts: none by default, those of the named origins where the operator names some."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.database_server import DatabaseAccess
from tests.integration.serving import Server, body, codes_of, serving

PAGE = "https://app.example.org"
PREFLIGHT = {
    "origin": PAGE,
    "access-control-request-method": "PUT",
    "access-control-request-headers": "authorization, content-type, if-match, idempotency-key",
}


@pytest_asyncio.fixture
async def open_server(database: DatabaseAccess, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    origins = f"{PAGE}, https://other.example.org:8443"
    async with serving(database, tmp_path_factory.mktemp("data"), cors_allowed_origins=origins) as running:
        yield running


async def test_by_default_no_other_origin_is_allowed(server: Server) -> None:
    async with server.client(None) as anyone:
        answer = await anyone.options("Account/1", headers=PREFLIGHT)
        assert (answer.status_code, codes_of(body(answer))) == (405, ["method-not-allowed"])
        answer = await anyone.get("metadata", headers={"origin": PAGE})
        assert not [name for name in answer.headers if name.startswith("access-control")]
        assert body(answer)["rest"][0]["security"]["cors"] is False


async def test_a_page_of_a_named_origin_may_ask_and_read(open_server: Server) -> None:
    async with open_server.client(None) as anyone:
        preflight = await anyone.options("Account/1", headers=PREFLIGHT)
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-origin"] == PAGE
        assert "PUT" in preflight.headers["access-control-allow-methods"]
        assert "access-control-allow-credentials" not in preflight.headers

        answer = await anyone.get("metadata", headers={"origin": PAGE})
        assert answer.headers["access-control-allow-origin"] == PAGE
        assert "Origin" in answer.headers["vary"]
        assert "ETag" in answer.headers["access-control-expose-headers"]
        assert body(answer)["rest"][0]["security"]["cors"] is True
        assert (await anyone.get("Account", headers={"origin": PAGE})).status_code == 401


async def test_a_page_of_another_origin_may_not(open_server: Server) -> None:
    async with open_server.client(None) as anyone:
        other = {"origin": "https://evil.example.org"}
        preflight = await anyone.options("Account/1", headers=PREFLIGHT | other)
        assert preflight.status_code == 400
        assert "access-control-allow-origin" not in preflight.headers
        answer = await anyone.get("metadata", headers=other)
        assert "access-control-allow-origin" not in answer.headers
