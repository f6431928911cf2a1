"""FHIRPath Patch: the published cases, and what they do not have."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from lxml import etree

from ledger.errors import Category, Refusal
from mappers.r4.element_tree import json_of, tree_of
from mappers.r4.fhirpath_patch import apply_fhirpath_patch, read_fhirpath_patch
from mappers.r4.json_text import canonical, decode
from mappers.r4.xml_text import json_of_xml
from tests.checkout import CHECKOUT

Json = dict[str, Any]

_TESTS = etree.parse(CHECKOUT / "tests/conformance/patch-cases/fhir-patch-tests.xml").getroot()
CASES = {str(case.get("name")): case for case in _TESTS.iter("case")}


def resource_in(case: Any, name: str) -> Json:
    # Indentation between elements of a narrative is no part of it.
    parser = etree.XMLParser(remove_blank_text=True)
    [resource] = etree.fromstring(etree.tostring(case.find(name)), parser)
    if not len(resource):
        return {"resourceType": etree.QName(resource).localname}
    return decode(json_of_xml(etree.tostring(resource)))


def normal(value: Any) -> Any:
    """The same without the white space of narratives."""
    if isinstance(value, dict):
        return {name: "".join(item.split()) if name == "div" else normal(item) for name, item in value.items()}
    return [normal(item) for item in value] if isinstance(value, list) else value


def patched(document: Json, *operations: Json) -> Json:
    parameters = {"resourceType": "Parameters", "parameter": list(operations)}
    return apply_fhirpath_patch(document, read_fhirpath_patch(parameters, document["resourceType"]))


def operation(kind: str, path: str, **parts: Any) -> Json:
    """`value` is a part without its name; a number is an integer, a text a string."""
    found: list[Json] = [{"name": "type", "valueCode": kind}, {"name": "path", "valueString": path}]
    for name, value in parts.items():
        if isinstance(value, dict):
            found.append({"name": name, **value})
        else:
            found.append({"name": name, "valueInteger" if isinstance(value, int) else "valueString": value})
    return {"name": "operation", "part": found}


@pytest.mark.parametrize("name", CASES)
def test_a_published_case(name: str) -> None:
    case = CASES[name]
    document, parameters = resource_in(case, "input"), resource_in(case, "diff")
    if case.find("error") is not None:
        with pytest.raises(Refusal):
            apply_fhirpath_patch(document, read_fhirpath_patch(parameters, "Patient"))
    else:
        result = apply_fhirpath_patch(document, read_fhirpath_patch(parameters, "Patient"))
        assert normal(result) == normal(resource_in(case, "output"))


def account(**changed: Any) -> Json:
    return {"resourceType": "Account", "status": "active", **changed}


CHARGE: Json = {
    "resourceType": "ChargeItem",
    "status": "billable",
    "code": {"coding": [{"system": "a", "code": "1"}, {"system": "b", "code": "2"}]},
    "subject": {"reference": "Patient/1"},
    "occurrenceDateTime": "2026-01-01",
    "priceOverride": {"value": Decimal("10.50"), "currency": "AFN"},
    "extension": [{"url": "http://one", "valueString": "x"}, {"url": "http://two", "valueDecimal": Decimal("1.0")}],
}


def test_a_tree_goes_back_to_the_same_json() -> None:
    document = decode(
        b'{"resourceType":"Account","id":"1","_status":{"extension":[{"url":"u","valueDecimal":1.00}]},"status":"active",'
        b'"contained":[{"resourceType":"Patient","id":"p","name":[{"given":["A",null],"_given":[null,{"id":"x"}]}]}],'
        b'"text":{"status":"generated","div":"<div>x</div>"},"_name":{"id":"only"}}'
    )
    assert canonical(json_of(tree_of(document))) == canonical(document)
    assert canonical(json_of(tree_of(CHARGE))) == canonical(CHARGE)


@pytest.mark.parametrize(
    ("path", "value", "changed"),
    [
        ("ChargeItem.status", {"valueCode": "planned"}, {"status": "planned"}),
        ("status", {"valueCode": "planned"}, {"status": "planned"}),
        ("Resource.status", {"valueString": "planned"}, {"status": "planned"}),
        ("ChargeItem.`status`", {"valueCode": "planned"}, {"status": "planned"}),
        ("ChargeItem.occurrence", {"valueDateTime": "2027"}, {"occurrenceDateTime": "2027"}),
        ("ChargeItem.occurrence.ofType(dateTime)", {"valueDateTime": "2027"}, {"occurrenceDateTime": "2027"}),
        (
            "ChargeItem.code.coding.where(system = 'b').code",
            {"valueCode": "3"},
            {"code": {"coding": [{"system": "a", "code": "1"}, {"system": "b", "code": "3"}]}},
        ),
        (
            "ChargeItem.code.coding.where(system = 'b' and code = '2').first().code",
            {"valueCode": "3"},
            {"code": {"coding": [{"system": "a", "code": "1"}, {"system": "b", "code": "3"}]}},
        ),
        (
            "ChargeItem.code.coding.last().single().code",
            {"valueCode": "3"},
            {"code": {"coding": [{"system": "a", "code": "1"}, {"system": "b", "code": "3"}]}},
        ),
        (
            "ChargeItem.where(priceOverride.value = 10.5).priceOverride.value",
            {"valueDecimal": Decimal("20.000")},
            {"priceOverride": {"value": Decimal("20.000"), "currency": "AFN"}},
        ),
        (
            "ChargeItem.extension('http://two').value",
            {"valueString": "y"},
            {"extension": [{"url": "http://one", "valueString": "x"}, {"url": "http://two", "valueString": "y"}]},
        ),
    ],
)
def test_what_a_path_leads_to_is_replaced(path: str, value: Json, changed: Json) -> None:
    assert canonical(patched(CHARGE, operation("replace", path, value=value))) == canonical(CHARGE | changed)


def test_a_choice_that_is_replaced_may_become_one_of_another_type() -> None:
    result = patched(CHARGE, operation("replace", "ChargeItem.occurrence", value={"valuePeriod": {"start": "2026"}}))
    assert "occurrenceDateTime" not in result
    assert result["occurrencePeriod"] == {"start": "2026"}


def test_extensions_of_primitives_go_with_them() -> None:
    extended = account(name="a", _name={"extension": [{"url": "u", "valueString": "v"}]})
    assert patched(extended, operation("delete", "Account.name")) == account()
    assert patched(extended, operation("replace", "Account.name", value={"valueString": "b"})) == account(name="b")
    deeper = patched(extended, operation("replace", "Account.name.extension('u').value", value={"valueCode": "w"}))
    assert deeper == account(name="a", _name={"extension": [{"url": "u", "valueCode": "w"}]})
    added = operation("add", "Account", name="name", value={"valueString": "b", "_valueString": {"id": "x"}})
    assert patched(account(), added) == account(name="b", _name={"id": "x"})


def test_what_is_not_there_need_not_be_deleted() -> None:
    assert patched(account(), operation("delete", "Account.name")) == account()


def test_values_of_types_without_a_name_are_given_in_parts() -> None:
    parts = [
        {"name": "coverage", "valueReference": {"reference": "Coverage/1"}},
        {"name": "priority", "valuePositiveInt": 1},
    ]
    result = patched(account(), operation("add", "Account", name="coverage", value={"part": parts}))
    assert result == account(coverage=[{"coverage": {"reference": "Coverage/1"}, "priority": 1}])


@pytest.mark.parametrize(
    "patch",
    [
        operation("add", "Account", name="status", value={"valueCode": "inactive"}),
        operation("add", "Account", name="nothing", value={"valueCode": "inactive"}),
        operation("add", "Account.guarantor", name="onHold", value={"valueBoolean": True}),
        operation("add", "Account", name="name", value={"valuePeriod": {}}),
        operation("add", "Account", name="identifier", value={"valueString": "1"}),
        operation("add", "Account", name="identifier", value={"valueIdentifier": {"nothing": 1}}),
        operation("add", "Account", name="name", value={"part": [{"name": "a", "valueString": "b"}]}),
        operation("add", "Account", name="identifier", value={}),
        operation("insert", "Account.name", index=0, value={"valueString": "x"}),
        operation("insert", "Account.identifier", index=3, value={"valueIdentifier": {"value": "x"}}),
        operation("insert", "Account.identifier", index=-1, value={"valueIdentifier": {"value": "x"}}),
        operation("delete", "Account.identifier"),
        operation("delete", "Account"),
        operation("replace", "Account", value={"valueString": "x"}),
        operation("replace", "Account.name", value={"valueString": "x"}),
        operation("replace", "Account.identifier.value", value={"valueString": "x"}),
        operation("move", "Account.identifier", source=0, destination=2),
        operation("move", "Account.identifier", source=-1, destination=0),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(patch: Json) -> None:
    document = account(identifier=[{"value": "1"}, {"value": "2"}])
    with pytest.raises(Refusal) as refused:
        patched(document, operation("delete", "Account.description"), patch)
    [problem] = refused.value.problems
    assert (problem.category, problem.code) == (Category.RULE_BROKEN, "patch-not-applicable")
    assert problem.expression == "Parameters.parameter[1]"
    assert patch["part"][1]["valueString"] in problem.message


@pytest.mark.parametrize(
    "patch",
    [
        {"name": "other"},
        {"name": "operation"},
        {"name": "operation", "part": [{"name": "type", "valueCode": "spam"}]},
        {"name": "operation", "part": [{"name": "type", "valueString": "delete"}]},
        {"name": "operation", "part": [{"name": "type", "valueCode": "delete"}]},
        operation("delete", "Account.name", index=1),
        operation("add", "Account", value={"valueString": "x"}),
        operation("insert", "Account.identifier", index="1", value={"valueString": "x"}),
        operation("insert", "Account.identifier[0]", index=1, value={"valueString": "x"}),
        *[
            operation("delete", path)
            for path in (
                "",
                ".",
                "Account.",
                "Account..name",
                "Account.name[",
                "Account.name[a]",
                "Account.name[-1]",
                "Account.name | Account.status",
                "Account.children()",
                "Account.descendants()",
                "Account.where(name)",
                "Account.where(name = status)",
                "Account.where(name ~ 'a')",
                "Account.where(name = 'a' or name = 'b')",
                "Account.where(name.exists())",
                "iif(true, name)",
                "Account.name = 'a'",
                "Account.extension(url)",
                "%resource.name",
                "a." * 600 + "b",
            )
        ],
    ],
)
def test_what_is_no_patch_or_asks_for_more_of_fhirpath_is_invalid(patch: Json) -> None:
    with pytest.raises(Refusal) as refused:
        patched(account(), patch)
    assert {(problem.category, problem.code) for problem in refused.value.problems} == {
        (Category.INVALID, "patch-invalid")
    }
    assert {problem.expression for problem in refused.value.problems} == {"Parameters.parameter[0]"}
