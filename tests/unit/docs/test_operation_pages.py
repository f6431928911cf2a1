"""Every operation has a page in docs/operations, whose tables say what the code says and whose JSON can be read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import pytest

from fhir_server.fhir_request import FhirRequest, Reading
from fhir_server.operation_declaration import Operation, Parameter
from fhir_server.routes import route_table
from mappers.r4.json_text import decode
from mappers.r4.validate import validate
from tests.checkout import CHECKOUT

PAGES = CHECKOUT / "docs" / "operations"


def operations() -> list[Operation]:
    def never(_request: FhirRequest) -> Reading:
        pytest.fail("nobody asks here")

    routes = route_table(never, never, never).routes
    return list(dict.fromkeys(route.operation for route in routes if route.operation is not None))


def page(operation: Operation) -> str:
    return (PAGES / f"{operation.resource_type.lower()}-{operation.code}.md").read_text(encoding="utf-8")


def rows(parameters: Iterable[Parameter], prefix: str = "") -> Iterator[str]:
    for each in parameters:
        type_ = f" {each.type} " if each.type else " "
        yield f"| `{prefix}{each.name}` | {each.use} | {each.min}..{each.max} |{type_}| {each.documentation} |"
        yield from rows(each.parts, f"{each.name}.")


@pytest.mark.parametrize("operation", operations(), ids=lambda operation: operation.id)
def test_the_page_lists_the_parameters_of_the_operation(operation: Operation) -> None:
    found = [line for line in page(operation).splitlines() if re.match(r"\| `[^`]+` \| (in|out) \|", line)]
    assert found == list(rows(operation.parameters))


@pytest.mark.parametrize("operation", operations(), ids=lambda operation: operation.id)
def test_the_page_names_what_the_operation_needs(operation: Operation) -> None:
    text = page(operation)
    assert text.startswith(f"# {operation.resource_type}/${operation.code}\n")
    assert f"needs `{operation.permission}` on {operation.resource_type}" in text
    assert f"[base]/OperationDefinition/{operation.id}" in text
    assert ("`Idempotency-Key` is required" in text) == operation.needs_idempotency_key
    assert set(re.findall("`(billing:[a-z:]+)`", text)) == {operation.business_scope} - {""}


@pytest.mark.parametrize("operation", operations(), ids=lambda operation: operation.id)
def test_each_code_that_the_page_names_is_one_that_the_code_refuses_with(operation: Operation) -> None:
    source = "".join(
        file.read_text(encoding="utf-8")
        for package in ("billing", "ledger", "fhir_server", "storage")
        for file in (CHECKOUT / package).rglob("*.py")
    )
    codes = re.findall(r"^\| \d{3} \| `([^`]+)` \|", page(operation), re.MULTILINE)
    assert codes
    assert [code for code in codes if f'"{code}"' not in source] == []


@pytest.mark.parametrize("operation", operations(), ids=lambda operation: operation.id)
def test_the_example_answer_is_fhir(operation: Operation) -> None:
    [example] = re.findall(r"```json\n(.*?)```", page(operation), re.DOTALL)
    document = decode(example.encode())
    # Resources inside Parameters are cut short on these pages.
    whole = document["resourceType"] != "Parameters" or "resource" not in example.replace('"resourceType"', "")
    assert not whole or validate(document) == []


def test_there_is_a_page_for_each_operation_and_for_nothing_else() -> None:
    expected = {f"{each.resource_type.lower()}-{each.code}.md" for each in operations()}
    assert {file.name for file in PAGES.glob("*-*.md")} == expected
