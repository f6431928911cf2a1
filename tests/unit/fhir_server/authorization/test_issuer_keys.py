"""Keys of issuers by URL: kept, renewed, and kept through an outage."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import respx
from joserfc.jwk import RSAKey

from fhir_server.authorization import issuer_keys
from fhir_server.authorization.issuer_keys import BETWEEN_FETCHES_SECONDS, FRESH_SECONDS, STALE_SECONDS, FetchedKeys
from fhir_server.trusted_issuer import TrustedIssuer, check_jwks_url
from ledger.errors import Category, Refusal

URL = "https://id.example.org/jwks"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def jwks(*key_ids: str) -> dict[str, Any]:
    keys = [RSAKey.generate_key(2048, {"kid": key_id}, private=True).as_dict(private=False) for key_id in key_ids]
    return {"keys": keys}


async def ids(keys: FetchedKeys, wanted: str | None = None) -> set[str | None]:
    return {key.kid for key in (await keys.get(wanted)).keys}


@respx.mock
async def test_keys_are_fetched_once_and_again_when_they_are_old() -> None:
    route = respx.get(URL).mock(return_value=httpx.Response(200, json=jwks("a")))
    clock = Clock()
    keys = FetchedKeys(URL, clock)
    assert [await ids(keys, "a") for _ in range(3)] == [{"a"}] * 3
    assert route.call_count == 1
    clock.now += FRESH_SECONDS + 1
    await ids(keys, "a")
    assert route.call_count == 2


@respx.mock
async def test_a_new_key_is_found_when_it_is_first_used_and_strange_ids_cannot_make_us_ask_all_the_time() -> None:
    route = respx.get(URL).mock(
        side_effect=[httpx.Response(200, json=jwks("a"))] + [httpx.Response(200, json=jwks("b"))] * 9
    )
    clock = Clock()
    keys = FetchedKeys(URL, clock)
    await ids(keys, "a")
    for number in range(20):
        await ids(keys, f"strange-{number}")
    assert route.call_count == 1
    clock.now += BETWEEN_FETCHES_SECONDS
    assert await ids(keys, "b") == {"b"}
    assert route.call_count == 2


@respx.mock
@pytest.mark.parametrize(
    "outage",
    [
        httpx.ConnectError("down"),
        httpx.ReadTimeout("slow"),
        httpx.Response(500),
        httpx.Response(302, headers={"location": "https://evil.example"}),
        httpx.Response(200, text="not JSON"),
        httpx.Response(200, json={"keys": "none"}),
        httpx.Response(200, json=[1]),
        httpx.Response(200, content=b"x" * (issuer_keys.JWKS_BYTES_MAX + 1)),
    ],
)
async def test_an_outage_of_the_issuer_is_none_of_ours_for_a_day(outage: Any) -> None:
    clock = Clock()
    keys = FetchedKeys(URL, clock)
    route = respx.get(URL).mock(return_value=httpx.Response(200, json=jwks("a")))
    await ids(keys)
    route.mock(side_effect=[outage] * 9)
    clock.now += STALE_SECONDS - 1
    assert await ids(keys, "a") == {"a"}
    clock.now += 2
    with pytest.raises(Refusal) as refusal:
        await keys.get("a")
    assert (refusal.value.category, refusal.value.code) == (Category.UNAVAILABLE, "issuer-unavailable")


@pytest.mark.parametrize("url", ["http://id.example.org/jwks", "file:///etc/passwd", "https://", "ftp://x", "jwks"])
def test_keys_come_over_tls_or_from_this_machine(url: str) -> None:
    with pytest.raises(ValueError, match="https"):
        check_jwks_url(url)
    assert check_jwks_url("http://127.0.0.1:8/jwks")


@pytest.mark.parametrize(
    "wrong",
    [
        {"algorithms": ["none"], "jwks_url": URL},
        {"algorithms": ["HS256"], "jwks_url": URL},
        {"algorithms": [], "jwks_url": URL},
        {},
        {"jwks_url": URL, "jwks": {"keys": []}},
        {"jwks_url": "http://id.example.org/jwks"},
        {"jwks_url": URL, "unknown": 1},
    ],
)
def test_an_issuer_that_would_be_unsafe_is_refused_at_the_start(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        TrustedIssuer(issuer="https://id.example.org", **wrong)
