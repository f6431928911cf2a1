"""What schemathesis is told beside the OpenAPI document: whole resources, for a schema alone makes few of them.

It is read by `schemathesis run` (SCHEMATHESIS_HOOKS), see test_openapi.py.
"""

from __future__ import annotations

import json
from typing import Any

import schemathesis
from hypothesis import strategies as st

from mappers import MAPPERS
from mappers.r4.json_text import encode
from mappers.r4.xml_writing import xml_of_json
from tests.strategies import Json, resources

FHIR_JSON, FHIR_XML = "application/fhir+json", "application/fhir+xml"


@schemathesis.hook
def flatmap_case(context: Any, case: Any) -> st.SearchStrategy[Any]:
    """Half of the bodies that are FHIR are resources of the type in the path, likely ones; of XML that is all."""
    segments = case.operation.path.strip("/").split("/")
    resource_type = next((each for each in segments if each in MAPPERS), None)
    if case.media_type not in {FHIR_JSON, FHIR_XML} or resource_type is None:
        return st.just(case)
    whole = resources(resource_type, billing=True).map(lambda resource: with_body(case, resource))
    return whole if case.media_type == FHIR_XML else st.just(case) | whole


def with_body(case: Any, resource: Json) -> Any:
    if "$" in case.operation.path:
        resource = {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": resource}]}
    elif "{id}" in case.operation.path:
        resource = resource | {"id": str(case.path_parameters.get("id", "a"))}
    content = encode(resource)
    case.body = xml_of_json(content).decode() if case.media_type == FHIR_XML else json.loads(content)
    return case
