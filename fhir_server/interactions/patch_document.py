"""A patch as it is sent: FHIRPath Patch as Parameters, JSON Patch by its media type or in a Bundle as a Binary of it.

https://hl7.org/fhir/R4/http.html#patch. It becomes a document like any other, so that a Bundle can look into it for
references; an operation of JSON Patch stands in it as it was sent.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

from fhir_server.media_types import FHIR_JSON, FHIR_XML, JSON_PATCH
from ledger.errors import Refusal, invalid
from mappers.r4.fhirpath_patch import apply_fhirpath_patch, read_fhirpath_patch
from mappers.r4.json_patch import apply_json_patch, read_json_patch
from mappers.r4.json_text import decode, encode
from mappers.r4.validate import validate

PATCH_FORMATS = (JSON_PATCH, FHIR_JSON, FHIR_XML)
"""For the CapabilityStatement."""

_OPERATIONS = "patch"


def of_json_patch(body: bytes) -> dict[str, Any]:
    return {_OPERATIONS: read_json_patch(body)}


def of_parameters(resource: dict[str, Any]) -> dict[str, Any]:
    if resource.get("resourceType") != "Parameters":
        message = f"A patch is a Parameters resource, or JSON Patch: {JSON_PATCH}, in a Bundle as a Binary."
        raise invalid("patch-invalid", message, "Parameters.resourceType", "structure")
    return resource


def of_entry(resource: dict[str, Any]) -> dict[str, Any]:
    """The patch in an entry of a Bundle. https://hl7.org/fhir/R4/http.html#patch"""
    if resource.get("resourceType") != "Binary":
        return of_parameters(resource)
    if resource.get("contentType") != JSON_PATCH:
        message = f"The patch is read here as {JSON_PATCH}."
        raise invalid("patch-invalid", message, "Binary.contentType", "not-supported")
    data = resource.get("data")
    try:
        body = base64.b64decode(data if isinstance(data, str) else "", validate=True)
    except (binascii.Error, ValueError):
        raise invalid("patch-invalid", "The data is the patch in base64.", "Binary.data", "value") from None
    return of_json_patch(body)


def check_patch(patch: dict[str, Any], resource_type: str, *, conditional_references: bool) -> None:
    """Refuse what can be seen to be wrong without the resource. JSON Patch was checked when it was read."""
    if "resourceType" not in patch:
        return
    problems = validate(patch, "Parameters", conditional_references=conditional_references)
    if problems:
        raise Refusal(problems)
    read_fhirpath_patch(patch, resource_type)


def apply_patch(patch: dict[str, Any], resource_type: str, current: str) -> dict[str, Any]:
    """The resource that a patch makes of the JSON of a version; whether it is valid, the validator says."""
    document = decode(current.encode())
    try:
        if "resourceType" in patch:
            document = apply_fhirpath_patch(document, read_fhirpath_patch(patch, resource_type))
        else:
            document = apply_json_patch(document, patch[_OPERATIONS])
        # What was put together is held to the limits of what is sent.
        return decode(encode(document))
    except RecursionError:
        raise invalid("json-too-deep", "The patch nests the resource too deeply.", issue="too-long") from None
