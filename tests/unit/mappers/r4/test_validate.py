"""Validation as a whole: official examples, drawn resources, mutations of them, and the options."""

from __future__ import annotations

import copy
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import Category, Problem
from mappers.r4.definitions import definitions
from mappers.r4.generate import HL7
from mappers.r4.json_text import DEPTH_MAX, canonical, decode, encode
from mappers.r4.validate import validate
from mappers.r4.xml_text import json_of_xml
from mappers.r4.xml_writing import xml_of_json
from tests.strategies import resources
from tests.unit.mappers.r4.resources import (
    ACCOUNT,
    BUNDLE,
    CHARGE,
    EVERY_ONE,
    INVOICE,
    JUNK,
    RECONCILIATION,
    TYPES,
    Json,
    changed,
    containing,
    holding,
    objects_in,
)

EXAMPLES = sorted((Path(__file__).parents[3] / "conformance" / "examples").glob("*.json"))
OFFICIAL = sorted(HL7.rglob("*.json"))
NAMES = [
    "", "extension", "_extension", "modifierExtension", "contained", "text", "meta", "id", "_id", "status", "_status",
    "value", "valueQuantity", "valuePeriod", "valueRange", "valueTiming", "valueReference", "resourceType", "entry",
]  # fmt: skip


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_official_examples_are_valid_and_keep_every_byte_of_their_content(path: Path) -> None:
    resource = decode(path.read_bytes())

    assert validate(resource) == []
    assert canonical(decode(encode(resource))) == canonical(resource)


def test_all_official_examples_are_there() -> None:
    assert {path.stem.partition("-")[0] for path in EXAMPLES} >= {
        "Account",
        "ChargeItem",
        "PaymentNotice",
        "Subscription",
    }


@pytest.mark.parametrize("path", OFFICIAL, ids=lambda path: path.stem)
def test_the_official_definitions_are_valid(path: Path) -> None:
    assert validate(decode(path.read_bytes())) == []


@pytest.mark.parametrize("type_name", TYPES)
@given(data=st.data())
def test_any_valid_resource_is_valid_and_survives_json(type_name: str, data: st.DataObject) -> None:
    resource = data.draw(resources(type_name))

    assert validate(resource, type_name) == []
    assert decode(encode(resource)) == resource


@given(resources("Invoice", billing=True))
def test_resources_for_billing_have_one_currency(resource: Json) -> None:
    amounts = [item for item in objects_in(resource) if item.keys() == {"value", "currency"}]

    assert len({amount["currency"] for amount in amounts}) <= 1
    assert "status" in resource


@settings(max_examples=300)
@given(st.sampled_from(TYPES).flatmap(resources) | st.sampled_from(EVERY_ONE), st.data())
def test_no_mutation_raises_anything(valid: Json, data: st.DataObject) -> None:
    mutated = copy.deepcopy(valid)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.sampled_from(objects_in(mutated)))
        name = data.draw(st.sampled_from([*place, *NAMES]))
        place[name] = copy.deepcopy(data.draw(st.sampled_from([*JUNK, *EVERY_ONE])))

    for problem in validate(mutated):
        assert isinstance(problem, Problem)
        assert problem.category is Category.INVALID
        assert problem.issue in definitions().codes["issue-type"]
        assert problem.expression


@given(st.sampled_from(TYPES).flatmap(resources), st.data())
def test_taking_away_what_is_required_is_always_noticed(valid: Json, data: st.DataObject) -> None:
    elements = definitions().types[valid["resourceType"]].elements
    name = data.draw(st.sampled_from([name for name, about in elements.items() if about.min]))
    without = {key: item for key, item in valid.items() if key.lstrip("_") != name}

    assert ("missing-element", f"{valid['resourceType']}.{name}") in _found(without)


