"""docs/security.md, followed by somebody who connects an identity service and has not read the code."""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import shlex
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from fhir_server.settings import Settings, variable_of
from fhir_server.trusted_issuer import TrustedIssuer
from tests.checkout import CHECKOUT
from tests.database_server import DatabaseAccess
from tests.integration.serving import Json, Server, body, codes_of, serving

PAGE = (CHECKOUT / "docs" / "security.md").read_text(encoding="utf-8")
KEY = RSAKey.generate_key(2048, {"kid": "realm-1"}, private=True)


def block_with(text: str) -> str:
    blocks: list[str] = re.findall(r"```\w*\n(.*?)```", PAGE, re.DOTALL)
    [found] = [block for block in blocks if text in block]
    return found


def documented_issuers() -> list[TrustedIssuer]:
    """The setting as the page has it, as a shell would hand it over."""
    [assignment] = shlex.split(block_with("BILLING_TRUSTED_ISSUERS="))
    return [TrustedIssuer(**each) for each in json.loads(assignment.partition("=")[2])]


def documented_claims() -> Json:
    claims: Json = json.loads(block_with('"iss":'))
    return claims


def signed(claims: Json, **header: Any) -> str:
    return jwt.encode({"alg": "RS256", "typ": "JWT", "kid": KEY.kid, **header}, claims, KEY)


@respx.mock
async def test_the_issuer_and_the_token_of_the_page_open_the_tenant_that_they_name(
    fresh_database: DatabaseAccess, tmp_path: Path
) -> None:
    [trusted] = documented_issuers()
    respx.get(trusted.jwks_url).mock(return_value=httpx.Response(200, json=KeySet([KEY]).as_dict(private=False)))
    settings = {"built_in_issuer": "off", "trusted_issuers": (trusted,), "public_base_url": "https://b.example/fhir"}
    async with serving(fresh_database, tmp_path, **settings) as server:
        claims = documented_claims()
        tenant_id = claims["organization"]["tenant"]
        sent = signed({**claims, "exp": int(time.time()) + 300})
        async with server.client(sent) as http:
            unknown = await http.get("Account")
            assert (unknown.status_code, codes_of(body(unknown))) == (403, ["unknown-tenant"])
            await server.add_tenant(id=tenant_id)
            server.app.state.tenants.forget(tenant_id)
            assert (await http.get("Account")).status_code == 200
            draft = {"resourceType": "Invoice", "status": "draft"}
            assert (await http.post("Invoice", json=draft)).status_code in {201, 422}
            refused = await http.post("Account", json={"resourceType": "Account", "status": "active"})
            assert (refused.status_code, codes_of(body(refused))) == (403, ["insufficient-scope"])
        async with server.client(signed(claims)) as http:
            late = await http.get("Account")
            assert claims["exp"] > time.time() or codes_of(body(late)) == ["token-invalid"]
        async with server.client(server.token(tenant_id)) as http:
            built_in = await http.get("Account")
            assert (built_in.status_code, codes_of(body(built_in))) == (401, ["token-invalid"])


def test_the_table_of_issuers_has_every_member_with_its_default() -> None:
    table = PAGE.split("| member |")[1].split("\n\n")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \|([^|]*)\|", table, re.MULTILINE))
    assert set(rows) == set(TrustedIssuer.model_fields)
    for name, field in TrustedIssuer.model_fields.items():
        said = rows[name].strip().strip("`")
        match field.default:
            case bool() as default:
                assert said == str(default).lower()
            case tuple() as default if default:
                assert said == ", ".join(each or "none" for each in default)
            case str() as default if default:
                assert said == default


WHO_COMES_IN = (
    *("built_in_issuer", "token_issuer", "token_audience", "token_lifetime_seconds", "client_token_seconds"),
    *("trusted_issuers", "cors_allowed_origins", "public_base_url", "tls_cert", "tls_key"),
    *("address_failures_per_second", "trusted_proxies"),
)


@pytest.mark.parametrize("name", WHO_COMES_IN)
def test_every_setting_of_who_may_come_in_is_on_the_page(name: str) -> None:
    assert f"`{variable_of(name)}" in PAGE or f"{variable_of(name)}=" in PAGE


def test_no_setting_of_who_may_come_in_was_forgotten_here() -> None:
    names = list(Settings.model_fields)
    assert set(names[names.index("cors_allowed_origins") : names.index("trusted_issuers") + 1]) <= set(WHO_COMES_IN)


@respx.mock
async def test_a_program_is_registered_and_gets_a_token_as_the_page_says(
    fresh_database: DatabaseAccess, tmp_path: Path
) -> None:
    async with serving(fresh_database, tmp_path) as server:
        await server.add_tenant(id="kabul-1")
        command = shlex.split(block_with("./run clients add"))
        client_id = await asyncio.to_thread(_run, command[1:], fresh_database)
        assert f"`{client_id}`" in PAGE
        key = ECKey.generate_key("P-384", {"kid": "his"}, private=True)
        keys = KeySet([key]).as_dict(private=False)
        respx.get(command[command.index("--jwks") + 1]).mock(return_value=httpx.Response(200, json=keys))
        answer = await _post_as_documented(server, client_id, key)
        assert answer.status_code == 200, answer.text
        granted = body(answer)
        assert (granted["scope"], granted["expires_in"]) == ("system/*.rs", server.settings.client_token_seconds)
        async with server.client(granted["access_token"]) as http:
            assert (await http.get("Invoice")).status_code == 200


def _run(arguments: list[str], database: DatabaseAccess) -> str:
    """What `./run` prints."""
    settings = {"DATABASE_URL": database.app, "BILLING_MIGRATE_DATABASE_URL": database.migrate}
    done = subprocess.run(
        [CHECKOUT / "run", *arguments], env=os.environ | settings, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


async def _post_as_documented(server: Server, client_id: str, key: ECKey) -> httpx.Response:
    first, media_type, _, *form = block_with("POST /oauth/token").splitlines()
    method, path = first.split()
    url = f"http://127.0.0.1:8080{path}"
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": url,
        "exp": int(time.time()) + 240,
        "jti": secrets.token_hex(8),
    }
    assertion = jwt.encode({"alg": "ES384", "kid": key.kid}, claims, key, algorithms=["ES384"])
    content = "".join(form).replace("SIGNED", assertion)
    async with server.client(None) as http:
        headers = {"content-type": media_type.partition(": ")[2]}
        return await http.request(method, url, content=content, headers=headers)
