"""Refusals as HTTP status and OperationOutcome."""

from __future__ import annotations

import json

import pytest

from fhir_server.outcomes import (
    MEANINGS,
    MethodNotAllowed,
    expression_at,
    headers_of,
    located,
    outcome_of,
    status_of,
    unexpected_outcome,
)
from ledger.errors import Category, Problem, Refusal, invalid, refuse
from mappers.r4.validate import validate


def test_every_category_has_a_status_and_an_issue_type() -> None:
    assert set(MEANINGS) == set(Category)
    assert all(400 <= meaning.status < 600 for meaning in MEANINGS.values())


@pytest.mark.parametrize("category", list(Category))
def test_the_outcome_of_every_category_is_valid_r4(category: Category) -> None:
    problem = Problem(category, "some-code", "A sentence.", "Invoice.status")
    outcome = json.loads(outcome_of([problem]))
    assert validate(outcome) == []


def test_an_outcome_lists_every_problem_with_code_sentence_and_place() -> None:
    outcome = json.loads(
        outcome_of(
            [
                Problem(Category.INVALID, "first", "One is wrong.", "Invoice.lineItem[3].priceComponent[0].amount"),
                Problem(Category.INVALID, "second", "Two is wrong.", "", "required"),
            ]
        )
    )
    first, second = outcome["issue"]
    assert first == {
        "severity": "error",
        "code": "invalid",
        "details": {
            "coding": [{"system": "https://billing.ghasi.example/fhir/CodeSystem/error", "code": "first"}],
            "text": "One is wrong.",
        },
        "diagnostics": "Invoice.lineItem[3].priceComponent[0].amount: One is wrong.",
        "expression": ["Invoice.lineItem[3].priceComponent[0].amount"],
    }
    assert second["code"] == "required"
    assert "expression" not in second


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("Invoice.status", "Bundle.entry[3].resource.status"),
        ("Invoice", "Bundle.entry[3].resource"),
        ("Parameters.parameter[1].valueMoney", "Bundle.entry[3].resource.parameter[1].valueMoney"),
        ("Invoice.extension('Invoice.x')", "Bundle.entry[3].resource.extension('Invoice.x')"),
        ("", "Bundle.entry[3]"),
        ("Bundle.entry[3].request.url", "Bundle.entry[3].request.url"),
    ],
)
def test_the_place_in_a_bundle_stands_before_the_place_in_the_resource(expression: str, expected: str) -> None:
    problem = Problem(Category.INVALID, "code", "A sentence.", expression)
    assert expression_at(problem, "Bundle.entry[3]") == expected


def test_a_refusal_said_of_an_entry_keeps_code_and_category() -> None:
    refusal = located(refuse(Category.CONFLICT, "invalid-state", "It is issued.", "Invoice.status"), "Bundle.entry[0]")
    assert refusal.problems == (
        Problem(Category.CONFLICT, "invalid-state", "It is issued.", "Bundle.entry[0].resource.status"),
    )


def test_a_method_that_is_not_possible_is_405_and_names_those_that_are() -> None:
    refusal = MethodNotAllowed("PATCH", ["PUT", "GET"])
    assert status_of(refusal) == 405
    assert headers_of(refusal) == [(b"allow", b"GET, PUT")]


@pytest.mark.parametrize(
    ("refusal", "header"),
    [
        (refuse(Category.UNAUTHENTICATED, "token-missing", "."), (b"www-authenticate", b'Bearer realm="fhir"')),
        (
            refuse(Category.UNAUTHENTICATED, "token-invalid", "."),
            (b"www-authenticate", b'Bearer realm="fhir", error="invalid_token"'),
        ),
        (
            refuse(Category.NOT_ALLOWED, "insufficient-scope", "."),
            (b"www-authenticate", b'Bearer realm="fhir", error="insufficient_scope"'),
        ),
        (refuse(Category.UNAVAILABLE, "busy", "."), (b"retry-after", b"1")),
    ],
)
def test_a_status_comes_with_the_header_that_it_asks_for(refusal: Refusal, header: tuple[bytes, bytes]) -> None:
    assert headers_of(refusal) == [header]


def test_other_refusals_need_no_header() -> None:
    assert headers_of(invalid("code", "A sentence.")) == []


def test_a_fault_of_ours_tells_nothing_but_the_request_id() -> None:
    outcome = json.loads(unexpected_outcome("r-1"))
    assert "r-1" in outcome["issue"][0]["diagnostics"]
    assert outcome["issue"][0]["severity"] == "fatal"
    assert validate(outcome) == []
