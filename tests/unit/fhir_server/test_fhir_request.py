"""A request as interactions see it: its document, its query."""

from __future__ import annotations

from decimal import Decimal

import pytest

from fhir_server.authorization.smart_scopes import scopes_of
from fhir_server.authorization.token import AccessToken
from fhir_server.fhir_request import QUERY_PARAMETERS_MAX, FhirRequest, query_of, refuse_rest, take
from ledger.errors import Refusal
from ledger.tenant import Tenant
from mappers.r4.json_text import decode

TOKEN = AccessToken("t", "subject", "client", scopes_of(""), 0)
TENANT = Tenant("t", "T", "AF", "AFN", "Asia/Kabul")


def request(**changed: object) -> FhirRequest:
    values: dict[str, object] = {
        "method": "POST",
        "route_name": "POST [type]/[id]/$issue",
        "url": "Invoice/1/$issue",
        "token": TOKEN,
        "tenant": TENANT,
        "base_url": "https://billing.example.org/fhir",
        "resource_type": "Invoice",
    }
    return FhirRequest(**(values | changed))  # type: ignore[arg-type]


def test_each_attempt_begins_with_the_whole_document() -> None:
    body = b'{"resourceType":"Invoice","totalNet":{"value":10.00}}'
    asked = request(document=decode(body), body=body)
    for _ in range(3):
        asked.renew()
        assert asked.document == {"resourceType": "Invoice", "totalNet": {"value": Decimal("10.00")}}
        asked.document.clear()


def test_the_document_of_an_entry_is_renewed_as_it_was_when_the_first_attempt_began() -> None:
    asked = request(document={"a": {"reference": "urn:uuid:1"}})
    assert asked.document is not None
    asked.document["a"] = {"reference": "Account/1"}
    for _ in range(2):
        asked.renew()
        assert asked.document == {"a": {"reference": "Account/1"}}
        asked.document["a"] = "taken apart"


def test_a_request_without_a_document_has_none_to_renew() -> None:
    asked = request()
    asked.renew()
    assert asked.document is None


def test_an_idempotency_key_belongs_to_the_operation_on_the_type() -> None:
    assert request().operation == "POST Invoice/[id]/$issue"


def test_a_request_with_a_key_is_one_that_cannot_happen_twice() -> None:
    assert not request().context.one_time
    assert request(idempotency_key="k").context.one_time


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("", []),
        ("a=1&b=2&a=3", [("a", "1"), ("b", "2"), ("a", "3")]),
        ("a=&b", [("a", ""), ("b", "")]),
        ("a=x%7Cy+z", [("a", "x|y z")]),
        ("name=%D8%A7", [("name", "ا")]),
        ("name=ا".encode(), [("name", "ا")]),
    ],
)
def test_a_query_is_its_parameters_in_order(text: str | bytes, pairs: list[tuple[str, str]]) -> None:
    assert query_of(text) == pairs


@pytest.mark.parametrize("text", ["a=%ff", b"a=\xff", "&".join(["a=1"] * (QUERY_PARAMETERS_MAX + 1))])
def test_a_query_that_is_none_is_refused(text: str | bytes) -> None:
    with pytest.raises(Refusal) as refused:
        query_of(text)
    assert refused.value.code == "query-malformed"


def test_a_parameter_is_taken_once() -> None:
    query = [("a", "1"), ("b", "2")]
    assert take(query, "a") == "1"
    assert take(query, "a") is None
    with pytest.raises(Refusal):
        take([("a", "1"), ("a", "2")], "a")


def test_parameters_that_nobody_took_are_named() -> None:
    refuse_rest([], "_count")
    with pytest.raises(Refusal, match="colour"):
        refuse_rest([("colour", "red")], "_count")