@given(st.sampled_from(TYPES).flatmap(resources), st.data())
def test_an_unknown_element_anywhere_is_noticed(valid: Json, data: st.DataObject) -> None:
    place = data.draw(
        st.sampled_from([item for item in objects_in(valid) if item.get("resourceType") not in _UNDEFINED])
    )
    place["notAnElement"] = 1

    found = {code for code, _ in _found(valid)}

    assert "unknown-element" in found or "contained" in valid


_UNDEFINED = {"Patient", "Organization", "Practitioner", "Encounter"}


def test_the_expected_type_is_demanded() -> None:
    assert _found(INVOICE, "Account") == [("resource-type-unexpected", "Account.resourceType")]
    assert _found({"status": "active"}, "Account") == [("missing-element", "Account.resourceType")]
    assert validate(INVOICE, "Invoice") == []


def test_the_entries_of_a_bundle_may_be_left_to_the_caller() -> None:
    bundle = changed(BUNDLE, {"entry.0.resource.status": "x", "entry.0.request.method": "y"})

    assert [code for code, _ in _found(bundle)] == ["unknown-code", "unknown-code"]
    assert [problem.expression for problem in validate(bundle, entries=False)] == ["Bundle.entry[0].request.method"]


def test_conditional_references_are_allowed_in_a_transaction_and_where_asked_for() -> None:
    charge = changed(CHARGE, {"subject.reference": "Patient?identifier=urn:mrn|1"})
    wrong_target = changed(CHARGE, {"subject.reference": "Account?identifier=1"})
    transaction = changed(BUNDLE, {"entry.0.resource": charge})

    assert validate(transaction) == []
    assert validate(charge, conditional_references=True) == []
    assert [code for code, _ in _found(charge)] == ["invalid-reference"]
    assert [code for code, _ in _found(changed(transaction, type="batch"))] == ["invalid-reference"]
    assert [problem.code for problem in validate(wrong_target, conditional_references=True)] == ["reference-target"]


