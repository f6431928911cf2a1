"""The references in a resource: each with its place, and nothing that only looks like one."""

from __future__ import annotations

from mappers.literal_references import literal_references


def test_every_reference_is_found_with_its_place_in_the_order_of_the_document() -> None:
    document = {
        "resourceType": "ChargeItem",
        "contained": [{"resourceType": "Patient", "id": "p", "managingOrganization": {"reference": "Organization/1"}}],
        "subject": {"display": "x", "reference": "#p"},
        "account": [{"reference": "Account/1"}, {"identifier": {"assigner": {"reference": "urn:uuid:1"}}}],
        "extension": [{"url": "u", "valueReference": {"reference": "Invoice/1"}}],
    }
    assert literal_references(document) == [
        ("Organization/1", "ChargeItem.contained[0].managingOrganization.reference"),
        ("#p", "ChargeItem.subject.reference"),
        ("Account/1", "ChargeItem.account[0].reference"),
        ("urn:uuid:1", "ChargeItem.account[1].identifier.assigner.reference"),
        ("Invoice/1", "ChargeItem.extension[0].valueReference.reference"),
    ]


def test_what_is_in_no_resource_has_no_place() -> None:
    patch = {"patch": [{"op": "add", "path": "/x", "value": [[{"reference": "Account/1"}]]}]}
    assert literal_references(patch) == [("Account/1", "")]


def test_an_element_named_reference_that_is_no_text_is_none() -> None:
    assert literal_references({"resourceType": "X", "a": {"reference": 1}, "b": {"reference": {"x": 1}}}) == []
