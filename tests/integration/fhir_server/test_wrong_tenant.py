"""Every route and operation, asked by another tenant for what is there: nothing of it is seen or changed.

Together with `tests/integration/storage/test_schema.py`, which tries every table, this walks all that there is: what is
added to a table of routes is tried here without a word.
"""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from fhir_server.rest.route import RestRoute
from fhir_server.rest.routes import ROUTES as REST_ROUTES
from fhir_server.route import Route
from fhir_server.routes import TYPES, route_table
from tests.integration.serving import Hospital, Json, Server, body, row_counts

MARK = "only-of-the-first-tenant"
REST = "http://127.0.0.1:8080"


def never(_request: object) -> Any:
    raise AssertionError("only the table is looked at")


ROUTES = route_table(never, never, never).routes


async def everything(hospital: Hospital) -> dict[str, Json]:
    """One resource of each type, all with a mark that nobody else has."""
    tag = {"meta": {"tag": [{"system": "http://x", "code": MARK}]}}
    account = await hospital.account(name=MARK, **tag)
    charge = await hospital.charge(account, 100, **tag)
    draft = await hospital.draft(account, charge, **tag)
    await hospital.http.post(f"Invoice/{draft['id']}/$issue")
    amount = {"name": "amount", "valueMoney": {"value": 10, "currency": "AFN"}}
    method = {"name": "method", "valueCode": "cash"}
    paid = await hospital.operate(f"Invoice/{draft['id']}/$post-payment", amount, method)
    assert paid.status_code == 200, paid.text
    parts = {part["name"]: part["resource"] for part in body(paid)["parameter"] if "resource" in part}
    return {
        "Account": account,
        "ChargeItem": charge,
        "Invoice": draft,
        "PaymentReconciliation": parts["payment"],
        "PaymentNotice": parts["notice"],
    }


def requests_of(route: Route, there: dict[str, Json]) -> list[tuple[str, str, Any]]:
    found = []
    for resource_type in route.types or ("",):
        resource = there.get(resource_type, {})
        path = route.path.replace("[type]", resource_type).replace("Patient/[id]", "Patient/p1")
        path = path.replace("[id]", resource.get("id", "none")).replace("[vid]", "1")
        content: Any = None
        if route.body == "patch":
            content = {"resourceType": "Parameters"}
        elif route.interaction == "transaction":
            entries = [{"request": {"method": "GET", "url": f"{name}/{each['id']}"}} for name, each in there.items()]
            content = {"resourceType": "Bundle", "type": "batch", "entry": entries}
        elif route.body in {"json", "json?"}:
            content = resource if route.operation is None else {"resourceType": "Parameters"}
        found.append((route.method, path, content))
    return found


@pytest.mark.parametrize("route", ROUTES, ids=[f"{route.name} {','.join(route.types[:1])}" for route in ROUTES])
async def test_of_another_tenant_no_route_shows_or_changes_anything(
    route: Route, hospital: Hospital, server: Server
) -> None:
    there = await everything(hospital)
    ids = {each["id"] for each in there.values()}
    before = {name: await hospital.read(f"{name}/{each['id']}") for name, each in there.items()}
    other = await server.add_tenant()
    counts = row_counts(server.access)
    async with server.client(server.token(other), **{"idempotency-key": "one"}) as http:
        for method, path, content in requests_of(route, there):
            answer = await http.request(method, path, json=content)
            assert answer.status_code < 500, answer.text
            shown = answer.text.replace(path, "")
            assert MARK not in shown or content is not None, (method, path)
            if method in {"GET", "HEAD"} or "_search" in path:
                assert not [id_ for id_ in ids if id_ in shown and id_ not in path], (method, path)
            is_of_one = path.partition("/")[0] in there and "[type]/[id]" in route.path
            if is_of_one and method not in {"PUT", "DELETE"} and "$validate" not in route.path:
                assert answer.status_code in {400, 404, 422}, (method, path, answer.text)
    assert {name: await hospital.read(f"{name}/{each['id']}") for name, each in there.items()} == before
    if route.interaction not in {"create", "update"}:
        assert row_counts(server.access) == counts


@pytest.mark.parametrize("route", REST_ROUTES, ids=[route.name for route in REST_ROUTES])
async def test_of_another_tenant_no_rest_route_shows_anything(
    route: RestRoute, hospital: Hospital, server: Server
) -> None:
    there = await everything(hospital)
    ids = {each["id"] for each in there.values()}
    other = await server.add_tenant()
    async with server.client(server.token(other), **{"idempotency-key": "one"}) as http:
        for id_ in ids:
            path = re.sub(r"\{[^}]*\}", id_, route.full_path)
            answer = await http.request(route.method, f"{REST}{path}", json={} if route.takes else None)
            assert answer.status_code < 500, answer.text
            assert MARK not in answer.text
            assert [each for each in ids - {id_} if each in answer.text] == []


async def test_no_route_answers_without_a_token_but_those_that_say_how_to_come_in(server: Server) -> None:
    async with server.client(None) as http:
        for route in ROUTES:
            for method, path, content in requests_of(route, {}):
                answer: httpx.Response = await http.request(method, path, json=content)
                assert (answer.status_code == 401) == (not route.is_open), (method, path, answer.text)
        for rest in REST_ROUTES:
            path = re.sub(r"\{[^}]*\}", "1", rest.full_path)
            assert (await http.request(rest.method, f"{REST}{path}")).status_code == 401


async def test_no_route_answers_a_token_without_scopes(server: Server, hospital: Hospital) -> None:
    there = await everything(hospital)
    async with server.client(server.token(hospital.tenant_id, "openid"), **{"idempotency-key": "one"}) as http:
        for route in ROUTES:
            for method, path, content in requests_of(route, there):
                answer = await http.request(method, path, json=content)
                if route.interaction == "transaction":
                    assert {entry["response"]["status"][:3] for entry in body(answer)["entry"]} == {"403"}
                else:
                    assert (answer.status_code == 403) == (not route.is_open), (method, path, answer.text)
        for rest in REST_ROUTES:
            path = re.sub(r"\{[^}]*\}", "1", rest.full_path)
            assert (await http.request(rest.method, f"{REST}{path}")).status_code == 403
    assert set(TYPES) >= set(there)
