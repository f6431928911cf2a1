"""What makes a bearer token valid."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

from fhir_server.authorization.built_in_issuer import TokenRequest, mint, public_keys
from fhir_server.authorization.token import REMEMBERED_MAX, SKEW_SECONDS, AccessToken, TokenVerifier
from ledger.errors import Category, Refusal

ISSUER = "https://issuer.example.org"
AUDIENCE = "https://billing.example.org"
NOW = 1_900_000_000


class Clock:
    def __init__(self) -> None:
        self.now = float(NOW)

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def verifier(tmp_path: Path, clock: Clock) -> TokenVerifier:
    return TokenVerifier(public_keys(tmp_path), issuer=ISSUER, audience=AUDIENCE, clock=clock)


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


def refused(verifier: TokenVerifier, text: str) -> Refusal:
    with pytest.raises(Refusal) as refusal:
        verifier.verify(text)
    return refusal.value


def test_a_token_says_tenant_subject_and_scopes(verifier: TokenVerifier, tmp_path: Path) -> None:
    found = verifier.verify_header(f"Bearer {token(tmp_path)}")
    assert (found.tenant_id, found.subject, found.client) == ("demo", "somebody", "somebody")
    assert found.scopes.allow("Invoice", "r")


def test_the_client_is_named_where_the_token_names_it(verifier: TokenVerifier, tmp_path: Path) -> None:
    assert verifier.verify(signed(tmp_path, client_id="his-1")).client == "his-1"


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic YTpi", "Token x"])
def test_without_a_bearer_token_nobody_is_known(verifier: TokenVerifier, header: str) -> None:
    with pytest.raises(Refusal) as refusal:
        verifier.verify_header(header)
    assert (refusal.value.category, refusal.value.code) == (Category.UNAUTHENTICATED, "token-missing")


def test_a_token_expires_also_where_it_is_remembered(verifier: TokenVerifier, tmp_path: Path, clock: Clock) -> None:
    text = token(tmp_path)
    verifier.verify(text)
    clock.now = NOW + 600 + SKEW_SECONDS - 1
    verifier.verify(text)
    clock.now = NOW + 600 + SKEW_SECONDS
    assert refused(verifier, text).code == "token-invalid"


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
def test_a_token_with_another_claim_is_refused(
    verifier: TokenVerifier, tmp_path: Path, changed: dict[str, Any]
) -> None:
    assert refused(verifier, signed(tmp_path, **changed)).category is Category.UNAUTHENTICATED


def test_the_audience_may_be_one_of_several(verifier: TokenVerifier, tmp_path: Path) -> None:
    assert verifier.verify(signed(tmp_path, aud=["https://other.example.org", AUDIENCE])).tenant_id == "demo"


def test_a_small_difference_of_clocks_is_allowed(verifier: TokenVerifier, tmp_path: Path) -> None:
    verifier.verify(signed(tmp_path, nbf=NOW + SKEW_SECONDS, iat=NOW + SKEW_SECONDS))


def test_an_id_token_is_no_access_token(verifier: TokenVerifier, tmp_path: Path) -> None:
    assert refused(verifier, signed(tmp_path, {"typ": "JWT"})).code == "token-invalid"


def test_another_key_is_not_trusted(verifier: TokenVerifier, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir(mode=0o700)
    assert refused(verifier, token(other)).code == "token-invalid"


def test_a_changed_token_is_not_trusted(verifier: TokenVerifier, tmp_path: Path) -> None:
    header, claims, signature = token(tmp_path).split(".")
    changed = json.loads(urlsafe_b64decode(claims + "==")) | {"tenant": "another"}
    forged = urlsafe_b64encode(json.dumps(changed).encode()).rstrip(b"=").decode()
    assert refused(verifier, f"{header}.{forged}.{signature}").code == "token-invalid"


def test_the_algorithm_is_not_the_token_s_to_choose(verifier: TokenVerifier, tmp_path: Path) -> None:
    claims = {"iss": ISSUER, "sub": "s", "aud": AUDIENCE, "exp": NOW + 600, "tenant": "demo"}
    public = json.dumps(public_keys(tmp_path).as_dict(private=False)["keys"][0])
    with_public_key = jwt.encode({"alg": "HS256", "typ": "at+jwt"}, claims, OctKey.import_key(public))
    header = urlsafe_b64encode(b'{"alg":"none","typ":"at+jwt"}').rstrip(b"=").decode()
    unsigned = f"{header}.{with_public_key.split('.')[1]}."
    assert refused(verifier, with_public_key).code == "token-invalid"
    assert refused(verifier, unsigned).code == "token-invalid"


@pytest.mark.parametrize("text", ["x", "a.b.c", "....", "é.é.é", "e30.e30.e30", "x" * 100_000])
def test_what_is_no_token_is_refused(verifier: TokenVerifier, text: str) -> None:
    assert refused(verifier, text).category is Category.UNAUTHENTICATED


def test_a_token_bound_to_a_patient_is_refused_as_a_whole(verifier: TokenVerifier, tmp_path: Path) -> None:
    refusal = refused(verifier, token(tmp_path, scope="system/*.cruds patient/*.rs"))
    assert (refusal.category, refusal.code) == (Category.NOT_ALLOWED, "patient-scope-not-supported")


def test_without_keys_no_token_is_accepted(tmp_path: Path) -> None:
    without = TokenVerifier(None, issuer=ISSUER, audience=AUDIENCE)
    assert "off" in str(refused(without, token(tmp_path)))


def test_what_is_remembered_is_bounded(verifier: TokenVerifier, tmp_path: Path) -> None:
    text = token(tmp_path)
    known = verifier.verify(text)
    remembered: dict[bytes, AccessToken] = verifier._remembered
    remembered.update({number.to_bytes(8): known for number in range(REMEMBERED_MAX)})
    verifier.verify(signed(tmp_path))
    assert len(remembered if remembered is verifier._remembered else verifier._remembered) <= REMEMBERED_MAX
