"""A patch as it is sent: JSON Patch by its media type, and in a Bundle as a Binary of that type.

https://hl7.org/fhir/R4/http.html#patch. It becomes a document like any other, so that a Bundle can look into it for
references; an operation of JSON Patch stands in it as it was sent.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

from fhir_server.media_types import JSON_PATCH
from ledger.errors import invalid
from mappers.r4.json_patch import apply_json_patch, read_json_patch
from mappers.r4.json_text import decode, encode

PATCH_FORMATS = (JSON_PATCH,)
"""For the CapabilityStatement."""

_OPERATIONS = "patch"


def of_json_patch(body: bytes) -> dict[str, Any]:
    return {_OPERATIONS: read_json_patch(body)}


def of_entry(resource: dict[str, Any]) -> dict[str, Any]:
    """The patch in an entry of a Bundle. https://hl7.org/fhir/R4/http.html#patch-bundle"""
    if resource.get("resourceType") != "Binary":
        raise invalid("patch-invalid", f"A patch in a Bundle is a Binary of type {JSON_PATCH}.", "Binary", "structure")
    if resource.get("contentType") != JSON_PATCH:
        message = f"The patch is read here as {JSON_PATCH}."
        raise invalid("patch-invalid", message, "Binary.contentType", "not-supported")
    data = resource.get("data")
    try:
        body = base64.b64decode(data if isinstance(data, str) else "", validate=True)
    except (binascii.Error, ValueError):
        raise invalid("patch-invalid", "The data is the patch in base64.", "Binary.data", "value") from None
    return of_json_patch(body)


def apply_patch(patch: dict[str, Any], current: str) -> dict[str, Any]:
    """The resource that a patch makes of the JSON of a version; whether it is valid, the validator says."""
    patched = apply_json_patch(decode(current.encode()), patch[_OPERATIONS])
    # What was put together is held to the limits of what is sent.
    try:
        return decode(encode(patched))
    except RecursionError:
        raise invalid("json-too-deep", "The patch nests the resource too deeply.", issue="too-long") from None
