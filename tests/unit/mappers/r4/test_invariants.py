"""Every invariant of the definitions that a resource of ours can reach is checked, and can be broken."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from mappers.r4.definitions import definitions
from mappers.r4.elements import CHECKED_ELSEWHERE
from mappers.r4.generate import HL7
from mappers.r4.resource_invariants import ALL_INVARIANTS
from mappers.r4.validate import validate
from tests.unit.mappers.r4.resources import (
    ACCOUNT,
    BUNDLE,
    CAPABILITY,
    CHARGE,
    OPERATION,
    PARAMETERS,
    REMOVED,
    SEARCH_PARAMETER,
    Json,
    changed,
    containing,
    extended,
    holding,
)

UCUM = "http://unitsofmeasure.org"
VALUE = "Account.extension[0].value"
ORGANIZATION = {"resourceType": "Organization", "id": "o", "name": "Kabul"}
DIV = '<div xmlns="http://www.w3.org/1999/xhtml">{}</div>'
REST = CAPABILITY["rest"][0]
RESOURCE = REST["resource"][0]

# An invariant of severity error that is not checked would be listed here with the reason. There is none.
NOT_CHECKED: dict[str, str] = {}


def timing(**repeat: Any) -> Json:
    return changed(CHARGE, occurrenceTiming={"repeat": repeat})


def trigger(**elements: Any) -> Json:
    return holding(valueTriggerDefinition=elements)


def capability(**elements: Any) -> Json:
    return changed(CAPABILITY, **elements)


def bundle(type_: str, *entries: Json, **elements: Any) -> Json:
    return {"resourceType": "Bundle", "type": type_, **elements, **({"entry": list(entries)} if entries else {})}


def parameter(**elements: Any) -> Json:
    return changed(OPERATION, parameter=[{"name": "p", "use": "in", "min": 0, "max": "1", **elements}])


REQUEST = {"method": "POST", "url": "Account"}
DOCUMENT = {
    "identifier": {"system": "urn:x", "value": "1"},
    "timestamp": "2026-03-01T10:00:00Z",
}
COMPOSITION = {"resource": {"resourceType": "Composition", "status": "final"}}
DOCUMENTED = {"mode": "producer", "profile": "http://x.example/p"}

# Key -> a resource that breaks this invariant and nothing else, and where.
BROKEN: dict[str, tuple[Json, str]] = {
    "ele-1": (changed(ACCOUNT, owner={}), "Account.owner"),
    "ext-1": (extended({"url": "http://fhir.example/x"}), "Account.extension[0]"),
    "ref-1": (changed(ACCOUNT, owner={"reference": "#o"}), "Account.owner.reference"),
    "txt-1": (changed(ACCOUNT, text={"status": "generated", "div": DIV.format("<u>a</u>")}), "Account.text.`div`"),
    "txt-2": (changed(ACCOUNT, text={"status": "generated", "div": DIV.format(" ")}), "Account.text.`div`"),
    "dom-2": (containing({**ORGANIZATION, "contained": [ORGANIZATION]}), "Account.contained[0]"),
    "dom-3": (containing(ORGANIZATION, owner="Organization/1"), "Account.contained[0]"),
    "dom-4": (containing({**ORGANIZATION, "meta": {"versionId": "1"}}), "Account.contained[0].meta"),
    "dom-5": (containing({**ORGANIZATION, "meta": {"security": [{"code": "R"}]}}), "Account.contained[0].meta"),
    "qty-3": (changed(CHARGE, quantity={"value": 1, "code": "mg"}), "ChargeItem.quantity"),
    "age-1": (holding(valueAge={"value": 0, "system": UCUM, "code": "a"}), VALUE),
    "cnt-3": (holding(valueCount={"value": Decimal("1.5"), "system": UCUM, "code": "1"}), VALUE),
    "dis-1": (holding(valueDistance={"value": 1}), VALUE),
    "drt-1": (holding(valueDuration={"code": "h", "system": UCUM}), VALUE),
    "rng-2": (holding(valueRange={"low": {"value": 2}, "high": {"value": 1}}), VALUE),
    "rat-1": (holding(valueRatio={"numerator": {"value": 2}}), VALUE),
    "per-1": (changed(ACCOUNT, servicePeriod={"start": "2026-02", "end": "2026-01-31"}), "Account.servicePeriod"),
    "att-1": (holding(valueAttachment={"data": "YQ=="}), VALUE),
    "cpt-2": (holding(valueContactPoint={"value": "+93 700"}), VALUE),
    "exp-1": (holding(valueExpression={"language": "text/fhirpath"}), VALUE),
    "drq-1": (
        holding(valueDataRequirement={"type": "Invoice", "codeFilter": [{"path": "a", "searchParam": "b"}]}),
        VALUE + ".codeFilter[0]",
    ),
    "drq-2": (
        holding(valueDataRequirement={"type": "Invoice", "dateFilter": [{"valueDateTime": "2026"}]}),
        VALUE + ".dateFilter[0]",
    ),
    "trd-1": (trigger(type="data-added", data=[{"type": "Invoice"}], timingDate="2026"), VALUE),
    "trd-2": (trigger(type="named-event", name="a", condition={"language": "text/cql", "expression": "b"}), VALUE),
    "trd-3": (trigger(type="periodic"), VALUE),
    "tim-1": (timing(duration=1), "ChargeItem.occurrence.repeat"),
    "tim-2": (timing(period=1), "ChargeItem.occurrence.repeat"),
    "tim-4": (timing(duration=-1, durationUnit="h"), "ChargeItem.occurrence.repeat"),
    "tim-5": (timing(period=Decimal("-0.1"), periodUnit="h"), "ChargeItem.occurrence.repeat"),
    "tim-6": (timing(periodMax=1), "ChargeItem.occurrence.repeat"),
    "tim-7": (timing(durationMax=1), "ChargeItem.occurrence.repeat"),
    "tim-8": (timing(countMax=1), "ChargeItem.occurrence.repeat"),
    "tim-9": (timing(offset=1, when=["CM"]), "ChargeItem.occurrence.repeat"),
    "tim-10": (timing(timeOfDay=["10:00:00"], when=["HS"]), "ChargeItem.occurrence.repeat"),
    "bdl-1": (bundle("collection", total=1), "Bundle"),
    "bdl-2": (bundle("collection", {"resource": ACCOUNT, "search": {"mode": "match"}}), "Bundle.entry[0]"),
    "bdl-3": (changed(BUNDLE, {"entry.0.request": REMOVED}), "Bundle.entry[0]"),
    "bdl-4": (bundle("batch-response", {"resource": ACCOUNT}), "Bundle.entry[0]"),
    "bdl-5": (bundle("searchset", {"fullUrl": "urn:uuid:1"}), "Bundle.entry[0]"),
    "bdl-7": (bundle("collection", *[{"fullUrl": "urn:uuid:1", "resource": ACCOUNT}] * 2), "Bundle"),
    "bdl-8": (
        bundle("collection", {"fullUrl": "http://x/Account/1/_history/1", "resource": ACCOUNT}),
        "Bundle.entry[0].fullUrl",
    ),
    "bdl-9": (bundle("document", COMPOSITION, timestamp=DOCUMENT["timestamp"]), "Bundle"),
    "bdl-10": (bundle("document", COMPOSITION, identifier=DOCUMENT["identifier"]), "Bundle"),
    "bdl-11": (bundle("document", {"resource": ACCOUNT}, **DOCUMENT), "Bundle"),
    "bdl-12": (bundle("message", {"resource": ACCOUNT}), "Bundle"),
    "inv-1": (changed(PARAMETERS, {"parameter.0.valueDate": REMOVED}), "Parameters.parameter[0]"),
    "opd-1": (parameter(), "OperationDefinition.parameter[0]"),
    "opd-2": (parameter(type="date", searchType="date"), "OperationDefinition.parameter[0]"),
    "opd-3": (parameter(type="date", targetProfile=["http://x.example"]), "OperationDefinition.parameter[0]"),
    "spd-1": (changed(SEARCH_PARAMETER, xpath="f:a"), "SearchParameter"),
    "spd-2": (changed(SEARCH_PARAMETER, type="token", chain=["name"]), "SearchParameter"),
    "cpb-1": (capability(rest=REMOVED), "CapabilityStatement"),
    "cpb-2": (capability(description=REMOVED), "CapabilityStatement"),
    "cpb-3": (
        capability(messaging=[{"endpoint": [{"protocol": {"code": "http"}, "address": "http://x.example"}]}]),
        "CapabilityStatement",
    ),
    "cpb-7": (capability(document=[DOCUMENTED, DOCUMENTED]), "CapabilityStatement"),
    "cpb-9": (capability(rest=[{**REST, "resource": [RESOURCE, RESOURCE]}]), "CapabilityStatement.rest[0]"),
    "cpb-12": (
        capability(rest=[{**REST, "resource": [{**RESOURCE, "searchParam": RESOURCE["searchParam"] * 2}]}]),
        "CapabilityStatement.rest[0].resource[0]",
    ),
    "cpb-14": (capability(kind="instance"), "CapabilityStatement"),
    "cpb-15": (capability(kind="capability"), "CapabilityStatement"),
    "cpb-16": (capability(software={"name": "x"}), "CapabilityStatement"),
}


def reachable_constraints() -> set[str]:
    """The keys of severity error in the official definitions of all types that are checked element by element."""
    files = [*Path(HL7 / "resources").glob("*.json"), *Path(HL7 / "datatypes").glob("*.json")]
    elements = [
        element for file in files for element in json.loads(file.read_text(encoding="utf-8"))["snapshot"]["element"]
    ]
    constraints = [constraint for element in elements for constraint in element.get("constraint", [])]
    return {constraint["key"] for constraint in constraints if constraint["severity"] == "error"}


def test_every_invariant_of_the_definitions_is_checked_or_listed_with_the_reason() -> None:
    assert reachable_constraints() == set(ALL_INVARIANTS) | set(CHECKED_ELSEWHERE) | set(NOT_CHECKED)


def test_every_invariant_of_the_table_is_known() -> None:
    keys = {key for about in definitions().types.values() for key in about.constraints}

    assert keys <= set(ALL_INVARIANTS) | set(CHECKED_ELSEWHERE)


def test_every_invariant_is_broken_below() -> None:
    assert set(BROKEN) == reachable_constraints()


@pytest.mark.parametrize("key", BROKEN)
def test_a_broken_invariant_is_told_by_its_key(key: str) -> None:
    resource, expression = BROKEN[key]

    (problem,) = validate(resource)

    assert (problem.code, problem.expression) == ("empty" if key == "ele-1" else key, expression)
    assert problem.issue == ("invalid" if key == "ele-1" else "invariant")


KEPT = [
    changed(CHARGE, quantity={"value": 1, "code": "mg", "system": UCUM}),
    changed(ACCOUNT, servicePeriod={"start": "2026-02", "end": "2026"}),
    changed(ACCOUNT, servicePeriod={"start": "2026-02-01T23:00:00Z", "end": "2026-02-01T19:00:00-05:00"}),
    holding(valueAge={"value": 3, "system": UCUM, "code": "a"}),
    holding(valueCount={"value": 3, "system": UCUM, "code": "1"}),
    holding(valueDistance={"value": 3, "code": "km", "system": UCUM}),
    holding(valueRange={"low": {"value": 2, "unit": "kg"}, "high": {"value": 1, "unit": "t"}}),
    holding(valueRange={"low": {"value": 1}, "high": {"value": Decimal("1.0")}}),
    holding(valueRatio={"extension": [{"url": "http://fhir.example/x", "valueCode": "unknown"}]}),
    holding(
        valueContactPoint={
            "value": "+93 700",
            "_system": {"extension": [{"url": "http://x.example", "valueCode": "a"}]},
        }
    ),
    timing(boundsPeriod={"start": "2026"}, period=1, periodUnit="d", when=["HS"], offset=30),
    trigger(type="data-added", data=[{"type": "Invoice"}], condition={"language": "text/cql", "expression": "b"}),
    containing({"resourceType": "Basic", "id": "b", "subject": {"reference": "#"}}, owner="Organization/1"),
    containing(ORGANIZATION),
    bundle("searchset", {"resource": ACCOUNT, "search": {"mode": "match"}}, total=1),
    bundle("document", COMPOSITION, **DOCUMENT),
    bundle("history", {"request": {"method": "DELETE", "url": "Account/1"}, "response": {"status": "204"}}),
    bundle(
        "collection",
        {"fullUrl": "http://x/Account/1", "resource": {**ACCOUNT, "meta": {"versionId": "1"}}},
        {"fullUrl": "http://x/Account/1", "resource": {**ACCOUNT, "meta": {"versionId": "2"}}},
    ),
    capability(kind="capability", software={"name": "x"}),
    capability(document=[DOCUMENTED, {**DOCUMENTED, "mode": "consumer"}]),
    parameter(
        part=[{"name": "q", "use": "in", "min": 0, "max": "1", "type": "Reference", "targetProfile": ["http://x"]}]
    ),
]


@pytest.mark.parametrize("resource", KEPT, ids=range(len(KEPT)))
def test_what_keeps_the_invariants_is_valid(resource: Json) -> None:
    assert validate(resource) == []
