"""What is replaced in the resources of a transaction, and what only looks like it."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_server.interactions.bundle_references import conditional_references, replace_references
from mappers.literal_references import literal_references

TEMPORARY = "urn:uuid:00000000-0000-4000-8000-000000000001"
REPLACEMENTS = {TEMPORARY: "Account/1", "http://his.example.org/fhir/Account/7": "Account/2"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"account": {"reference": TEMPORARY}}, {"account": {"reference": "Account/1"}}),
        (
            {"account": [{"reference": "http://his.example.org/fhir/Account/7"}]},
            {"account": [{"reference": "Account/2"}]},
        ),
        (
            {"contained": [{"extension": [{"url": "u", "valueReference": {"reference": TEMPORARY}}]}]},
            {"contained": [{"extension": [{"url": "u", "valueReference": {"reference": "Account/1"}}]}]},
        ),
        (
            {"extension": [{"url": "u", "valueUri": TEMPORARY}]},
            {"extension": [{"url": "u", "valueUri": "Account/1"}]},
        ),
        ({"definitionUri": [TEMPORARY, "other"]}, {"definitionUri": ["Account/1", "other"]}),
        (
            {"text": {"div": f"<div><a href=\"{TEMPORARY}\">x</a><img src='{TEMPORARY}'/></div>"}},
            {"text": {"div": "<div><a href=\"Account/1\">x</a><img src='Account/1'/></div>"}},
        ),
    ],
)
def test_references_uris_and_links_are_replaced(before: dict[str, Any], after: dict[str, Any]) -> None:
    replace_references(before, REPLACEMENTS)
    assert before == after


@pytest.mark.parametrize(
    "document",
    [
        {"identifier": [{"system": "urn:ietf:rfc:3986", "value": TEMPORARY}]},
        {"note": [{"text": TEMPORARY}]},
        {"reason": [{"text": TEMPORARY}]},
        {"account": {"display": TEMPORARY}},
        {"account": {"reference": TEMPORARY + "0"}},
        {"text": {"div": f"<div>{TEMPORARY}</div>"}},
        {"account": [], "extension": [[], {}]},
    ],
)
def test_what_is_no_reference_stays(document: dict[str, Any]) -> None:
    before = repr(document)
    replace_references(document, REPLACEMENTS)
    assert repr(document) == before


def test_conditional_references_are_found_with_their_place() -> None:
    document = {
        "resourceType": "ChargeItem",
        "account": [{"reference": "Account?identifier=http://his|1"}, {"reference": "Account/1"}],
        "subject": {"reference": "Patient?identifier=2"},
        "note": [{"text": "Account?identifier=no"}],
    }
    assert list(conditional_references(literal_references(document))) == [
        ("Account?identifier=http://his|1", "ChargeItem.account[0].reference"),
        ("Patient?identifier=2", "ChargeItem.subject.reference"),
    ]
