"""Too much at once, too long, and what every answer says to browsers and tracers."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from fhir_server.metrics import Metrics
from fhir_server.observation import InFlight, Observation
from tests.database_server import DatabaseAccess
from tests.integration.serving import BASE, Hospital, Server, body, codes_of, serving

METRICS = Metrics(dict)


def observed(seconds: float, *, in_flight_max: int = 100, timeout_seconds: int = 60) -> httpx.AsyncClient:
    async def slow(_scope: Scope, _receive: Receive, send: Send) -> None:
        await asyncio.sleep(seconds)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    app = Observation(slow, METRICS, InFlight(in_flight_max), timeout_seconds=timeout_seconds)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE)


async def test_more_than_can_be_done_at_once_is_refused_at_once_and_health_is_not() -> None:
    async with observed(0.2, in_flight_max=3) as http:
        busy = [asyncio.create_task(http.get("/Account")) for _ in range(3)]
        await asyncio.sleep(0.05)
        refused = await http.get("/Account")
        assert (refused.status_code, codes_of(body(refused))) == (503, ["overloaded"])
        assert refused.headers["retry-after"] == "1"
        assert (await http.get("http://127.0.0.1:8080/healthz")).status_code == 200
        assert [answer.status_code for answer in await asyncio.gather(*busy)] == [200, 200, 200]
        assert (await http.get("/Account")).status_code == 200


async def test_a_request_that_takes_too_long_is_ended() -> None:
    async with observed(30, timeout_seconds=1) as http:
        answer = await http.get("/Account")
    assert (answer.status_code, codes_of(body(answer))) == (503, ["request-timeout"])


async def test_a_tenant_that_sends_too_much_is_told_to_wait_and_others_are_not(
    database: DatabaseAccess, tmp_path: Path
) -> None:
    async with serving(database, tmp_path, tenant_requests_per_second=2) as server:
        first, second = await server.add_tenant(), await server.add_tenant()
        async with server.client(server.token(first)) as http:
            answers = [await http.get("Account/none") for _ in range(8)]
        assert [answer.status_code for answer in answers[:4]] == [404] * 4
        refused = answers[-1]
        assert (refused.status_code, codes_of(body(refused))) == (429, ["too-many-requests"])
        assert refused.headers["retry-after"] == "1"
        async with server.client(server.token(second)) as http:
            assert (await http.get("Account/none")).status_code == 404


async def test_a_client_that_is_denied_too_often_is_told_to_wait_before_it_is_denied(
    database: DatabaseAccess, tmp_path: Path
) -> None:
    """Every denial is a transaction: neither a suspended tenant nor one that nobody knows has any number of them."""
    async with serving(database, tmp_path, client_requests_per_second=2) as server:
        for tenant_id in (await server.add_tenant(active=False), "nobody", "_operators"):
            async with server.client(server.token(tenant_id)) as http:
                answers = [await http.get("Account") for _ in range(8)]
            assert [answer.status_code for answer in answers[:4]] == [403] * 4
            assert (answers[-1].status_code, codes_of(body(answers[-1]))) == (429, ["too-many-requests"])


async def test_who_has_no_token_too_often_is_told_to_wait_and_who_has_one_is_not(
    database: DatabaseAccess, tmp_path: Path
) -> None:
    async with serving(database, tmp_path, address_failures_per_second=2) as server:
        tenant_id = await server.add_tenant()
        async with server.client("forged") as http:
            answers = [await http.get("Account") for _ in range(4)]
            answers += [await http.get("http://127.0.0.1:8080/api/v1/billing/invoices") for _ in range(4)]
        assert [answer.status_code for answer in answers[:4]] == [401] * 4
        assert {answer.status_code for answer in answers[5:]} == {429}
        assert (codes_of(body(answers[0])), body(answers[-1])["code"]) == (["token-invalid"], "too-many-failures")
        assert answers[-1].headers["retry-after"] == "1"
        # From the same address.
        async with server.client(server.token(tenant_id)) as http:
            assert {(await http.get("Account")).status_code for _ in range(5)} == {200}
        async with server.client(None) as http:
            assert (await http.get("metadata")).status_code == 200


async def test_who_guesses_at_the_token_endpoint_is_soon_not_looked_at(
    database: DatabaseAccess, tmp_path: Path
) -> None:
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": "a.b.c",
    }
    async with serving(database, tmp_path, address_failures_per_second=2) as server, server.client(None) as http:
        url = "http://127.0.0.1:8080/oauth/token"
        answers = [await http.post(url, data=form) for _ in range(4)]
        assert [(answer.status_code, body(answer)["error"]) for answer in answers] == [(401, "invalid_client")] * 4
        # Not even what is no form is looked at.
        late = await http.post(url, content=b"\xff" * 100)
        assert (late.status_code, body(late)["error"]) == (429, "temporarily_unavailable")
        assert late.headers["retry-after"] == "1"
        assert late.headers["cache-control"] == "no-store"


async def test_every_answer_tells_browsers_to_take_it_for_data(server: Server, hospital: Hospital) -> None:
    async with server.client(None) as anyone:
        answers = [await anyone.get("metadata"), await anyone.get("Account"), await anyone.get("/nowhere")]
    answers.append(await hospital.http.get("Account"))
    for answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "set-cookie" not in answer.headers
        assert "server" not in answer.headers


@pytest.mark.parametrize("sent", ["", "00-1-2-3", f"ff-{'a' * 32}-{'b' * 16}-01", f"00-{'A' * 32}-{'b' * 16}-01"])
async def test_a_trace_goes_on_and_what_is_none_is_not_repeated(server: Server, sent: str) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    async with server.client(None) as anyone:
        traced = await anyone.get("metadata", headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
        assert traced.headers["traceparent"].split("-")[:2] == ["00", trace]
        assert "00f067aa0ba902b7" not in traced.headers["traceparent"]
        assert "traceparent" not in (await anyone.get("metadata", headers={"traceparent": sent})).headers
