"""What makes a bearer token valid."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

from fhir_server.authorization.built_in_issuer import TokenRequest, mint, public_keys, rotate_key
from fhir_server.authorization.issuer_keys import GivenKeys
from fhir_server.authorization.token import (
    REMEMBERED_MAX,
    REMEMBERED_SECONDS,
    SKEW_SECONDS,
    Issuer,
    TokenVerifier,
)
from fhir_server.trusted_issuer import TrustedIssuer
from ledger.errors import Category, Refusal

ISSUER = "https://issuer.example.org"
AUDIENCE = "https://billing.example.org"
NOW = 1_900_000_000


class Clock:
    def __init__(self) -> None:
        self.now = float(NOW)

    def __call__(self) -> float:
        return self.now


def trusted(keys: KeySet, **changed: Any) -> Issuer:
    values: dict[str, Any] = {
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "jwks": {"keys": []},
        "algorithms": ("ES256",),
        "token_types": ("at+jwt",),
    }
    return Issuer(TrustedIssuer(**(values | changed)), GivenKeys(keys))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def verifier(tmp_path: Path, clock: Clock) -> TokenVerifier:
    return TokenVerifier([trusted(public_keys(tmp_path))], clock=clock)


def token(data_dir: Path, **changed: Any) -> str:
    values: dict[str, Any] = {
        "tenant": "demo",
        "scope": "system/Invoice.r",
        "subject": "somebody",
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "lifetime_seconds": 600,
    }
    return mint(data_dir, TokenRequest(**(values | changed)), datetime.fromtimestamp(NOW, UTC))


def signed(data_dir: Path, header: dict[str, Any] | None = None, **changed: Any) -> str:
    """A token of the issuer's key with claims of one's own; None leaves a claim out."""
    key = ECKey.import_key(json.loads((data_dir / "token-signing-key.json").read_text()))
    claims = {"iss": ISSUER, "sub": "s", "aud": AUDIENCE, "exp": NOW + 600, "tenant": "demo", "scope": ""} | changed
    return jwt.encode(
        {"alg": "ES256", "typ": "at+jwt", **(header or {})},
        {name: value for name, value in claims.items() if value is not None},
        key,
    )


async def refused(verifier: TokenVerifier, text: str) -> Refusal:
    with pytest.raises(Refusal) as refusal:
        await verifier.verify(text)
    return refusal.value


async def test_a_token_says_tenant_subject_and_scopes(verifier: TokenVerifier, tmp_path: Path) -> None:
    found = await verifier.verify_header(f"Bearer {token(tmp_path)}")
    assert (found.tenant_id, found.subject, found.client) == ("demo", "somebody", "somebody")
    assert found.scopes.allow("Invoice", "r")


async def test_the_client_is_named_where_the_token_names_it(verifier: TokenVerifier, tmp_path: Path) -> None:
    assert (await verifier.verify(signed(tmp_path, client_id="his-1"))).client == "his-1"


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic YTpi", "Token x"])
async def test_without_a_bearer_token_nobody_is_known(verifier: TokenVerifier, header: str) -> None:
    with pytest.raises(Refusal) as refusal:
        await verifier.verify_header(header)
    assert (refusal.value.category, refusal.value.code) == (Category.UNAUTHENTICATED, "token-missing")


async def test_a_token_expires_also_where_it_is_remembered(
    verifier: TokenVerifier, tmp_path: Path, clock: Clock
) -> None:
    text = token(tmp_path)
    await verifier.verify(text)
    clock.now = NOW + 600 + SKEW_SECONDS - 1
    await verifier.verify(text)
    clock.now = NOW + 600 + SKEW_SECONDS
    assert (await refused(verifier, text)).code == "token-invalid"


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://other.example.org"},
        {"iss": None},
        {"aud": "https://other.example.org"},
        {"aud": ["https://a.example.org", "https://b.example.org"]},
        {"aud": None},
        {"exp": None},
        {"exp": NOW - SKEW_SECONDS},
        {"exp": "soon"},
        {"exp": True},
        {"nbf": NOW + SKEW_SECONDS + 1},
        {"iat": NOW + SKEW_SECONDS + 1},
        {"tenant": None},
        {"tenant": ""},
        {"tenant": ["demo"]},
        {"sub": None},
    ],
)
async def test_a_token_with_another_claim_is_refused(
    verifier: TokenVerifier, tmp_path: Path, changed: dict[str, Any]
) -> None:
    assert (await refused(verifier, signed(tmp_path, **changed))).category is Category.UNAUTHENTICATED


async def test_the_audience_may_be_one_of_several(verifier: TokenVerifier, tmp_path: Path) -> None:
    assert (await verifier.verify(signed(tmp_path, aud=["https://other.example.org", AUDIENCE]))).tenant_id == "demo"


async def test_a_small_difference_of_clocks_is_allowed(verifier: TokenVerifier, tmp_path: Path) -> None:
    await verifier.verify(signed(tmp_path, nbf=NOW + SKEW_SECONDS, iat=NOW + SKEW_SECONDS))


async def test_an_id_token_is_no_access_token(verifier: TokenVerifier, tmp_path: Path) -> None:
    assert (await refused(verifier, signed(tmp_path, {"typ": "JWT"}))).code == "token-invalid"


async def test_another_key_is_not_trusted(verifier: TokenVerifier, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir(mode=0o700)
    assert (await refused(verifier, token(other))).code == "token-invalid"


async def test_a_changed_token_is_not_trusted(verifier: TokenVerifier, tmp_path: Path) -> None:
    header, claims, signature = token(tmp_path).split(".")
    changed = json.loads(urlsafe_b64decode(claims + "==")) | {"tenant": "another"}
    forged = urlsafe_b64encode(json.dumps(changed).encode()).rstrip(b"=").decode()
    assert (await refused(verifier, f"{header}.{forged}.{signature}")).code == "token-invalid"


async def test_the_algorithm_is_not_the_token_s_to_choose(verifier: TokenVerifier, tmp_path: Path) -> None:
    claims = {"iss": ISSUER, "sub": "s", "aud": AUDIENCE, "exp": NOW + 600, "tenant": "demo"}
    public = json.dumps(public_keys(tmp_path).as_dict(private=False)["keys"][0])
    with_public_key = jwt.encode({"alg": "HS256", "typ": "at+jwt"}, claims, OctKey.import_key(public))
    header = urlsafe_b64encode(b'{"alg":"none","typ":"at+jwt"}').rstrip(b"=").decode()
    unsigned = f"{header}.{with_public_key.split('.')[1]}."
    assert (await refused(verifier, with_public_key)).code == "token-invalid"
    assert (await refused(verifier, unsigned)).code == "token-invalid"


@pytest.mark.parametrize("text", ["x", "a.b.c", "....", "é.é.é", "e30.e30.e30", "x" * 100_000])
async def test_what_is_no_token_is_refused(verifier: TokenVerifier, text: str) -> None:
    assert (await refused(verifier, text)).category is Category.UNAUTHENTICATED


async def test_a_token_with_patient_scopes_names_the_patient(verifier: TokenVerifier, tmp_path: Path) -> None:
    found = await verifier.verify(token(tmp_path, scope="patient/*.rs", patient="Patient/p1"))
    assert (found.patient, found.scopes.bound_to_patient) == ("p1", True)
    refusal = await refused(verifier, token(tmp_path, scope="system/*.cruds patient/*.rs"))
    assert (refusal.category, refusal.code) == (Category.NOT_ALLOWED, "patient-missing")


async def test_without_keys_no_token_is_accepted(tmp_path: Path) -> None:
    without = TokenVerifier([])
    assert "off" in str(await refused(without, token(tmp_path)))


async def test_what_is_remembered_is_bounded(verifier: TokenVerifier, tmp_path: Path) -> None:
    text = token(tmp_path)
    known = await verifier.verify(text)
    assert known.tenant_id == "demo"
    remembered = verifier._remembered
    [one] = remembered.values()
    remembered.update({number.to_bytes(8): one for number in range(REMEMBERED_MAX)})
    await verifier.verify(signed(tmp_path))
    assert len(remembered if remembered is verifier._remembered else verifier._remembered) <= REMEMBERED_MAX


async def test_a_key_in_the_token_s_own_header_is_not_looked_at(verifier: TokenVerifier, tmp_path: Path) -> None:
    token(tmp_path)
    mine = ECKey.generate_key("P-256", private=True, auto_kid=True)
    claims = {"iss": ISSUER, "sub": "s", "aud": AUDIENCE, "exp": NOW + 600, "tenant": "demo", "scope": "system/*.cruds"}
    known = public_keys(tmp_path).keys[0].kid
    for extra in (
        {"jwk": mine.as_dict(private=False)},
        {"jku": "https://evil.example/jwks"},
        {"kid": known},
        {"kid": known, "jwk": mine.as_dict(private=False)},
        {"kid": "../../etc/passwd"},
        {"crit": ["b64"], "b64": False},
    ):
        forged = jwt.encode({"alg": "ES256", "typ": "at+jwt", **extra}, claims, mine)
        assert (await refused(verifier, forged)).code == "token-invalid", extra


async def test_several_issuers_are_told_apart_by_their_keys_audiences_and_tenants(tmp_path: Path, clock: Clock) -> None:
    platform = RSAKey.generate_key(2048, {"kid": "p1"}, private=True)
    other = trusted(
        KeySet([RSAKey.import_key(platform.as_dict(private=False))]),
        issuer="https://id.example.org",
        audience="billing",
        algorithms=("RS256", "PS256"),
        tenant_claim="org.tenant",
        subject_claim="preferred_username",
        client_claim="azp",
        scope_claim="scp",
        token_types=("at+jwt", "jwt", ""),
        tenants=("kabul",),
    )
    verifier = TokenVerifier([trusted(public_keys(tmp_path)), other], clock=clock)
    claims = {
        "iss": "https://id.example.org",
        "aud": "billing",
        "exp": NOW + 60,
        "org": {"tenant": "kabul"},
        "preferred_username": "nurse",
        "azp": "his",
        "scp": ["system/Invoice.rs", "billing:payment:post"],
    }
    for algorithm in ("RS256", "PS256"):
        found = await verifier.verify(
            jwt.encode({"alg": algorithm, "kid": "p1"}, claims, platform, algorithms=[algorithm])
        )
        assert (found.tenant_id, found.subject, found.client) == ("kabul", "nurse", "his")
        assert found.scopes.allow("Invoice", "s")
        assert found.scopes.allow_business("billing:payment:post")
    for header, changed in (
        ({"alg": "RS512", "kid": "p1"}, {}),
        ({"alg": "RS256", "kid": "p2"}, {}),
        ({"alg": "RS256", "kid": "p1"}, {"iss": ISSUER}),
        ({"alg": "RS256", "kid": "p1"}, {"aud": AUDIENCE}),
        ({"alg": "RS256", "kid": "p1"}, {"org": {"tenant": "dubai"}}),
        ({"alg": "RS256", "kid": "p1"}, {"org": "kabul"}),
    ):
        forged = jwt.encode(header, claims | changed, platform, algorithms=[header["alg"]])
        assert (await refused(verifier, forged)).code == "token-invalid", (header, changed)


async def test_a_remembered_token_is_verified_anew_after_a_while(tmp_path: Path, clock: Clock) -> None:
    keys = public_keys(tmp_path)
    verifier = TokenVerifier([trusted(keys)], clock=clock)
    text = token(tmp_path, lifetime_seconds=3600)
    await verifier.verify(text)
    keys.keys.clear()
    clock.now += REMEMBERED_SECONDS - 1
    await verifier.verify(text)
    clock.now += 2
    assert (await refused(verifier, text)).code == "token-invalid"


async def test_tokens_of_the_key_before_are_valid_until_the_second_rotation(tmp_path: Path, clock: Clock) -> None:
    before = token(tmp_path)
    rotate_key(tmp_path)
    after = token(tmp_path)
    for text in (before, after):
        await TokenVerifier([trusted(public_keys(tmp_path))], clock=clock).verify(text)
    rotate_key(tmp_path)
    verifier = TokenVerifier([trusted(public_keys(tmp_path))], clock=clock)
    await verifier.verify(after)
    assert (await refused(verifier, before)).code == "token-invalid"


@pytest.mark.parametrize(("operators", "tenants"), [(False, ()), (False, ("_operators",)), (True, ("demo",))])
async def test_an_issuer_speaks_for_operators_only_where_it_is_said_so(
    tmp_path: Path, clock: Clock, operators: bool, tenants: tuple[str, ...]
) -> None:
    issuer = trusted(public_keys(tmp_path), operators=operators, tenants=tenants)
    verifier = TokenVerifier([issuer], clock=clock)
    sent = token(tmp_path, tenant="_operators")
    if operators:
        assert (await verifier.verify(sent)).tenant_id == "_operators"
    else:
        with pytest.raises(Refusal, match="cannot speak for operators"):
            await verifier.verify(sent)


@pytest.mark.parametrize("claim", [None, "", " ", 7, ["_operators"], {"id": "_operators"}, "_Operators", " _operators"])
async def test_a_token_that_names_no_tenant_is_none_of_operators(tmp_path: Path, clock: Clock, claim: Any) -> None:
    verifier = TokenVerifier([trusted(public_keys(tmp_path), operators=True)], clock=clock)
    try:
        assert (await verifier.verify(signed(tmp_path, tenant=claim))).tenant_id != "_operators"
    except Refusal as refusal:
        assert refusal.code == "token-invalid"  # noqa: PT017 - some are a tenant that nobody knows
