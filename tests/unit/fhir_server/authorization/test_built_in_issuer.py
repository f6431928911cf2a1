"""Tokens of the built-in issuer."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from joserfc import jwt

from fhir_server.authorization.built_in_issuer import ALGORITHM, KEY_FILE, TokenRequest, mint, public_keys

NOW = datetime(2026, 1, 1, tzinfo=UTC)
REQUEST = TokenRequest(
    tenant="kabul",
    scope="system/*.rs",
    subject="cashier",
    issuer="https://issuer.example",
    audience="https://audience.example",
    lifetime_seconds=60,
)


def test_a_token_says_what_was_asked_for_and_is_verified_with_the_public_key(tmp_path: Path) -> None:
    token = jwt.decode(mint(tmp_path, REQUEST, NOW), public_keys(tmp_path), algorithms=[ALGORITHM])
    assert token.header["typ"] == "at+jwt"
    assert len(token.claims.pop("jti")) > 16
    assert token.claims == {
        "iss": "https://issuer.example",
        "sub": "cashier",
        "aud": "https://audience.example",
        "iat": int(NOW.timestamp()),
        "exp": int(NOW.timestamp()) + 60,
        "tenant": "kabul",
        "scope": "system/*.rs",
    }


def test_no_two_tokens_are_the_same(tmp_path: Path) -> None:
    assert mint(tmp_path, REQUEST, NOW) != mint(tmp_path, REQUEST, NOW)


def test_the_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    with ThreadPoolExecutor(8) as executor:
        minted = list(executor.map(lambda n: mint(directory, replace(REQUEST, subject=str(n)), NOW), range(8)))
    for token in minted:
        jwt.decode(token, public_keys(directory), algorithms=[ALGORITHM])
    assert stat.S_IMODE((directory / KEY_FILE).stat().st_mode) == 0o600
    assert [file.name for file in directory.iterdir()] == [KEY_FILE]


def test_the_private_key_is_not_among_the_public_ones(tmp_path: Path) -> None:
    mint(tmp_path, REQUEST, NOW)
    (key,) = public_keys(tmp_path).as_dict()["keys"]
    assert "d" not in key
    assert key["kid"]
