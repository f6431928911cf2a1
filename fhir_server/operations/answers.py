"""What an operation answers when its output is one resource: that resource, bare."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus

from billing.change import Change
from fhir_server.responses import Answer, answer_of_change


def answer_of_operation(change: Change) -> Answer:
    """200 and the resource, whatever Prefer says: the output is what the operation was called for."""
    return replace(answer_of_change(change), status=HTTPStatus.OK, is_new=False, says="")
