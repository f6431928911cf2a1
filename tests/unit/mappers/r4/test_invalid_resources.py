"""What is not valid FHIR R4: each resource is wrong in one place, and is told so with one code and one expression."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from ledger.errors import Category
from mappers.r4.definitions import definitions
from mappers.r4.validate import validate
from tests.unit.mappers.r4.resources import (
    ACCOUNT,
    BUNDLE,
    CAPABILITY,
    CHARGE,
    COMPARTMENT,
    EVERY_ONE,
    INVOICE,
    NOTICE,
    OPERATION,
    OUTCOME,
    PARAMETERS,
    RECONCILIATION,
    REMOVED,
    SEARCH_PARAMETER,
    STRUCTURE,
    SUBSCRIPTION,
    Json,
    changed,
    containing,
    extended,
    holding,
)

AMOUNT = "Invoice.lineItem[0].priceComponent[0].amount"
ORGANIZATION = {"resourceType": "Organization", "id": "o", "name": "Kabul"}
URL = "http://fhir.example/x"

STRUCTURAL = [
    ({}, "missing-element", "Resource.resourceType"),
    ({"resourceType": 1}, "resource-type-unknown", "Resource.resourceType"),
    ({"resourceType": "Invoices"}, "resource-type-unknown", "Invoices.resourceType"),
    ({"resourceType": "DomainResource"}, "resource-type-unknown", "DomainResource.resourceType"),
    (changed(INVOICE, foo=1), "unknown-element", "Invoice.foo"),
    (changed(INVOICE, {"not a name": 1}), "unknown-element", "Invoice.`not a name`"),
    (changed(INVOICE, _foo={"id": "a"}), "unknown-element", "Invoice._foo"),
    (changed(INVOICE, lineitem=[]), "unknown-element", "Invoice.lineitem"),
    (changed(INVOICE, _lineItem=[]), "unknown-element", "Invoice._lineItem"),
    (changed(INVOICE, {"subject.resourceType": "Reference"}), "unknown-element", "Invoice.subject.resourceType"),
    (changed(INVOICE, {"lineItem.0.price": 1}), "unknown-element", "Invoice.lineItem[0].price"),
    (changed(ACCOUNT, _id={"id": "a"}), "unknown-element", "Account._id"),
    (changed(ACCOUNT, fhir_comments=["x"]), "unknown-element", "Account.fhir_comments"),
    (changed(INVOICE, status=REMOVED), "missing-element", "Invoice.status"),
    (changed(CHARGE, code=REMOVED), "missing-element", "ChargeItem.code"),
    (changed(NOTICE, amount=REMOVED), "missing-element", "PaymentNotice.amount"),
    (changed(RECONCILIATION, paymentDate=REMOVED), "missing-element", "PaymentReconciliation.paymentDate"),
    (changed(INVOICE, {"lineItem.0.priceComponent.0.type": REMOVED}), "missing-element", AMOUNT[:-6] + "type"),
    (
        changed(INVOICE, {"lineItem.0.chargeItemReference": REMOVED}),
        "missing-element",
        "Invoice.lineItem[0].chargeItem",
    ),
    (changed(OUTCOME, issue=REMOVED), "missing-element", "OperationOutcome.issue"),
    (changed(SUBSCRIPTION, {"channel.type": REMOVED}), "missing-element", "Subscription.channel.type"),
    (changed(INVOICE, status=["draft"]), "not-single", "Invoice.status"),
    (changed(INVOICE, subject=[{"reference": "Patient/1"}]), "not-single", "Invoice.subject"),
    (changed(INVOICE, lineItem=INVOICE["lineItem"][0]), "not-an-array", "Invoice.lineItem"),
    (changed(CHARGE, definitionUri="http://x.example"), "not-an-array", "ChargeItem.definitionUri"),
    (changed(INVOICE, lineItem=[]), "empty", "Invoice.lineItem"),
    (changed(INVOICE, subject={}), "empty", "Invoice.subject"),
    (changed(INVOICE, subject={"id": "s"}), "empty", "Invoice.subject"),
    (changed(INVOICE, paymentTerms=""), "empty", "Invoice.paymentTerms"),
    (changed(INVOICE, status=""), "empty", "Invoice.status"),
    (changed(INVOICE, status=None), "null-value", "Invoice.status"),
    (changed(INVOICE, subject=None), "null-value", "Invoice.subject"),
    (changed(INVOICE, {"lineItem.0": None}), "null-value", "Invoice.lineItem[0]"),
    (changed(CHARGE, definitionUri=["http://x.example", None]), "null-value", "ChargeItem.definitionUri[1]"),
    (changed(INVOICE, subject="Patient/1"), "wrong-json-type", "Invoice.subject"),
    (changed(INVOICE, status=1), "wrong-json-type", "Invoice.status"),
    (changed(INVOICE, {"lineItem.0.priceComponent.0.amount.value": "10.00"}), "wrong-json-type", AMOUNT + ".value"),
    (changed(INVOICE, {"lineItem.0.priceComponent.0.amount": 10}), "wrong-json-type", AMOUNT),
    (changed(INVOICE, {"lineItem.0.sequence": "1"}), "wrong-json-type", "Invoice.lineItem[0].sequence"),
    (changed(INVOICE, {"lineItem.0.sequence": True}), "wrong-json-type", "Invoice.lineItem[0].sequence"),
    (changed(OPERATION, instance="true"), "wrong-json-type", "OperationDefinition.instance"),
    (changed(OPERATION, instance=1), "wrong-json-type", "OperationDefinition.instance"),
    (
        changed(CHARGE, occurrenceDateTime="2026", occurrencePeriod={"start": "2026"}),
        "choice-repeated",
        "ChargeItem.occurrence",
    ),
    (
        changed(CHARGE, occurrenceDateTime="2026", _occurrencePeriod={"id": "a"}),
        "unknown-element",
        "ChargeItem._occurrencePeriod",
    ),
    (changed(CHARGE, occurrenceInstant="2026"), "unknown-element", "ChargeItem.occurrenceInstant"),
    (changed(CHARGE, occurrence="2026"), "unknown-element", "ChargeItem.occurrence"),
    (holding(valueInvoice={}), "unknown-element", "Account.extension[0].valueInvoice"),
    (changed(ACCOUNT, _name={}), "empty", "Account.name"),
    (changed(ACCOUNT, _name=[{"id": "a"}]), "not-single", "Account.name"),
    (changed(ACCOUNT, _name={"value": "a"}), "unknown-element", "Account.name.value"),
    (changed(ACCOUNT, _name=None), "null-value", "Account.name"),
    (changed(CHARGE, _definitionUri={"id": "a"}), "not-an-array", "ChargeItem.definitionUri"),
    (
        changed(CHARGE, definitionUri=["a:b"], _definitionUri=[None, {"extension": [{"url": URL, "valueCode": "a"}]}]),
        "primitive-extension-length",
        "ChargeItem.definitionUri",
    ),
    (changed(CHARGE, _definitionUri=[None]), "null-value", "ChargeItem.definitionUri[0]"),
    (changed(CHARGE, _definitionUri=[]), "empty", "ChargeItem.definitionUri"),
]

VALUES = [
    (changed(ACCOUNT, id="a b"), "invalid-id", "Account.id"),
    (changed(ACCOUNT, id="a" * 65), "invalid-id", "Account.id"),
    (changed(ACCOUNT, id="a_b"), "invalid-id", "Account.id"),
    (changed(ACCOUNT, name="  \n"), "invalid-string", "Account.name"),
    (changed(ACCOUNT, name="a\x00b"), "invalid-string", "Account.name"),
    (changed(ACCOUNT, name="a" * (1024 * 1024 + 1)), "invalid-string", "Account.name"),
    (changed(INVOICE, date="2026-02-29"), "invalid-date-time", "Invoice.date"),
    (changed(INVOICE, date="2026-13"), "invalid-date-time", "Invoice.date"),
    (changed(INVOICE, date="2026-03-01T10:00:00"), "invalid-date-time", "Invoice.date"),
    (changed(INVOICE, date="2026-03-01T24:00:00Z"), "invalid-date-time", "Invoice.date"),
    (changed(INVOICE, date="01.03.2026"), "invalid-date-time", "Invoice.date"),
    (changed(NOTICE, paymentDate="2026-03-01T10:00:00Z"), "invalid-date", "PaymentNotice.paymentDate"),
    (changed(NOTICE, paymentDate="20260301"), "invalid-date", "PaymentNotice.paymentDate"),
    (changed(SUBSCRIPTION, end="2026-03-01"), "invalid-instant", "Subscription.end"),
    (changed(SUBSCRIPTION, criteria="a", end="2026-03-01T10:00:00+15:00"), "invalid-instant", "Subscription.end"),
    (holding(valueTime="25:00:00"), "invalid-time", "Account.extension[0].value"),
    (holding(valueOid="1.2.3"), "invalid-oid", "Account.extension[0].value"),
    (holding(valueUuid="urn:uuid:ABC"), "invalid-uuid", "Account.extension[0].value"),
    (holding(valueUri="a b"), "invalid-uri", "Account.extension[0].value"),
    (holding(valueUrl="http://a b"), "invalid-url", "Account.extension[0].value"),
    (holding(valueCanonical="a b"), "invalid-canonical", "Account.extension[0].value"),
    (holding(valueCode=" a"), "invalid-code", "Account.extension[0].value"),
    (holding(valueCode="a  b"), "invalid-code", "Account.extension[0].value"),
    (holding(valueMarkdown=" "), "invalid-markdown", "Account.extension[0].value"),
    (holding(valueBase64Binary="a"), "invalid-base64-binary", "Account.extension[0].value"),
    (holding(valueInteger=2**31), "invalid-integer", "Account.extension[0].value"),
    (holding(valueInteger=Decimal("1.0")), "invalid-integer", "Account.extension[0].value"),
    (holding(valueUnsignedInt=-1), "invalid-unsigned-int", "Account.extension[0].value"),
    (holding(valueDecimal=Decimal("NaN")), "invalid-decimal", "Account.extension[0].value"),
    (changed(INVOICE, {"lineItem.0.sequence": 0}), "invalid-positive-int", "Invoice.lineItem[0].sequence"),
    (changed(INVOICE, status="foo"), "unknown-code", "Invoice.status"),
    (changed(INVOICE, status="Draft"), "unknown-code", "Invoice.status"),
    (changed(CHARGE, status="paid"), "unknown-code", "ChargeItem.status"),
    (changed(INVOICE, {"lineItem.0.priceComponent.0.type": "fee"}), "unknown-code", AMOUNT[:-6] + "type"),
    (changed(RECONCILIATION, outcome="done"), "unknown-code", "PaymentReconciliation.outcome"),
    (changed(SUBSCRIPTION, {"channel.type": "carrier-pigeon"}), "unknown-code", "Subscription.channel.type"),
    (changed(SUBSCRIPTION, {"channel.payload": "json"}), "unknown-code", "Subscription.channel.payload"),
    (changed(ACCOUNT, language="english!"), "unknown-code", "Account.language"),
    (
        changed(INVOICE, {"lineItem.0.priceComponent.0.amount.currency": "ZZZ"}),
        "unknown-currency",
        AMOUNT + ".currency",
    ),
    (
        changed(INVOICE, {"lineItem.0.priceComponent.0.amount.currency": "afn"}),
        "unknown-currency",
        AMOUNT + ".currency",
    ),
    (changed(BUNDLE, {"entry.0.request.method": "SEND"}), "unknown-code", "Bundle.entry[0].request.method"),
    (changed(CAPABILITY, fhirVersion="4"), "unknown-code", "CapabilityStatement.fhirVersion"),
    (changed(SEARCH_PARAMETER, base=["Invoices"]), "unknown-code", "SearchParameter.base[0]"),
    (changed(COMPARTMENT, code="Account"), "unknown-code", "CompartmentDefinition.code"),
]

REFERENCES = [
    (changed(INVOICE, {"subject.reference": "1"}), "invalid-reference", "Invoice.subject.reference"),
    (changed(INVOICE, {"subject.reference": "Patient/"}), "invalid-reference", "Invoice.subject.reference"),
    (changed(INVOICE, {"subject.reference": "Patient/1/_history"}), "invalid-reference", "Invoice.subject.reference"),
    (changed(INVOICE, {"subject.reference": "/Patient/1"}), "invalid-reference", "Invoice.subject.reference"),
    (changed(INVOICE, {"subject.reference": "Patients/1"}), "invalid-reference", "Invoice.subject.reference"),
    (changed(INVOICE, {"subject.reference": "Patient?identifier=a"}), "invalid-reference", "Invoice.subject.reference"),
    (changed(INVOICE, {"subject.reference": "Account/1"}), "reference-target", "Invoice.subject.reference"),
    (
        changed(INVOICE, {"subject.reference": "https://his.example/fhir/Account/1"}),
        "reference-target",
        "Invoice.subject.reference",
    ),
    (changed(INVOICE, {"subject.type": "Account"}), "reference-target", "Invoice.subject.type"),
    (changed(INVOICE, {"subject.type": "Group"}), "reference-target", "Invoice.subject.type"),
    (changed(INVOICE, {"subject.type": "Person!"}), "invalid-reference", "Invoice.subject.type"),
    (changed(INVOICE, subject={"type": "Patient"}), "reference-empty", "Invoice.subject"),
    (changed(INVOICE, {"subject.reference": "#p"}), "ref-1", "Invoice.subject.reference"),
    (containing({**ORGANIZATION, "resourceType": "Patient"}), "reference-target", "Account.owner.reference"),
    (changed(NOTICE, {"payment.reference": "Invoice/1"}), "reference-target", "PaymentNotice.payment.reference"),
    (holding(valueReference={"reference": "x"}), "invalid-reference", "Account.extension[0].value.reference"),
]

CONTAINED = [
    (containing({**ORGANIZATION, "contained": [{"resourceType": "Basic"}]}), "dom-2", "Account.contained[0]"),
    (containing(ORGANIZATION, {**ORGANIZATION, "id": "p"}), "dom-3", "Account.contained[1]"),
    (containing({**ORGANIZATION, "meta": {"versionId": "1"}}), "dom-4", "Account.contained[0].meta"),
    (
        containing({**ORGANIZATION, "meta": {"lastUpdated": "2026-03-01T10:00:00Z"}}),
        "dom-4",
        "Account.contained[0].meta",
    ),
    (containing({**ORGANIZATION, "meta": {"security": [{"code": "R"}]}}), "dom-5", "Account.contained[0].meta"),
    (containing(ORGANIZATION, {"resourceType": "Basic"}), "missing-element", "Account.contained[1].id"),
    (containing(ORGANIZATION, ORGANIZATION), "contained-id", "Account.contained[1].id"),
    (containing(ORGANIZATION, {"id": "p", "link": "#"}), "missing-element", "Account.contained[1].resourceType"),
    (containing({**ORGANIZATION, "name": ""}), "empty", "Account.contained[0].name"),
    (containing({**ORGANIZATION, "name": " "}), "invalid-string", "Account.contained[0].name"),
    (containing({**ORGANIZATION, "address": [{}]}), "empty", "Account.contained[0].address[0]"),
    (containing({**ORGANIZATION, "address": []}), "empty", "Account.contained[0].address"),
    (containing({**ORGANIZATION, "alias": [["a"]]}), "not-single", "Account.contained[0].alias[0]"),
    (containing({**ORGANIZATION, "alias": [None]}), "null-value", "Account.contained[0].alias[0]"),
    (containing({**ORGANIZATION, "a b": 1}), "unknown-element", "Account.contained[0].`a b`"),
    (containing({**ORGANIZATION, "partOf": {"reference": "#x"}}), "ref-1", "Account.contained[0].partOf.reference"),
    (
        containing({**ORGANIZATION, "extension": [{"url": URL}]}),
        "ext-1",
        "Account.contained[0].extension[0]",
    ),
    (
        changed(containing({**ACCOUNT, "id": "a", "status": "x"}), owner=REMOVED, partOf={"reference": "#a"}),
        "unknown-code",
        "Account.contained[0].status",
    ),
]

EXTENSIONS = [
    (extended({"valueCode": "a"}), "missing-element", "Account.extension[0].url"),
    (extended({"url": "relative", "valueCode": "a"}), "extension-url", "Account.extension[0].url"),
    (extended({"url": URL}), "ext-1", "Account.extension[0]"),
    (
        extended({"url": URL, "valueCode": "a", "extension": [{"url": "b", "valueCode": "c"}]}),
        "ext-1",
        "Account.extension[0]",
    ),
    (extended({"url": URL, "valueCode": "a", "valueString": "b"}), "choice-repeated", "Account.extension[0].value"),
    (extended({"url": URL, "extension": [{"url": "b"}]}), "ext-1", "Account.extension[0].extension[0]"),
    (
        changed(ACCOUNT, _name={"extension": [{"url": "b", "valueCode": "c"}]}),
        "extension-url",
        "Account.name.extension[0].url",
    ),
    (
        changed(ACCOUNT, modifierExtension=[{"url": URL, "valueBoolean": True}]),
        "modifier-extension",
        "Account.modifierExtension[0]",
    ),
    (
        changed(INVOICE, {"lineItem.0.modifierExtension": [{"url": URL, "valueBoolean": True}]}),
        "modifier-extension",
        "Invoice.lineItem[0].modifierExtension[0]",
    ),
]

INNER = [
    (changed(BUNDLE, {"entry.0.resource.status": "x"}), "unknown-code", "Bundle.entry[0].resource.status"),
    (
        changed(BUNDLE, {"entry.0.resource.resourceType": "X"}),
        "resource-type-unknown",
        "Bundle.entry[0].resource.resourceType",
    ),
    (changed(BUNDLE, {"entry.0.resource": "Account/1"}), "wrong-json-type", "Bundle.entry[0].resource"),
    (
        changed(BUNDLE, {"entry.0.resource": changed(ACCOUNT, owner={"reference": "#o"})}),
        "ref-1",
        "Bundle.entry[0].resource.owner.reference",
    ),
    (changed(PARAMETERS, {"parameter.0.name": REMOVED}), "missing-element", "Parameters.parameter[0].name"),
    (
        changed(PARAMETERS, {"parameter.0": {"name": "r", "resource": {**ACCOUNT, "status": "x"}}}),
        "unknown-code",
        "Parameters.parameter[0].resource.status",
    ),
    (
        changed(PARAMETERS, {"parameter.0": {"name": "p", "part": [{"name": "q", "valueDate": "x"}]}}),
        "invalid-date",
        "Parameters.parameter[0].part[0].value",
    ),
    (changed(STRUCTURE, {"url": ""}), "empty", "StructureDefinition.url"),
]

EVERY_CASE = STRUCTURAL + VALUES + REFERENCES + CONTAINED + EXTENSIONS + INNER


def found_in(resource: Json) -> list[tuple[str, str]]:
    return [(problem.code, problem.expression) for problem in validate(resource)]


@pytest.mark.parametrize(
    ("resource", "code", "expression"), EVERY_CASE, ids=[f"{code} {place}" for _, code, place in EVERY_CASE]
)
def test_what_is_wrong_is_told_with_its_code_and_its_place(resource: Json, code: str, expression: str) -> None:
    assert found_in(resource) == [(code, expression)]


@pytest.mark.parametrize("resource", EVERY_ONE, ids=lambda resource: str(resource["resourceType"]))
def test_the_resources_that_the_invalid_ones_are_made_from_are_valid(resource: Json) -> None:
    assert found_in(resource) == []


@pytest.mark.parametrize(("resource", "code"), [(case[0], case[1]) for case in EVERY_CASE])
def test_every_problem_has_a_category_an_issue_type_and_a_sentence(resource: Json, code: str) -> None:
    (problem,) = validate(resource)

    assert problem.category is Category.INVALID
    assert problem.issue in definitions().codes["issue-type"]
    assert len(problem.message.split()) > 3
    assert problem.message.endswith((".", ")"))


def test_all_problems_are_told_at_once_in_the_order_of_the_document() -> None:
    broken: dict[str, Any] = changed(
        INVOICE,
        {
            "status": "foo",
            "subject.reference": "Account/1",
            "lineItem.0.sequence": 0,
            "lineItem.0.priceComponent.0.amount.currency": "ZZZ",
            "date": "2026-02-30",
            "paid": True,
        },
    )

    assert found_in(broken) == [
        ("unknown-code", "Invoice.status"),
        ("reference-target", "Invoice.subject.reference"),
        ("invalid-positive-int", "Invoice.lineItem[0].sequence"),
        ("unknown-currency", "Invoice.lineItem[0].priceComponent[0].amount.currency"),
        ("invalid-date-time", "Invoice.date"),
        ("unknown-element", "Invoice.paid"),
    ]
