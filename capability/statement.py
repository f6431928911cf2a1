"""The CapabilityStatement: what is served and nothing else. https://hl7.org/fhir/R4/capabilitystatement.html"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from capability.publication import FHIR_VERSION, VERSION, canonical, published
from capability.served import OperationDeclared, Served, ServedParameter, ServedType
from mappers.extensions import BACKPORT

RESOURCE_TYPE = "CapabilityStatement"
OAUTH_URIS = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"

_DESCRIPTION = (
    "Billing on an append-only double-entry ledger: accounts, charges, invoices and payments as FHIR R4 resources. "
    "Statuses, balances and amounts due are derived from the journal."
)
_ON_SECURITY = (
    "Bearer tokens with SMART on FHIR scopes (v1 and v2) on everything but the conformance resources; the tenant is "
    "the token's. Operations that move money also need business scopes such as billing:payment:post."
)
_ON_SEARCH = (
    "Parameters that are not listed are refused, unless the request says Prefer: handling=lenient; the self link says "
    "what was applied. Results: _sort, _count, _total, _summary, _elements. Pages are followed by their links. "
    "References between the types kept here can be chained (account.identifier) and reversed "
    "(_has:Invoice:account:status), and _include and _revinclude can have :iterate."
)


_WEBSOCKET = "http://hl7.org/fhir/StructureDefinition/capabilitystatement-websocket"
_TOPIC = f"{BACKPORT}/StructureDefinition/capabilitystatement-subscriptiontopic-canonical"


def capability_statement(served: Served) -> dict[str, Any]:
    statement = published(RESOURCE_TYPE, "billing", "Billing", "Billing service", _DESCRIPTION)
    return {
        **statement,
        "kind": "instance",
        **({"instantiates": list(served.instantiates)} if served.instantiates else {}),
        "software": {"name": "Billing", "version": VERSION},
        "implementation": {"description": "This server", "url": served.base_url},
        "fhirVersion": FHIR_VERSION,
        "format": ["application/fhir+json", "application/fhir+xml", "json", "xml"],
        **({"patchFormat": list(served.patch_formats)} if served.patch_formats else {}),
        "rest": [
            {
                **_websocket(served.websocket_url),
                "mode": "server",
                "documentation": _ON_SEARCH,
                "security": {**_token_endpoint(served), "cors": served.allows_cross_origin, **_security()},
                "resource": [_resource(each) for each in served.types],
                "interaction": [{"code": code} for code in served.system_interactions],
                "searchParam": [_parameter(each) for each in served.system_parameters],
                "operation": _operations(served.system_operations),
                "compartment": [
                    url
                    for name in served.compartments
                    for url in (
                        f"http://hl7.org/fhir/CompartmentDefinition/{name}",
                        canonical("CompartmentDefinition", name),
                    )
                ],
            }
        ],
    }


def _token_endpoint(served: Served) -> dict[str, Any]:
    """Where SMART's first version has its clients look."""
    if not served.token_url:
        return {}
    token = {"url": "token", "valueUri": served.token_url}
    return {"extension": [{"url": OAUTH_URIS, "extension": [token]}]}


def _websocket(url: str) -> dict[str, Any]:
    return {"extension": [{"url": _WEBSOCKET, "valueUri": url}]} if url else {}


def _security() -> dict[str, Any]:
    coding = {
        "system": "http://terminology.hl7.org/CodeSystem/restful-security-service",
        "code": "SMART-on-FHIR",
        "display": "SMART-on-FHIR",
    }
    return {"service": [{"coding": [coding], "text": "OAuth 2.0 bearer tokens"}], "description": _ON_SECURITY}


def _resource(served: ServedType) -> dict[str, Any]:
    resource: dict[str, Any] = {
        "type": served.name,
        "profile": f"http://hl7.org/fhir/StructureDefinition/{served.name}",
        "interaction": [{"code": code} for code in served.interactions],
        "versioning": "versioned" if served.is_kept else "no-version",
    }
    if served.profiles:
        resource["supportedProfile"] = list(served.profiles)
    if served.topics:
        resource["extension"] = [{"url": _TOPIC, "valueCanonical": topic} for topic in served.topics]
    if served.documentation:
        resource["documentation"] = served.documentation
    if served.is_kept:
        resource |= {
            "readHistory": "vread" in served.interactions,
            "updateCreate": "update" in served.interactions,
            "conditionalCreate": "create" in served.interactions,
            "conditionalRead": "full-support",
            "conditionalUpdate": served.conditional_update,
            "conditionalDelete": served.conditional_delete,
            "referencePolicy": ["literal", "logical", "enforced"],
        }
    if served.includes:
        resource["searchInclude"] = list(served.includes)
    if served.reverse_includes:
        resource["searchRevInclude"] = list(served.reverse_includes)
    if served.parameters:
        resource["searchParam"] = [_parameter(each) for each in served.parameters]
    if served.operations:
        resource["operation"] = _operations(served.operations)
    return resource


def _operations(operations: Iterable[OperationDeclared]) -> list[dict[str, Any]]:
    return [
        {"name": each.code, "definition": canonical("OperationDefinition", each.id), "documentation": each.title}
        for each in operations
    ]


def _parameter(parameter: ServedParameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "definition": parameter.definition,
        "type": parameter.type,
        **({"documentation": parameter.documentation} if parameter.documentation else {}),
    }
