"""The CapabilityStatement against the running server: what it claims answers, and what it does not claim is refused.

The walk asks for everything that R4 knows, so that a claim that is missing is found as well as one that is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from fhir.resources.R4B import get_fhir_model_class

from mappers import MAPPERS
from mappers.r4.definitions import resource_types
from mappers.r4.json_text import decode
from mappers.r4.validate import validate
from tests.integration.serving import BASE, Hospital, Json, Server, body, codes_of

TYPES = ("Account", "ChargeItem", "Invoice", "PaymentNotice", "PaymentReconciliation", "Subscription")
DEFINITIONS = ("Basic", "CompartmentDefinition", "OperationDefinition", "SearchParameter", "StructureDefinition")
AUDIT = "AuditEvent"

# Every code of R4's type-restful-interaction, as a request on an id that is not there.
INTERACTIONS: dict[str, list[tuple[str, str]]] = {
    "read": [("GET", "{type}/nobody")],
    "vread": [("GET", "{type}/nobody/_history/1")],
    "update": [("PUT", "{type}/nobody")],
    "patch": [("PATCH", "{type}/nobody")],
    "delete": [("DELETE", "{type}/nobody")],
    "history-instance": [("GET", "{type}/nobody/_history")],
    "history-type": [("GET", "{type}/_history")],
    "create": [("POST", "{type}")],
    "search-type": [("GET", "{type}?_count=0")],
}

# A request that is understood may be refused for what it says, or because there is no such resource.
NOT_THERE_AT_ALL = {"unknown-path", "type-not-served", "method-not-allowed"}

# Of the operations of R4 and of ours to come, none may answer unclaimed.
OPERATIONS = (
    "$validate",
    "$meta",
    "$meta-add",
    "$meta-delete",
    "$everything",
    "$convert",
    "$graphql",
    "$issue",
    "$cancel",
    "$post-payment",
    "$balance",
    "$credit",
    "$adjust",
    "$allocate",
    "$deallocate",
    "$reverse",
    "$refund",
    "$status",
    "$events",
    "$get-ws-binding-token",
)

EXAMPLES = {
    "token": "http://system|code",
    "reference": "1",
    "date": "ge2026-01",
    "string": "zzz",
    "number": "1",
    "quantity": "1",
    "uri": "http://a",
}


# Of CompartmentDefinition-patient of R4.
OFFICIAL_COMPARTMENT = {
    "Account": {"subject"},
    "ChargeItem": {"subject"},
    "Invoice": {"subject", "patient", "recipient"},
}

VALUES_OF_MODIFIERS = {"missing": "true", "of-type": "http://system|code|value"}


@pytest_asyncio.fixture
async def statement(server: Server) -> Json:
    async with server.client(None) as anyone:
        answer = await anyone.get("metadata")
        assert answer.status_code == 200
        return body(answer)


def resources_of(statement: Json) -> dict[str, Json]:
    return {resource["type"]: resource for resource in statement["rest"][0]["resource"]}


def says_not_there(answer: httpx.Response) -> bool:
    """Whether the server says that it does not do this; it always says so in an OperationOutcome."""
    if answer.status_code not in {404, 405, 501}:
        return False
    return bool(NOT_THERE_AT_ALL & set(codes_of(body(answer))))


async def test_the_statement_is_valid_r4_and_names_the_server(statement: Json, server: Server) -> None:
    async with server.client(None) as anyone:
        content = (await anyone.get("metadata?mode=full")).content
    assert validate(decode(content)) == []
    get_fhir_model_class("CapabilityStatement").model_validate(statement)
    assert statement["fhirVersion"] == "4.0.1"
    assert statement["implementation"]["url"] == BASE
    [security] = statement["rest"][0]["security"]["service"]
    assert security["coding"][0]["code"] == "SMART-on-FHIR"
    [uris] = statement["rest"][0]["security"]["extension"]
    assert uris["extension"] == [{"url": "token", "valueUri": f"{BASE.removesuffix('/fhir')}/oauth/token"}]
    assert set(resources_of(statement)) == {*TYPES, *DEFINITIONS, AUDIT}


async def test_a_mode_that_is_not_there_is_refused(server: Server) -> None:
    async with server.client(None) as anyone:
        answer = await anyone.get("metadata?mode=terminology")
        assert (answer.status_code, codes_of(body(answer))) == (400, ["mode-not-supported"])


@pytest.mark.parametrize("resource_type", [*TYPES, *DEFINITIONS, AUDIT])
async def test_each_interaction_answers_if_and_only_if_it_is_claimed(
    statement: Json, hospital: Hospital, resource_type: str
) -> None:
    claimed = {each["code"] for each in resources_of(statement)[resource_type]["interaction"]}
    assert claimed <= set(INTERACTIONS)
    for interaction, requests in INTERACTIONS.items():
        for method, path in requests:
            content: Any = {"json": {"resourceType": resource_type}} if method in {"POST", "PUT", "PATCH"} else {}
            answer = await hospital.http.request(method, path.format(type=resource_type), **content)
            assert answer.status_code < 500 or says_not_there(answer), answer.text
            assert says_not_there(answer) == (interaction not in claimed), (interaction, answer.text)


async def test_types_that_are_not_claimed_are_not_served(statement: Json, hospital: Hospital) -> None:
    claimed = set(resources_of(statement))
    for resource_type in ("Patient", "Organization", "Claim", "SubscriptionStatus", "Nothing"):
        assert resource_type not in claimed
        for method, path in (("GET", resource_type), ("GET", f"{resource_type}/1"), ("POST", resource_type)):
            answer = await hospital.http.request(method, path, json={} if method == "POST" else None)
            assert answer.status_code == 404
            assert says_not_there(answer)
    assert claimed <= resource_types()


async def test_system_interactions_answer_if_and_only_if_they_are_claimed(statement: Json, hospital: Hospital) -> None:
    claimed = {each["code"] for each in statement["rest"][0]["interaction"]}
    for code in ("transaction", "batch"):
        answer = await hospital.http.post("", json={"resourceType": "Bundle", "type": code})
        assert (answer.status_code == 200) == (code in claimed), answer.text
    for code, path in (("history-system", "_history"), ("search-system", "?_type=Invoice")):
        answer = await hospital.http.get(path)
        assert says_not_there(answer) == (code not in claimed), answer.text


async def test_what_all_types_have_is_searched_across_them_and_in_the_claimed_compartments(
    statement: Json, hospital: Hospital
) -> None:
    [rest] = statement["rest"]
    assert rest["compartment"] == [
        "http://hl7.org/fhir/CompartmentDefinition/patient",
        "https://billing.ghasi.example/fhir/CompartmentDefinition/patient",
    ]
    codes = {"_id", "_lastUpdated", "_profile", "_security", "_source", "_tag"}
    assert {each["name"] for each in rest["searchParam"]} == codes
    for parameter in rest["searchParam"]:
        query = {parameter["name"]: EXAMPLES[parameter["type"]]}
        for path in ("", "Patient/p1/*", "Patient/p1/Invoice"):
            answer = await hospital.http.get(path, params=query)
            assert (answer.status_code, body(answer)["total"]) == (200, 0), answer.text
    for compartment in ("Device", "Encounter", "Practitioner", "RelatedPerson"):
        assert says_not_there(await hospital.http.get(f"{compartment}/p1/Invoice"))


def claimed_parameters(statement: Json) -> Iterator[tuple[str, Json]]:
    for resource_type, resource in resources_of(statement).items():
        for parameter in resource["searchParam"]:
            yield resource_type, parameter


async def test_every_claimed_search_parameter_is_understood_by_get_and_by_form(
    statement: Json, hospital: Hospital
) -> None:
    for resource_type, parameter in claimed_parameters(statement):
        query = {parameter["name"]: EXAMPLES[parameter["type"]]}
        answer = await hospital.http.get(resource_type, params=query)
        assert answer.status_code == 200, answer.text
        self_link = body(answer)["link"][0]["url"]
        assert f"{parameter['name']}=" in self_link
        # Everything that this test asks is an audit event of today.
        assert (resource_type, parameter["name"]) == (AUDIT, "date") or body(answer)["total"] == 0
        if resource_type in TYPES:
            posted = await hospital.http.post(f"{resource_type}/_search", data=query)
            assert posted.status_code == 200, posted.text


async def test_modifiers_that_are_documented_work_and_others_are_refused(statement: Json, hospital: Hospital) -> None:
    every = ("missing", "not", "exact", "contains", "below", "above", "text", "in", "not-in", "identifier", "of-type")
    for resource_type, parameter in claimed_parameters(statement):
        if resource_type not in TYPES:
            continue
        documentation = parameter["documentation"]
        for modifier in every:
            value = VALUES_OF_MODIFIERS.get(modifier, EXAMPLES[parameter["type"]])
            answer = await hospital.http.get(resource_type, params={f"{parameter['name']}:{modifier}": value})
            is_claimed = f":{modifier}," in documentation or f":{modifier}." in documentation
            assert answer.status_code == (200 if is_claimed else 400), (modifier, answer.text)
        sorted_by = await hospital.http.get(resource_type, params={"_sort": parameter["name"]})
        assert ("Can be sorted by" in documentation, sorted_by.status_code) == (True, 200), sorted_by.text


async def test_every_parameter_of_r4_is_claimed_with_the_type_and_the_url_of_its_definition(statement: Json) -> None:
    resources = resources_of(statement)
    for resource_type, mapper in MAPPERS.items():
        claimed = {each["name"]: each for each in resources[resource_type]["searchParam"]}
        assert set(claimed) == {parameter.code for parameter in mapper.search_parameters}
        for parameter in mapper.search_parameters:
            assert claimed[parameter.code]["definition"] == parameter.url
            assert claimed[parameter.code]["type"] == parameter.type


async def test_search_parameters_that_are_not_claimed_are_refused(statement: Json, hospital: Hospital) -> None:
    codes = {parameter["name"] for _, parameter in claimed_parameters(statement)}
    unclaimed = ("_text", "_content", "_filter", "_list", "_query", "_containedType", "_type")
    for resource_type in TYPES:
        own = {each["name"] for each in resources_of(statement)[resource_type]["searchParam"]}
        for name in (*(codes - own), *unclaimed, "no-such-parameter"):
            answer = await hospital.http.get(resource_type, params={name: "a"})
            assert answer.status_code == 400, (resource_type, name)
            assert codes_of(body(answer))[0] in {"unknown-search-parameter", "search-not-supported"}


async def test_each_include_is_served_if_and_only_if_it_is_claimed(statement: Json, hospital: Hospital) -> None:
    links = {
        f"{name}:{each.code}"
        for name, mapper in MAPPERS.items()
        for each in mapper.search_parameters
        if each.type == "reference"
    }
    for resource_type in TYPES:
        resource = resources_of(statement)[resource_type]
        for name, key in (("_include", "searchInclude"), ("_revinclude", "searchRevInclude")):
            claimed = set(resource[key])
            for value in {*claimed, *links}:
                answer = await hospital.http.get(resource_type, params={name: value})
                assert answer.status_code == (200 if value in claimed else 400), (resource_type, name, value)
                iterated = await hospital.http.get(resource_type, params={f"{name}:iterate": value})
                assert iterated.status_code == 200 or value not in claimed


async def test_chains_and_reverse_chains_are_served_between_the_types_that_are_claimed(
    statement: Json, hospital: Hospital
) -> None:
    for resource_type in TYPES:
        for claimed in resources_of(statement)[resource_type]["searchRevInclude"]:
            if claimed == "*":
                continue
            source, code = claimed.split(":")
            reverse = await hospital.http.get(resource_type, params={f"_has:{claimed}:_id": "nobody"})
            assert (reverse.status_code, body(reverse)["total"]) == (200, 0)
            chained = await hospital.http.get(source, params={f"{code}:{resource_type}._id": "nobody"})
            assert (chained.status_code, body(chained)["total"]) == (200, 0)
    for name in ("patient.name", "recipient:Patient.name", "status.name", "_has:Patient:link:_id", "_has:Invoice"):
        answer = await hospital.http.get("Invoice", params={name: "a"})
        assert answer.status_code == 400, name
        assert codes_of(body(answer))[0] in {"search-not-supported", "unknown-search-parameter"}


async def test_each_operation_answers_if_and_only_if_it_is_claimed(statement: Json, hospital: Hospital) -> None:
    for resource_type, resource in resources_of(statement).items():
        claimed = {f"${each['name']}" for each in resource.get("operation", [])}
        assert claimed <= set(OPERATIONS)
        for operation in OPERATIONS:
            answer = await hospital.http.post(
                f"{resource_type}/nobody/{operation}",
                json={"resourceType": "Parameters"},
                headers={"idempotency-key": "walk"},
            )
            assert says_not_there(answer) == (operation not in claimed), (operation, answer.text)
            # Of those that are claimed, these are called on the type as well.
            answer = await hospital.http.post(f"{resource_type}/{operation}", json={"resourceType": "Parameters"})
            on_type = operation in claimed & {"$validate", "$meta", "$status", "$get-ws-binding-token"}
            assert says_not_there(answer) == (not on_type), (operation, answer.text)


async def test_operations_on_the_system_answer_if_and_only_if_they_are_claimed(
    statement: Json, hospital: Hospital
) -> None:
    claimed = {f"${each['name']}" for each in statement["rest"][0]["operation"]}
    assert claimed == {"$meta"}
    for operation in OPERATIONS:
        answer = await hospital.http.post(operation, json={"resourceType": "Parameters"})
        assert says_not_there(answer) == (operation not in claimed), (operation, answer.text)
    definition = body(await hospital.http.get("OperationDefinition/Resource-meta"))
    assert (definition["system"], definition["type"], definition["instance"]) == (True, True, True)


async def test_the_compartment_has_a_definition_that_says_what_is_searched(server: Server) -> None:
    async with server.client(None) as anyone:
        answer = await anyone.get("CompartmentDefinition")
        assert validate(decode(answer.content)) == []
        [definition] = [entry["resource"] for entry in body(answer)["entry"]]
        get_fhir_model_class("CompartmentDefinition").model_validate(definition)
        assert body(await anyone.get("CompartmentDefinition/patient")) == definition
        url = "https://billing.ghasi.example/fhir/CompartmentDefinition/patient"
        assert (definition["url"], definition["code"], definition["search"]) == (url, "Patient", True)
        for query in ({"url": url}, {"name": "patient"}, {"_id": "patient"}):
            assert body(await anyone.get("CompartmentDefinition", params=query))["total"] == 1
        listed = {each["code"]: each.get("param") for each in definition["resource"]}
        assert set(listed) == set(MAPPERS)
        for resource_type, codes in listed.items():
            official = OFFICIAL_COMPARTMENT.get(resource_type, set())
            assert set(codes or ()) == official, resource_type


async def test_every_definition_is_valid_r4(server: Server) -> None:
    async with server.client(None) as anyone:
        for resource_type in DEFINITIONS:
            entries = body(await anyone.get(resource_type))["entry"]
            for entry in entries:
                content = (await anyone.get(f"{resource_type}/{entry['resource']['id']}")).content
                assert validate(decode(content)) == [], entry["resource"]["id"]


async def test_each_claimed_operation_has_a_definition_that_can_be_read_and_says_the_same(
    statement: Json, server: Server
) -> None:
    found: set[str] = set()
    async with server.client(None) as anyone:
        for resource_type, resource in resources_of(statement).items():
            for claimed in resource.get("operation", []):
                id_ = claimed["definition"].rpartition("/")[2]
                answer = await anyone.get(f"OperationDefinition/{id_}")
                assert answer.status_code == 200
                assert validate(decode(answer.content)) == []
                definition = body(answer)
                get_fhir_model_class("OperationDefinition").model_validate(definition)
                assert definition["url"] == claimed["definition"]
                assert definition["code"] == claimed["name"]
                assert definition["resource"] in ([resource_type], ["Resource"])
                found.add(definition["id"])
        entries = body(await anyone.get("OperationDefinition"))["entry"]
        assert {entry["resource"]["id"] for entry in entries} == found
        assert "Resource-validate" in found


async def test_every_extension_of_ours_has_a_definition(server: Server) -> None:
    async with server.client(None) as anyone:
        bundle = body(await anyone.get("StructureDefinition"))
        found = [entry["resource"] for entry in bundle["entry"]]
        assert {each["id"] for each in found} == {
            "invoice-settled",
            "invoice-due",
            "invoice-due-date",
            "payer-share",
            "credit-of",
            "tax-rule",
            "charge-modifier",
            "charge-unpriced",
            "charge-amount",
            "charge-program",
            "payment-account",
            "payment-method",
            "payment-refunded",
            "webhook-secret",
        }
        for each in found:
            get_fhir_model_class("StructureDefinition").model_validate(each)
            assert each["url"] == f"https://billing.ghasi.example/fhir/StructureDefinition/{each['id']}"
            assert body(await anyone.get(f"StructureDefinition/{each['id']}")) == each


async def test_every_search_parameter_of_ours_has_a_definition_that_says_the_same(
    statement: Json, server: Server
) -> None:
    claimed = {each["definition"]: (type_, each) for type_, each in claimed_parameters(statement)}
    async with server.client(None) as anyone:
        answer = await anyone.get("SearchParameter")
        assert validate(decode(answer.content)) == []
        found = {entry["resource"]["id"]: entry["resource"] for entry in body(answer)["entry"]}
        assert set(found) == {
            "ChargeItem-status",
            "Invoice-charge",
            "PaymentReconciliation-account",
            "PaymentReconciliation-invoice",
        }
        for id_, definition in found.items():
            get_fhir_model_class("SearchParameter").model_validate(definition)
            assert body(await anyone.get(f"SearchParameter/{id_}")) == definition
            resource_type, parameter = claimed[definition["url"]]
            assert definition["base"] == [resource_type]
            assert (definition["code"], definition["type"]) == (parameter["name"], parameter["type"])
        ours = {url for url in claimed if url.startswith("https://billing.ghasi.example/")}
        assert ours == {definition["url"] for definition in found.values()}


async def test_definitions_are_found_by_url_name_and_id(server: Server) -> None:
    async with server.client(None) as anyone:
        url = "https://billing.ghasi.example/fhir/OperationDefinition/Invoice-issue"
        for query in ({"url": url}, {"name": "invoiceiss"}, {"_id": "Invoice-issue"}):
            bundle = body(await anyone.get("OperationDefinition", params=query))
            assert [entry["resource"]["id"] for entry in bundle["entry"]] == ["Invoice-issue"]
        assert body(await anyone.get("OperationDefinition?url=http://nothing"))["total"] == 0
        answer = await anyone.get("OperationDefinition?publisher=x")
        assert (answer.status_code, codes_of(body(answer))) == (400, ["unknown-search-parameter"])
        answer = await anyone.get("OperationDefinition/nothing")
        assert (answer.status_code, codes_of(body(answer))) == (404, ["not-found"])


@pytest.mark.parametrize("resource_type", TYPES)
async def test_conditions_are_kept_as_they_are_claimed(statement: Json, hospital: Hospital, resource_type: str) -> None:
    resource = resources_of(statement)[resource_type]
    assert (resource["conditionalUpdate"], resource["conditionalDelete"]) == (True, "single")
    for method in ("PUT", "DELETE"):
        content: Any = {"json": {"resourceType": resource_type}} if method == "PUT" else {}
        answer = await hospital.http.request(method, f"{resource_type}?identifier=a", **content)
        assert not says_not_there(answer), answer.text
        assert answer.status_code in {204, 400}


async def test_patches_are_read_in_the_formats_that_are_claimed(statement: Json, hospital: Hospital) -> None:
    formats = ("application/json-patch+json", "application/fhir+json", "application/fhir+xml")
    assert statement["patchFormat"] == list(formats)
    for content_type in (*formats, "application/xml-patch+xml", "application/merge-patch+json"):
        answer = await hospital.http.patch("Account/1", content="?", headers={"content-type": content_type})
        assert answer.status_code == (400 if content_type in formats else 415), answer.text


async def test_an_account_can_be_created_by_update_and_read_conditionally_as_claimed(
    statement: Json, hospital: Hospital
) -> None:
    resource = resources_of(statement)["Account"]
    assert (resource["updateCreate"], resource["conditionalCreate"]) == (True, True)
    assert (resource["conditionalRead"], resource["versioning"], resource["readHistory"]) == (
        "full-support",
        "versioned",
        True,
    )
    account = {"resourceType": "Account", "id": "chosen", "status": "active"}
    created = await hospital.http.put("Account/chosen", json=account)
    assert created.status_code == 201, created.text
    read = await hospital.http.get("Account/chosen")
    for header, value in (
        ("if-none-match", read.headers["etag"]),
        ("if-modified-since", read.headers["last-modified"]),
    ):
        assert (await hospital.http.get("Account/chosen", headers={header: value})).status_code == 304
    assert (await hospital.http.get("Account/chosen/_history/1")).status_code == 200
