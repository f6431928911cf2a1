"""The border of the REST API: who comes in, what is read, how errors look, whatever the route."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import pytest_asyncio

from fhir_server.rest.openapi import scopes_of
from fhir_server.rest.route import RestRoute
from fhir_server.rest.routes import ROUTES
from ledger.tenant import OPERATORS
from tests.integration.rest_client import BASE, pointers, problem_codes, rest_client
from tests.integration.serving import Hospital, Server, body, row_counts

ROUTE_NAMES = [route.name for route in ROUTES]


def tenant_of(route: RestRoute, hospital: Hospital) -> str:
    """Whose token the route is for."""
    return OPERATORS if route.of_operators else hospital.tenant_id


@pytest_asyncio.fixture
async def rest(server: Server, hospital: Hospital) -> AsyncIterator[httpx.AsyncClient]:
    async with rest_client(server, hospital.tenant_id) as http:
        yield http


def url_of(route: RestRoute) -> str:
    return re.sub(r"\{\w+\}", "no-such-id", route.path).removeprefix("/")


@pytest.mark.parametrize("route", ROUTES, ids=ROUTE_NAMES)
async def test_no_route_answers_without_a_token(server: Server, route: RestRoute) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(server.app), base_url=BASE) as http:
        for headers in ({}, {"authorization": "Bearer nonsense"}):
            answer = await http.request(route.method, url_of(route), headers=headers)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"].startswith("Bearer ")
            assert problem_codes(answer)[0] in {"token-missing", "token-invalid"}


@pytest.mark.parametrize("route", ROUTES, ids=ROUTE_NAMES)
async def test_every_route_asks_for_each_of_its_scopes(server: Server, hospital: Hospital, route: RestRoute) -> None:
    for needed in scopes_of(route):
        assert needed
        for left_out in needed:
            scope = " ".join(other for other in needed if other != left_out)
            async with rest_client(server, tenant_of(route, hospital), scope) as http:
                answer = await http.request(route.method, url_of(route))
                assert (answer.status_code, problem_codes(answer)) == (403, ["insufficient-scope"])
        async with rest_client(server, tenant_of(route, hospital), " ".join(needed)) as http:
            assert (await http.request(route.method, url_of(route))).status_code not in {401, 403}


@pytest.mark.parametrize("route", [route for route in ROUTES if not route.of_operators], ids=lambda r: r.name)
async def test_a_tenant_without_a_licence_gets_nothing(server: Server, route: RestRoute) -> None:
    tenant_id = await server.add_tenant(active=False)
    async with rest_client(server, tenant_id) as http:
        answer = await http.request(route.method, url_of(route))
    assert (answer.status_code, problem_codes(answer)) == (403, ["MODULE_NOT_ACTIVE"])


@pytest.mark.parametrize("route", [route for route in ROUTES if route.needs_idempotency_key], ids=lambda r: r.name)
async def test_what_moves_money_needs_a_key(rest: httpx.AsyncClient, route: RestRoute) -> None:
    answer = await rest.request(route.method, url_of(route), json=example_of(route))
    assert (answer.status_code, problem_codes(answer)) == (400, ["idempotency-key-required"])


def example_of(route: RestRoute) -> object:
    assert route.takes is not None
    return route.takes.model_json_schema()["examples"][0]


@pytest.mark.parametrize("route", [route for route in ROUTES if route.takes is not None], ids=lambda r: r.name)
async def test_bodies_are_read_strictly(server: Server, hospital: Hospital, route: RestRoute) -> None:
    assert route.takes is not None
    example = json.dumps(example_of(route))
    headers = {"idempotency-key": "k"}
    before = row_counts(server.access)
    async with rest_client(server, tenant_of(route, hospital)) as http:
        for content, code in (
            *([("", "body-missing")] if route.takes.model_json_schema().get("required") else []),
            ("[]", "json-not-object"),
            ("{", "json-malformed"),
            ('{"a": 1, "a": 1}', "json-duplicate-key"),
            ('{"a":' * 70 + "1" + "}" * 70, "json-too-deep"),
            (example[:-1] + ', "amuont": 1}', "unknown-element"),
        ):
            answer = await http.request(route.method, url_of(route), content=content, headers=headers)
            assert (answer.status_code, problem_codes(answer)) == (400, [code]), content
        plain = {**headers, "content-type": "text/plain"}
        answer = await http.request(route.method, url_of(route), content=example, headers=plain)
        assert (answer.status_code, problem_codes(answer)) == (415, ["media-type"])
        large = " " * 6_000_000 + example
        answer = await http.request(route.method, url_of(route), content=large, headers=headers)
        assert (answer.status_code, problem_codes(answer)) == (413, ["body-too-large"])
    assert row_counts(server.access) == before


async def test_each_place_is_a_json_pointer(rest: httpx.AsyncClient) -> None:
    answer = await rest.put("settings", json={"settings": {"payment_terms_days": 14}, "other": 1})
    assert (answer.status_code, sorted(problem_codes(answer))) == (400, ["unknown-element", "wrong-json-type"])
    assert sorted(pointers(answer)) == ["/other", "/settings/payment_terms_days"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("accont=Account/1", "parameter-unknown"),
        ("account=Account/1&account=Account/2", "parameter-repeated"),
        ("account=Patient/1", "parameter-invalid"),
        ("account=1", "parameter-invalid"),
        ("status=open", "parameter-invalid"),
        ("limit=0", "parameter-invalid"),
        ("limit=1.5", "parameter-invalid"),
        ("limit=5000", "parameter-invalid"),
        ("subject=%00", "parameter-invalid"),
        ("subject=%ff", "query-malformed"),
        ("cursor=bm90IG9uZSBvZiBvdXJz", "cursor-invalid"),
        ("cursor=*", "cursor-invalid"),
    ],
)
async def test_queries_are_read_strictly(rest: httpx.AsyncClient, query: str, code: str) -> None:
    answer = await rest.get(f"invoices?{query}")
    assert (answer.status_code, problem_codes(answer)) == (400, [code])


@pytest.mark.parametrize("path", ["", "nothing", "invoices/1/2/3", "../billing"])
async def test_a_path_that_is_not_there_is_404(rest: httpx.AsyncClient, path: str) -> None:
    answer = await rest.get(path)
    assert (answer.status_code, problem_codes(answer)) == (404, ["unknown-path"])


async def test_a_method_that_is_not_there_is_405(rest: httpx.AsyncClient) -> None:
    answer = await rest.delete("settings")
    assert (answer.status_code, problem_codes(answer)) == (405, ["method-not-allowed"])
    assert answer.headers["allow"] == "GET, PATCH, PUT"


@pytest.mark.parametrize("id_", ["%00", "a%20b", "%F0%9F%92%A9", "x" * 65, "a_b"])
async def test_an_id_that_can_be_none_is_404(rest: httpx.AsyncClient, id_: str) -> None:
    answer = await rest.get(f"invoices/{id_}")
    assert (answer.status_code, problem_codes(answer)) == (404, ["not-found"])


async def test_another_tenant_s_id_is_as_one_that_does_not_exist(server: Server, hospital: Hospital) -> None:
    account, invoice = await hospital.issued()
    async with rest_client(server, await server.add_tenant()) as http:
        for path in (f"invoices/{invoice['id']}", f"accounts/{account['id']}/balance"):
            answer = await http.get(path)
            assert (answer.status_code, problem_codes(answer)) == (404, ["not-found"])
        assert body(await http.get("invoices")) == {"items": []}


async def test_an_expired_token_is_401(server: Server, hospital: Hospital) -> None:
    token = server.token(hospital.tenant_id, now=datetime.now(UTC) - timedelta(hours=2))
    async with rest_client(server, hospital.tenant_id) as http:
        answer = await http.get("invoices", headers={"authorization": f"Bearer {token}"})
    assert (answer.status_code, problem_codes(answer)) == (401, ["token-invalid"])


async def test_a_body_where_none_is_taken_is_refused(rest: httpx.AsyncClient) -> None:
    without_body = [route for route in ROUTES if route.method == "POST" and route.takes is None]
    for route in without_body:
        answer = await rest.post(url_of(route), json={"a": 1})
        assert (answer.status_code, problem_codes(answer)) == (400, ["body-unexpected"])


async def test_the_openapi_document_describes_every_route_with_its_scopes(server: Server) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(server.app), base_url=BASE) as http:
        answer = await http.get("openapi.json")
    assert answer.status_code == 200
    document = body(answer)
    described = {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    assert described.keys() == set(ROUTE_NAMES)
    for route in ROUTES:
        operation = described[route.name]
        assert operation["security"][0]["bearer"]
        assert "application/problem+json" in operation["responses"]["default"]["content"]
        assert "422" not in operation["responses"]
        needed = [parameter["name"] for parameter in operation.get("parameters", []) if parameter["required"]]
        assert ("Idempotency-Key" in needed) == route.needs_idempotency_key
    schemas = document["components"]["schemas"]
    references = set(re.findall(r'"#/components/schemas/([^"]+)"', answer.text))
    assert references <= schemas.keys()
    assert all(schemas[route.takes.__name__]["examples"] for route in ROUTES if route.takes is not None)
