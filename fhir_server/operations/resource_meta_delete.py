"""`POST [type]/[id]/$meta-delete`: takes profiles, tags and security labels away; nothing else of the resource changes.

https://hl7.org/fhir/R4/resource-operation-meta-delete.html
"""

from __future__ import annotations

from fhir_server.fhir_request import FhirRequest, Writing
from fhir_server.operation_declaration import Operation, Parameter
from fhir_server.operations.changed_labels import LABELS_NOTE, changed_labels

OPERATION = Operation(
    code="meta-delete",
    resource_type="Resource",
    title="Take labels from a resource",
    description="Takes the profiles, tags and security labels of a Meta from a resource: those that it has. "
    + LABELS_NOTE,
    affects_state=True,
    permission="u",
    parameters=(
        Parameter(
            "meta", "in", 1, "1", "Meta", "To take away: what it says of profiles, tags and security labels counts."
        ),
        Parameter("return", "out", 1, "1", "Meta", "The meta of the resource as it is now."),
    ),
)


def resource_meta_delete(request: FhirRequest) -> Writing:
    return changed_labels(request, OPERATION, "delete")
