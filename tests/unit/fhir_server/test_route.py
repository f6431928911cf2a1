"""How a path finds its route."""

from __future__ import annotations

import pytest

from fhir_server.fhir_request import FhirRequest, Reading
from fhir_server.outcomes import MethodNotAllowed
from fhir_server.routes import TYPES, route_table
from ledger.errors import Category, Refusal


def never(request: FhirRequest) -> Reading:
    raise AssertionError(request)


TABLE = route_table(never, never, never)


@pytest.mark.parametrize(
    ("method", "path", "interaction", "id_", "version"),
    [
        ("POST", "", "transaction", "", ""),
        ("GET", "Invoice", "search-type", "", ""),
        ("POST", "Invoice/_search", "search-type", "", ""),
        ("POST", "Invoice", "create", "", ""),
        ("GET", "Invoice/a-1.b", "read", "a-1.b", ""),
        ("GET", "Invoice/1/", "read", "1", ""),
        ("HEAD", "Invoice/1", "read", "1", ""),
        ("PUT", "Invoice/1", "update", "1", ""),
        ("DELETE", "Invoice/1", "delete", "1", ""),
        ("GET", "Invoice/1/_history", "history-instance", "1", ""),
        ("GET", "Invoice/_history", "history-type", "", ""),
        ("GET", "Invoice/1/_history/2", "vread", "1", "2"),
        ("POST", "Invoice/1/$issue", "operation", "1", ""),
        ("GET", "Account/1/$balance", "operation", "1", ""),
    ],
)
def test_a_path_finds_its_interaction(method: str, path: str, interaction: str, id_: str, version: str) -> None:
    match = TABLE.match(method, path)
    assert (match.route.interaction, match.id, match.version_id) == (interaction, id_, version)
    assert match.resource_type == path.split("/", maxsplit=1)[0]


@pytest.mark.parametrize(
    ("method", "path", "interaction", "resource_type", "id_"),
    [
        ("GET", "", "search-system", "", ""),
        ("POST", "_search", "search-system", "", ""),
        ("GET", "Patient/p1/Invoice", "search-type", "Invoice", "p1"),
        ("GET", "Patient/p1/*", "search-compartment", "", "p1"),
    ],
)
def test_several_types_are_searched_at_the_base_and_in_the_compartment_of_a_patient(
    method: str, path: str, interaction: str, resource_type: str, id_: str
) -> None:
    match = TABLE.match(method, path)
    assert (match.route.interaction, match.resource_type, match.id) == (interaction, resource_type, id_)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("Patient/1", "type-not-served"),
        ("Patient", "type-not-served"),
        ("Nonsense/1", "unknown-path"),
        ("invoice/1", "unknown-path"),
        ("Invoice/1/$unknown", "unknown-path"),
        ("Account/1/$issue", "unknown-path"),
        ("Invoice/$issue", "unknown-path"),
        ("Invoice/1/_history/2/3", "unknown-path"),
        ("Invoice/1/ChargeItem", "unknown-path"),
        ("Invoice//_history", "unknown-path"),
        ("/Invoice", "unknown-path"),
        ("Invoice/a b", "not-found"),
        ("Invoice/" + "a" * 65, "not-found"),
        ("Invoice/é", "not-found"),
    ],
)
def test_a_path_that_leads_nowhere_is_not_found(path: str, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        TABLE.match("GET", path)
    assert (refused.value.category, refused.value.code) == (Category.NOT_FOUND, code)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "Invoice/1", "DELETE, GET, HEAD, PATCH, PUT"),
        ("PUT", "StructureDefinition", "GET, HEAD"),
        ("DELETE", "StructureDefinition", "GET, HEAD"),
        ("GET", "Invoice/1/$issue", "POST"),
        ("PUT", "", "GET, HEAD, POST"),
        ("GET", "Patient/1/Invoice/_search", "POST"),
    ],
)
def test_a_method_that_is_not_possible_is_told_from_a_path_that_is_not_there(
    method: str, path: str, allowed: str
) -> None:
    with pytest.raises(MethodNotAllowed) as refused:
        TABLE.match(method, path)
    assert refused.value.allowed == allowed


def test_an_update_under_an_id_that_is_none_is_invalid() -> None:
    with pytest.raises(Refusal) as refused:
        TABLE.match("PUT", "Invoice/a_b")
    assert (refused.value.category, refused.value.code) == (Category.INVALID, "invalid-id")


def test_every_route_does_one_thing_and_says_what_a_token_needs() -> None:
    for route in TABLE.routes:
        actions = [route.reads, route.writes, route.serves]
        assert sum(action is not None for action in actions) == 1, route.name
        # Of the whole system, or of all that is a patient's, the types are shown that the token may search.
        shows_what_it_may = route.interaction in {"history-system", "search-system", "search-compartment"}
        shows_what_it_may |= route.path == "$meta"
        assert route.needs or route.is_open or route.serves or shows_what_it_may, route.name
    assert set(TYPES) <= set(TABLE.types)