@pytest.mark.parametrize(
    "reference",
    [
        {"reference": "Patient/1"},
        {"reference": "Patient/1/_history/2"},
        {"reference": "https://his.example/fhir/Patient/1"},
        {"reference": "https://his.example/patients?id=1"},
        {"reference": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"},
        {"reference": "urn:oid:1.2.3"},
        {"reference": "Patient/1", "type": "Patient"},
        {"type": "http://hl7.org/fhir/StructureDefinition/Patient", "identifier": {"value": "1"}},
        {"identifier": {"system": "urn:mrn", "value": "1"}},
        {"display": "Mariam"},
        {"_reference": {"extension": [{"url": "http://fhir.example/x", "valueCode": "unknown"}]}},
        {"extension": [{"url": "http://fhir.example/x", "valueCode": "unknown"}]},
    ],
)
def test_every_form_of_reference_is_accepted(reference: Json) -> None:
    assert validate(changed(INVOICE, subject=reference)) == []


@pytest.mark.parametrize(
    "resource",
    [
        changed(ACCOUNT, _status={"extension": [{"url": "http://fhir.example/x", "valueCode": "masked"}]}),
        {
            "resourceType": "Account",
            "_status": {"extension": [{"url": "http://fhir.example/x", "valueCode": "masked"}]},
        },
        changed(
            CHARGE,
            definitionUri=["a:b", None, "c:d"],
            _definitionUri=[None, {"extension": [{"url": "http://fhir.example/x", "valueCode": "a"}]}, None],
        ),
        changed(CHARGE, _definitionUri=[{"extension": [{"url": "http://fhir.example/x", "valueCode": "a"}]}]),
        holding(_valueString={"extension": [{"url": "http://fhir.example/x", "valueCode": "a"}]}),
        holding(valueString="a", _valueString={"extension": [{"url": "http://fhir.example/x", "valueCode": "a"}]}),
        containing(
            {
                "resourceType": "Organization",
                "id": "o",
                "alias": ["a", None],
                "_alias": [None, {"extension": [{"url": "http://fhir.example/x", "valueCode": "a"}]}],
            }
        ),
    ],
    ids=range(7),
)
def test_extensions_of_primitives_stand_for_or_beside_values(resource: Json) -> None:
    assert validate(resource) == []


WITH_IDS = [
    changed(ACCOUNT, _status={"id": "s"}),
    changed(CHARGE, definitionUri=["a:b", "c:d"], _definitionUri=[None, {"id": "d"}]),
    changed(CHARGE, occurrenceTiming={"event": ["2026", "2027"], "_event": [{"id": "e"}, None]}),
    containing({"resourceType": "Organization", "id": "o", "name": "a", "_name": {"id": "n"}}),
    containing({"resourceType": "Organization", "id": "o", "alias": ["a", "b"], "_alias": [None, {"id": "n"}]}),
]


@pytest.mark.parametrize("resource", WITH_IDS, ids=range(len(WITH_IDS)))
def test_a_primitive_with_a_value_may_have_an_id_and_comes_back_from_xml(resource: Json) -> None:
    assert validate(resource) == []
    assert decode(json_of_xml(xml_of_json(encode(resource), is_pretty=False))) == resource


@pytest.mark.parametrize(
    ("resource", "code", "place"),
    [
        (changed(ACCOUNT, _name={"id": "n"}), "empty", "Account.name"),
        (changed(ACCOUNT, _status={"id": ""}), "empty", "Account.status.id"),
        (
            changed(CHARGE, definitionUri=["a:b", None], _definitionUri=[None, {"id": "d"}]),
            "empty",
            "ChargeItem.definitionUri[1]",
        ),
        (
            containing({"resourceType": "Organization", "id": "o", "_name": {"id": "n"}}),
            "empty",
            "Account.contained[0].name",
        ),
    ],
    ids=range(4),
)
def test_an_id_alone_says_nothing(resource: Json, code: str, place: str) -> None:
    assert [(each.code, each.expression) for each in validate(resource)] == [(code, place)]


def test_the_problems_that_are_listed_are_limited() -> None:
    broken = changed(ACCOUNT, {f"unknown{index}": 1 for index in range(1_000)})

    problems = validate(broken)

    assert len(problems) == 201
    assert (problems[-1].code, problems[-1].expression) == ("more-problems", "Account")


def test_a_flood_of_problems_is_looked_at_no_further() -> None:
    flood = changed(CHARGE, definitionUri=[""] * 1_000_000, account=[{"x": 1}] * 1_000_000)

    assert len(validate(flood)) == 201


def test_neither_a_message_nor_a_place_repeats_what_could_be_a_card_number() -> None:
    problems = validate(changed(ACCOUNT, {"card4111111111111111": 1, "status": "4111-1111-1111-1111"}))

    assert len(problems) == 2
    assert not any("1111" in problem.message + problem.expression for problem in problems)


def test_nesting_that_no_json_border_would_let_in_is_a_problem_and_no_error() -> None:
    extension: Json = {"url": "http://fhir.example/x", "valueCode": "a"}
    for _ in range(5_000):
        extension = {"url": "http://fhir.example/x", "extension": [extension]}

    assert _found({**ACCOUNT, "extension": [extension]}) == [("too-deep", "Account")]


def test_extensions_may_be_nested_as_deep_as_json() -> None:
    extension: Json = {"url": "http://fhir.example/x", "valueCode": "a"}
    for _ in range(DEPTH_MAX // 2 - 3):
        extension = {"url": "http://fhir.example/x", "extension": [extension]}

    assert validate(decode(encode({**ACCOUNT, "extension": [extension]}))) == []


def test_amounts_keep_their_zeros_and_may_have_no_currency() -> None:
    payment = decode(encode(changed(RECONCILIATION, paymentAmount={"value": Decimal("10.00")})))

    assert validate(payment) == []
    assert str(payment["paymentAmount"]["value"]) == "10.00"


def _found(resource: Json, expected_type: str | None = None) -> list[tuple[str, str]]:
    return [(problem.code, problem.expression) for problem in validate(resource, expected_type)]
