"""Forged, foreign and confused tokens, sent to FHIR and REST: none of them comes in."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from fhir_server.trusted_issuer import TrustedIssuer
from tests.database_server import DatabaseAccess
from tests.integration.serving import Json, Server, body, codes_of, row_counts, serving

OURS, OTHER = "https://id.example.org", "https://other.example.org"
AUDIENCE = "billing"
RSA = RSAKey.generate_key(2048, {"kid": "k1"}, private=True)
EC = ECKey.generate_key("P-256", {"kid": "k2"}, private=True)
THEIRS = RSAKey.generate_key(2048, {"kid": "k1"}, private=True)
REST = "http://127.0.0.1:8080/api/v1/billing/invoices"
ALL = "system/*.cruds billing:*"


@dataclass
class Realm:
    """A server with two issuers: ours for every tenant, the other for `elsewhere` alone."""

    server: Server
    tenant_id: str

    def claims(self, **changed: Any) -> Json:
        claims = {"iss": OURS, "sub": "s", "aud": AUDIENCE, "exp": int(time.time()) + 300, "tenant": self.tenant_id}
        return {name: value for name, value in ({**claims, "scope": ALL} | changed).items() if value is not None}


@pytest_asyncio.fixture(scope="module")
async def realm(database: DatabaseAccess, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Realm]:
    ours = TrustedIssuer(issuer=OURS, audience=AUDIENCE, jwks=KeySet([RSA, EC]).as_dict(private=False))
    other = TrustedIssuer(
        issuer=OTHER, audience=AUDIENCE, jwks=KeySet([THEIRS]).as_dict(private=False), tenants=("elsewhere",)
    )
    directory = tmp_path_factory.mktemp("realm")
    async with serving(database, directory, built_in_issuer="off", trusted_issuers=(ours, other)) as server:
        yield Realm(server, await server.add_tenant())


def sign(claims: Json, key: Any = RSA, **header: Any) -> str:
    said = {"alg": "RS256", "typ": "at+jwt", "kid": "k1", **header}
    return jwt.encode({name: value for name, value in said.items() if value is not None}, claims, key, [said["alg"]])


def unsigned(claims: Json, signature: str = "", **header: Any) -> str:
    def part(value: Json) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return f"{part({'typ': 'at+jwt', **header})}.{part(claims)}.{signature}"


def with_public_key_as_secret(claims: Json) -> str:
    """By hand: the library that verifies refuses to sign so."""
    said = unsigned(claims, alg="HS256", kid="k1").rpartition(".")[0]
    digest = hmac.digest(RSA.as_pem(private=False), said.encode(), "sha256")
    return f"{said}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def with_claims_exchanged(realm: Realm) -> str:
    header, _, signature = sign(realm.claims(scope="")).split(".")
    return f"{header}.{sign(realm.claims()).split('.')[1]}.{signature}"


NOW = int(time.time())
FORGERIES: dict[str, Callable[[Realm], str]] = {
    "alg none": lambda realm: unsigned(realm.claims(), alg="none"),
    "alg None": lambda realm: unsigned(realm.claims(), alg="None", kid="k1"),
    "alg none with a signature": lambda realm: unsigned(realm.claims(), "AAAA", alg="none"),
    "no alg": lambda realm: unsigned(realm.claims(), "AAAA"),
    "HS256 with the public key": lambda realm: with_public_key_as_secret(realm.claims()),
    "another key with our key's id": lambda realm: sign(realm.claims(), THEIRS),
    "another key with an id that nobody knows": lambda realm: sign(realm.claims(), THEIRS, kid="k9"),
    "its own key in jwk": lambda realm: sign(realm.claims(), THEIRS, jwk=THEIRS.as_dict(private=False)),
    "its own keys at jku": lambda realm: sign(realm.claims(), THEIRS, jku="https://evil.example/jwks"),
    "its own certificate at x5u": lambda realm: sign(realm.claims(), THEIRS, x5u="https://evil.example/c.pem"),
    "RS512, which is not named": lambda realm: sign(realm.claims(), RSA, alg="RS512"),
    "claims of another token": with_claims_exchanged,
    "expired": lambda realm: sign(realm.claims(exp=NOW - 60)),
    "no expiry": lambda realm: sign(realm.claims(exp=None)),
    "an expiry that is a text": lambda realm: sign(realm.claims(exp="never")),
    "an expiry without end": lambda realm: sign(realm.claims(exp=float("inf"))),
    "not yet": lambda realm: sign(realm.claims(nbf=NOW + 600)),
    "issued in time to come": lambda realm: sign(realm.claims(iat=NOW + 600)),
    "another audience": lambda realm: sign(realm.claims(aud="his")),
    "no audience": lambda realm: sign(realm.claims(aud=None)),
    "another issuer": lambda realm: sign(realm.claims(iss="https://evil.example")),
    "our issuer with a slash": lambda realm: sign(realm.claims(iss=f"{OURS}/")),
    "no issuer": lambda realm: sign(realm.claims(iss=None)),
    "a list of issuers": lambda realm: sign(realm.claims(iss=[OURS])),
    "the other issuer's key for ours": lambda realm: sign(realm.claims(), THEIRS),
    "the other issuer, which may not speak for the tenant": lambda realm: sign(realm.claims(iss=OTHER), THEIRS),
    "an issuer that may not speak for operators": lambda realm: sign(realm.claims(tenant="_operators")),
    "an id token": lambda realm: sign(realm.claims(), typ="id+jwt"),
    "a logout token": lambda realm: sign(realm.claims(), typ="logout+jwt"),
    "no tenant": lambda realm: sign(realm.claims(tenant=None)),
    "a list of tenants": lambda realm: sign(realm.claims(tenant=[realm.tenant_id])),
    "no subject": lambda realm: sign(realm.claims(sub=None)),
    "a token of the built-in issuer, which is off": lambda realm: realm.server.token(realm.tenant_id),
    "a crit header": lambda realm: unsigned(realm.claims(), "AAAA", alg="RS256", crit=["b64"], b64=False),
    "five parts": lambda realm: sign(realm.claims()) + ".a.b",
    "deep claims": lambda _: f"e30.{base64.urlsafe_b64encode(b'[' * 5000).decode()}.AAAA",
}


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_a_forged_token_opens_nothing(realm: Realm, forgery: str) -> None:
    before = row_counts(realm.server.access)
    async with realm.server.client(FORGERIES[forgery](realm)) as http:
        account = {"resourceType": "Account", "status": "active"}
        for method, url in (("GET", "Account"), ("POST", "Account"), ("GET", "Account/$meta"), ("GET", REST)):
            answer = await http.request(method, url, json=account if method == "POST" else None)
            assert answer.status_code == 401, answer.text
            said = body(answer)
            assert (said["code"] if url == REST else codes_of(said)[0]) == "token-invalid"
            assert realm.tenant_id not in answer.text
    assert row_counts(realm.server.access) == before


async def test_the_same_without_the_forgery_comes_in(realm: Realm) -> None:
    for sent in (
        sign(realm.claims()),
        sign(realm.claims(aud=["x", AUDIENCE])),
        sign(realm.claims(), EC, alg="ES256", kid="k2"),
    ):
        async with realm.server.client(sent) as http:
            assert (await http.get("Account")).status_code == 200
            assert (await http.get(REST)).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"x-forwarded-user": "admin"},
        {"x-tenant-id": "demo"},
        {"cookie": "access_token=x"},
        {"proxy-authorization": "Bearer x"},
        {"authorization": "bearer"},
        {"authorization": "Bearer a, Bearer b"},
    ],
)
async def test_nothing_beside_the_token_says_who_asks(realm: Realm, headers: dict[str, str]) -> None:
    async with realm.server.client(None, **headers) as http:
        assert (await http.get("Account")).status_code == 401
        assert (await http.get(f"Account?access_token={sign(realm.claims())}")).status_code == 401
