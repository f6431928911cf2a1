"""`POST [type]/[id]/$meta-add`: adds profiles, tags and security labels; nothing else of the resource changes.

https://hl7.org/fhir/R4/resource-operation-meta-add.html
"""

from __future__ import annotations

from fhir_server.fhir_request import FhirRequest, Writing
from fhir_server.operation_declaration import Operation, Parameter
from fhir_server.operations.changed_labels import LABELS_NOTE, changed_labels

OPERATION = Operation(
    code="meta-add",
    resource_type="Resource",
    title="Add labels to a resource",
    description="Adds the profiles, tags and security labels of a Meta to a resource: those that it does not have yet. "
    + LABELS_NOTE,
    affects_state=True,
    permission="u",
    parameters=(
        Parameter("meta", "in", 1, "1", "Meta", "To add: what it says of profiles, tags and security labels counts."),
        Parameter("return", "out", 1, "1", "Meta", "The meta of the resource as it is now."),
    ),
)


def resource_meta_add(request: FhirRequest) -> Writing:
    return changed_labels(request, OPERATION, "add")
