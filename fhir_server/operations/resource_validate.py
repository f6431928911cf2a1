"""`POST [type]/$validate` and `[type]/[id]/$validate`: whether a resource is valid, and a write would be accepted.

With a mode the write is carried out in a transaction that is then undone, so that the answer is that of the write
itself and not that of a second set of rules. https://hl7.org/fhir/R4/resource-operation-validate.html
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from fhir_server.authorization.smart_scopes import Permission
from fhir_server.fhir_request import FhirRequest, Writing
from fhir_server.interactions.create import create
from fhir_server.interactions.delete import delete
from fhir_server.interactions.update import update
from fhir_server.operation_declaration import Operation, Parameter
from fhir_server.operations.parameters import parameters_of_query, read_parameters
from fhir_server.outcomes import outcome_of, success_outcome
from fhir_server.responses import Answer
from fhir_server.service import Service
from ledger.errors import Category, Refusal, invalid
from mappers.r4.validate import validate
from storage.transaction import Transaction

OPERATION = Operation(
    code="validate",
    resource_type="Resource",
    levels=("type", "instance"),
    title="Validate a resource",
    description=(
        "Says whether a resource is valid and, with a mode, whether the write would be accepted now. Nothing is"
        " written. It answers 200 whether or not the resource is valid; an error means that it was not validated."
    ),
    affects_state=False,
    permission="r",
    parameters=(
        Parameter("resource", "in", 0, "1", "Resource", "The resource; needed unless the mode is delete."),
        Parameter(
            "mode",
            "in",
            0,
            "1",
            "code",
            "The write to try; without it only the content is looked at.",
            codes=("create", "update", "delete"),
        ),
        Parameter("profile", "in", 0, "1", "uri", "The profile to validate by: that of the resource's type in R4."),
        Parameter("return", "out", 1, "1", "OperationOutcome", "All that is wrong, or that nothing is."),
    ),
)

_BASE_PROFILE = "http://hl7.org/fhir/StructureDefinition/"
_PLACEHOLDER = {"resourceType": "Parameters"}
_WRITES: dict[str, tuple[Callable[[FhirRequest], Writing], Permission]] = {
    "create": (create, "c"),
    "update": (update, "u"),
    "delete": (delete, "d"),
}
# These say that it could not be tried, and not what would become of it.
_NOT_TRIED = frozenset({Category.UNAUTHENTICATED, Category.NOT_ALLOWED, Category.UNAVAILABLE, Category.THROTTLED})


class _UndoneError(Exception):
    """Ends the transaction of a write that would have been accepted."""


async def resource_validate(request: FhirRequest, service: Service) -> Answer:
    resource, mode, profile = _asked(request)
    _check_profile(request.resource_type, profile)
    if resource is None and mode != "delete":
        raise invalid("parameter-missing", "$validate needs the resource to validate.", issue="required")
    if mode is not None:
        _check_mode(request, mode)
    try:
        if resource is not None and mode != "delete":
            problems = validate(resource, request.resource_type)
            if problems:
                return Answer(HTTPStatus.OK, outcome_of(problems))
        if mode is not None:
            await _try(service, replace(request, document=resource, body=None, is_renewed=False, query=[]), mode)
    except Refusal as refusal:
        if refusal.category in _NOT_TRIED:
            raise
        return Answer(HTTPStatus.OK, outcome_of(refusal.problems))
    said = f"The {mode} would be accepted now." if mode else f"This is a valid {request.resource_type}."
    return Answer(HTTPStatus.OK, success_outcome(said))


def _asked(request: FhirRequest) -> tuple[dict[str, Any] | None, str | None, str | None]:
    """The resource, which may also be the body itself, with the other parameters in the URL; then mode and profile.

    What is wrong with the resource is the answer and no refusal, so it is not looked at among the parameters.
    """
    document = request.document
    if document is not None and document.get("resourceType") != "Parameters":
        values = read_parameters(
            replace(request, document=parameters_of_query(request.query, OPERATION), query=[]), OPERATION
        )
        return document, values["mode"], values["profile"]
    found: list[dict[str, Any]] = []
    values = read_parameters(replace(request, document=_without_resource(document, found)), OPERATION)
    return found[0] if found else None, values["mode"], values["profile"]


def _without_resource(document: dict[str, Any] | None, found: list[dict[str, Any]]) -> dict[str, Any] | None:
    items = None if document is None else document.get("parameter")
    if document is None or not isinstance(items, list):
        return document
    rest = list(items)
    for index, item in enumerate(items):
        if isinstance(item, dict) and item.get("name") == "resource" and isinstance(item.get("resource"), dict):
            found.append(item["resource"])
            rest[index] = {**item, "resource": _PLACEHOLDER}
    return {**document, "parameter": rest}


def _check_profile(resource_type: str, profile: str | None) -> None:
    known = _BASE_PROFILE + resource_type
    if profile is not None and profile.partition("|")[0] != known:
        message = f"This server validates by {known} alone; leave the profile out."
        raise invalid("profile-not-supported", message, "Parameters.parameter", "not-supported")


def _check_mode(request: FhirRequest, mode: str) -> None:
    if (mode == "create") == bool(request.id):
        message = "create is asked of [type]/$validate, update and delete of [type]/[id]/$validate."
        raise invalid("validate-mode", message, "Parameters.parameter", "value")
    # What would become of a write is an answer about what is there.
    request.token.scopes.require_all(request.resource_type, _WRITES[mode][1])


async def _try(service: Service, request: FhirRequest, mode: str) -> None:
    """Carry the write out and undo it; refused as the write would be."""
    writing = _WRITES[mode][0](request)

    async def attempt(tx: Transaction) -> None:
        request.renew()
        await writing(tx)
        raise _UndoneError

    try:
        await service.database.run(request.tenant.id, request.token.subject, attempt)
    except _UndoneError:
        return
