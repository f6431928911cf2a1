"""`/oauth/token`: who proves to be a registered client gets a token of its scopes, once for each proof."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio
import respx
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

from billing.oauth_clients import add_client, remove_client
from fhir_server.token_endpoint import ASSERTION_TYPE
from storage.transaction import Database
from tests.integration.serving import Hospital, Json, Server, body

ORIGIN = "http://127.0.0.1:8080"
URL = f"{ORIGIN}/oauth/token"

RSA = RSAKey.generate_key(2048, {"kid": "rsa"}, private=True)
EC = ECKey.generate_key("P-384", {"kid": "ec"}, private=True)
JWKS = json.dumps(KeySet([RSA, EC]).as_dict(private=False))


@pytest_asyncio.fixture
async def registry(server: Server) -> AsyncIterator[Database]:
    one = Database(server.access.app)
    await one.open()
    yield one
    await one.close()


@dataclass
class Client:
    id: str
    server: Server

    def assertion(self, key: Any = EC, header: Json | None = None, **changed: Any) -> str:
        algorithm = {"RSA": "RS384", "EC": "ES384"}.get(key.key_type, "HS256")
        claims = {
            "iss": self.id,
            "sub": self.id,
            "aud": URL,
            "exp": int(time.time()) + 240,
            "jti": secrets.token_hex(8),
        } | changed
        said = {name: value for name, value in claims.items() if value is not None}
        protected = {"alg": algorithm, "kid": key.kid, **(header or {})}
        return jwt.encode(protected, said, key, algorithms=[protected["alg"]])

    async def ask(self, assertion: str | None = None, **changed: Any) -> httpx.Response:
        form = {
            "grant_type": "client_credentials",
            "scope": "system/Account.rs",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self.assertion() if assertion is None else assertion,
        } | changed
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self.server.app), base_url=ORIGIN) as http:
            return await http.post("/oauth/token", data={k: v for k, v in form.items() if v is not None})


@pytest_asyncio.fixture
async def client(hospital: Hospital, registry: Database) -> Client:
    registered = await add_client(
        registry, hospital.tenant_id, "his-1", "system/Account.cruds system/*.rs billing:payment:post", jwks=JWKS
    )
    return Client(registered.client_id, hospital.server)


@pytest.mark.parametrize("key", [RSA, EC])
async def test_a_registered_client_gets_a_token_that_opens_its_tenant(
    client: Client, hospital: Hospital, key: Any
) -> None:
    answer = await client.ask(client.assertion(key))
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    given = body(answer)
    assert (given["token_type"], given["expires_in"], given["scope"]) == ("bearer", 300, "system/Account.rs")
    async with hospital.server.client(given["access_token"]) as http:
        assert (await http.get("Account")).status_code == 200
        assert (await http.post("Account", json={"resourceType": "Account", "status": "active"})).status_code == 403


async def test_it_gets_of_what_it_asks_for_only_what_is_registered(client: Client) -> None:
    asked = "system/Account.c system/Invoice.r system/Invoice.u billing:payment:post billing:* patient/*.rs openid"
    assert body(await client.ask(scope=asked))["scope"] == "system/Account.c system/Invoice.r billing:payment:post"
    refused = await client.ask(scope="system/Invoice.u billing:refund:pay")
    assert (refused.status_code, body(refused)["error"]) == (400, "invalid_scope")


async def test_an_assertion_is_used_once(client: Client) -> None:
    assertion = client.assertion()
    assert (await client.ask(assertion)).status_code == 200
    again = await client.ask(assertion)
    assert (again.status_code, body(again)["error"]) == (401, "invalid_client")


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "https://elsewhere.example/token"},
        {"aud": None},
        {"exp": timedelta(minutes=-1)},
        {"exp": timedelta(hours=1)},
        {"exp": None},
        {"exp": "soon"},
        {"exp": True},
        {"nbf": timedelta(minutes=10)},
        {"sub": "somebody-else"},
        {"sub": None},
        {"iss": "t-unknown.his-1"},
        {"iss": "no client id"},
        {"iss": None},
        {"jti": None},
        {"jti": ""},
        {"jti": "x" * 256},
        {"jti": 7},
    ],
)
async def test_an_assertion_that_says_something_else_proves_nothing(client: Client, changed: Json) -> None:
    # Counted from when the test runs, which may be long after the tests were collected.
    said: Json = {
        name: int(time.time() + value.total_seconds()) if isinstance(value, timedelta) else value
        for name, value in changed.items()
    }
    answer = await client.ask(client.assertion(**said))
    assert (answer.status_code, body(answer)["error"]) == (401, "invalid_client")


async def test_a_forged_assertion_proves_nothing(client: Client) -> None:
    mine = ECKey.generate_key("P-384", {"kid": "ec"}, private=True)
    public = OctKey.import_key(JWKS, {"kid": "ec"})
    claims = client.assertion().split(".")[1]
    for forged in (
        client.assertion(mine),
        client.assertion(mine, {"jwk": mine.as_dict(private=False)}),
        client.assertion(mine, {"jku": "https://evil.example/jwks"}),
        client.assertion(public),
        client.assertion(RSA, {"alg": "RS256"}),
        f"eyJhbGciOiJub25lIn0.{claims}.",
        "no.jwt",
        "",
    ):
        answer = await client.ask(forged)
        assert (answer.status_code, body(answer)["error"]) == (401, "invalid_client"), forged


@pytest.mark.parametrize(
    ("changed", "status", "error"),
    [
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": None}, 400, "unsupported_grant_type"),
        ({"client_assertion_type": "other"}, 401, "invalid_client"),
        ({"client_assertion": None, "client_secret": "x"}, 401, "invalid_client"),
    ],
)
async def test_another_way_to_ask_is_refused(client: Client, changed: Json, status: int, error: str) -> None:
    answer = await client.ask("x", **changed)
    assert (answer.status_code, body(answer)["error"]) == (status, error)


async def test_a_client_that_was_removed_and_one_of_an_inactive_tenant_get_none(
    client: Client, hospital: Hospital, registry: Database
) -> None:
    inactive = await hospital.server.add_tenant(active=False)
    other = await add_client(registry, inactive, "his-1", "system/*.rs", jwks=JWKS)
    answer = await Client(other.client_id, hospital.server).ask()
    assert (answer.status_code, body(answer)["error"]) == (400, "unauthorized_client")
    await remove_client(registry, client.id)
    assert (await client.ask()).status_code == 401


@respx.mock
async def test_keys_may_come_from_the_client_s_url(hospital: Hospital, registry: Database) -> None:
    url = "https://his.example.org/jwks"
    route = respx.get(url).mock(return_value=httpx.Response(200, text=JWKS))
    registered = await add_client(registry, hospital.tenant_id, "his-2", "system/*.rs", jwks_url=url)
    client = Client(registered.client_id, hospital.server)
    assert [(await client.ask()).status_code for _ in range(2)] == [200, 200]
    assert route.call_count == 1


async def test_a_body_that_is_too_large_is_refused(client: Client) -> None:
    answer = await client.ask("x" * 100_000)
    assert (answer.status_code, body(answer)["error"]) == (400, "invalid_request")


async def test_discovery_names_the_endpoint_and_the_keys(server: Server) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(server.app), base_url=ORIGIN) as http:
        found = body(await http.get("/.well-known/smart-configuration"))
        assert found["token_endpoint"] == URL
        assert found["token_endpoint_auth_methods_supported"] == ["private_key_jwt"]
        assert found["token_endpoint_auth_signing_alg_values_supported"] == ["RS384", "ES384"]
        assert "client-confidential-asymmetric" in found["capabilities"]
        keys = body(await http.get(found["jwks_uri"]))["keys"]
        assert keys
        assert all("d" not in key for key in keys)


async def test_what_was_given_and_what_was_refused_is_in_the_access_log(client: Client, hospital: Hospital) -> None:
    await client.ask(scope="system/Invoice.u")
    await client.ask()
    await hospital.server.app.state.access_log.flush()
    found = await hospital.read("AuditEvent?subtype=token")
    assert [entry["resource"]["outcome"] for entry in found["entry"]] == ["0", "4"]
    assert {entry["resource"]["agent"][0]["altId"] for entry in found["entry"]} == {client.id}
