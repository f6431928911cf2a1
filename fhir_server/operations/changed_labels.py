"""What `$meta-add` and `$meta-delete` have in common: a Meta comes in, and the meta of the resource goes out."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from billing.change_labels import change_labels
from fhir_server.fhir_request import FhirRequest, Writing
from fhir_server.operation_declaration import Operation
from fhir_server.operations.answers import answer_of_operation
from fhir_server.operations.parameters import read_parameters
from fhir_server.operations.resource_meta import meta_answer
from fhir_server.responses import Answer
from mappers.r4.json_text import decode_own
from storage.transaction import Transaction

LABELS_NOTE = (
    "That makes a new version, for versions never change; where nothing is different it makes none. It is allowed in"
    " any state of the resource, for labels say nothing about money."
)


def changed_labels(request: FhirRequest, operation: Operation, what: Literal["add", "delete"]) -> Writing:
    meta = read_parameters(request, operation)["meta"]

    async def writing(tx: Transaction) -> Answer:
        change = await change_labels(
            tx,
            request.context,
            request.resource_type,
            request.id,
            what,
            meta,
            if_match=request.conditions.versions_required,
        )
        answer = answer_of_operation(change)
        return replace(answer, content=meta_answer(decode_own(answer.content)["meta"]), location="")

    return writing
