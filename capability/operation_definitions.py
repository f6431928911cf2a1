"""OperationDefinitions, made from the declarations by which the operations read their parameters.

https://hl7.org/fhir/R4/operationdefinition.html
"""

from __future__ import annotations

from typing import Any

from capability.publication import camel_case, published
from capability.served import OperationDeclared, ParameterDeclared

RESOURCE_TYPE = "OperationDefinition"


def operation_definition(operation: OperationDeclared) -> dict[str, Any]:
    name = f"{operation.resource_type}{camel_case(operation.code)}"
    described = [operation.description]
    if operation.needs_idempotency_key and "Idempotency-Key" not in operation.description:
        described.append("The header Idempotency-Key is required.")
    if operation.business_scope:
        described.append(f"The token needs the scope {operation.business_scope}.")
    return {
        **published(RESOURCE_TYPE, operation.id, name, operation.title, " ".join(described)),
        "kind": "operation",
        "affectsState": operation.affects_state,
        "code": operation.code,
        **({"base": operation.base} if operation.base else {}),
        "resource": [operation.resource_type],
        "system": "system" in operation.levels,
        "type": "type" in operation.levels,
        "instance": "instance" in operation.levels,
        "parameter": [_parameter(each) for each in operation.parameters],
    }


def _parameter(parameter: ParameterDeclared) -> dict[str, Any]:
    said = parameter.documentation
    if parameter.codes:
        said = f"{said} One of {', '.join(parameter.codes)}."
    definition: dict[str, Any] = {
        "name": parameter.name,
        "use": parameter.use,
        "min": parameter.min,
        "max": parameter.max,
        "documentation": said,
    }
    if parameter.parts:
        definition["part"] = [_parameter(each) for each in parameter.parts]
    else:
        definition["type"] = parameter.type
    if parameter.targets:
        definition["targetProfile"] = [
            f"http://hl7.org/fhir/StructureDefinition/{target}" for target in parameter.targets
        ]
    return definition
