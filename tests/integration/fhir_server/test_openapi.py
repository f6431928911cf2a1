"""The OpenAPI document and its page: open to everyone, whole, and true to the table of routes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema_rs
import pytest

from capability.json_schemas import schemas_of
from fhir_server.operations import account_balance, invoice_post_payment
from mappers import MAPPERS
from mappers.r4.json_text import decode
from tests.checkout import CHECKOUT
from tests.integration.serving import Hospital, Json, Server, body

ORIGIN = "http://127.0.0.1:8080"


@pytest.fixture
async def document(server: Server) -> Json:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(server.app), base_url=ORIGIN) as anyone:
        answer = await anyone.get("/openapi.json")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    return body(answer)


def references_in(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (each for name, each in value.items() if name == "$ref")
        for each in value.values():
            yield from references_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from references_in(each)


async def test_it_has_every_route_of_fhir_and_every_one_of_the_internal_api(document: Json, server: Server) -> None:
    paths = document["paths"]
    assert document["openapi"].startswith("3.1")
    for name in MAPPERS:
        assert {"get", "post", "put", "patch", "delete"} <= paths[f"/fhir/{name}"].keys()
        assert {"get", "put", "patch", "delete"} <= paths[f"/fhir/{name}/{{id}}"].keys()
        assert "get" in paths[f"/fhir/{name}/{{id}}/_history/{{vid}}"]
    assert {"get", "post"} == paths["/fhir"].keys()
    assert "post" in paths["/fhir/Invoice/{id}/$issue"]
    assert "get" in paths["/fhir/Patient/{id}/*"]
    assert any(path.startswith("/api/v1/billing/") for path in paths)


async def test_every_operation_id_is_there_once_and_every_reference_leads_somewhere(document: Json) -> None:
    operations = [operation for methods in document["paths"].values() for operation in methods.values()]
    ids = [operation["operationId"] for operation in operations]
    assert len(ids) == len(set(ids))
    for reference in set(references_in(document)):
        found: Any = document
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]


async def test_a_search_has_the_parameters_that_the_mappers_declare(document: Json) -> None:
    for name, mapper in MAPPERS.items():
        asked = {each["name"] for each in document["paths"][f"/fhir/{name}"]["get"]["parameters"]}
        assert {each.code for each in mapper.search_parameters} <= asked


async def test_operations_have_the_parameters_and_headers_that_they_declare(document: Json) -> None:
    balance = document["paths"]["/fhir/Account/{id}/$balance"]["get"]
    inputs = {each.name for each in account_balance.OPERATION.inputs}
    assert inputs <= {each["name"] for each in balance["parameters"] if each["in"] == "query"}
    posting = document["paths"]["/fhir/Invoice/{id}/$post-payment"]["post"]
    [key] = [each for each in posting["parameters"] if each["name"] == "Idempotency-Key"]
    assert key["required"]
    assert posting["description"] == invoice_post_payment.OPERATION.description


async def test_only_what_is_open_needs_no_token(document: Json, server: Server) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(server.app), base_url=ORIGIN) as anyone:
        for path, methods in document["paths"].items():
            if "{" in path or "get" not in methods:
                continue
            answer = await anyone.get(path)
            assert (answer.status_code == 401) == (methods["get"]["security"] != []), path


@pytest.mark.parametrize("name", sorted(MAPPERS))
async def test_the_schema_of_a_type_accepts_full_resources_of_it(document: Json, name: str) -> None:
    schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    validator = jsonschema_rs.validator_for(schema)
    files = [
        *(CHECKOUT / "tests" / "unit" / "mappers" / "full").glob(f"{name}*.json"),
        *(CHECKOUT / "tests" / "conformance" / "examples").glob(f"{name}-*.json"),
    ]
    assert files
    for file in files:
        validator.validate(decode(file.read_bytes()))
        assert not validator.is_valid({**decode(file.read_bytes()), "statuss": "draft"})


def test_schemas_are_of_all_that_a_type_is_made_of() -> None:
    assert {"Invoice", "Invoice.lineItem", "Money", "Extension", "Narrative", "code"} <= schemas_of(["Invoice"]).keys()


async def test_the_page_shows_every_path_and_fetches_nothing(document: Json, hospital: Hospital) -> None:
    transport = httpx.ASGITransport(hospital.server.app)
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as anyone:
        answer = await anyone.get("/docs")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    for path in document["paths"]:
        assert f"<code>{path}</code>" in answer.text
    assert re.findall(r"<(?:script|link|img|iframe)", answer.text) == []
    assert "default-src 'none'" in answer.headers["content-security-policy"]
