"""Refusals as problem details: https://www.rfc-editor.org/rfc/rfc9457. Status and code are those of FHIR's outcomes."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from pydantic import ConfigDict, Field

from fhir_server.outcomes import ERROR_SYSTEM, status_of
from fhir_server.rest.documents import Document
from ledger.errors import Problem, Refusal

MEDIA_TYPE = "application/problem+json"

_encode = msgspec.json.Encoder().encode


class ProblemItem(Document):
    """One thing that is wrong. A place is a JSON pointer into the body, or FHIRPath where FHIR's rules say it."""

    code: str
    detail: str
    pointer: str | None = None
    expression: str | None = None


class ProblemDetails(Document):
    """Why a request was refused; nothing was written."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": f"{ERROR_SYSTEM}#not-unapplied",
                    "title": "Unprocessable Entity",
                    "status": 422,
                    "detail": "There is not that much unapplied money.",
                    "code": "not-unapplied",
                    "errors": [
                        {
                            "code": "not-unapplied",
                            "detail": "There is not that much unapplied money.",
                            "pointer": "/amount",
                        }
                    ],
                }
            ]
        }
    )

    type: Annotated[str, Field(description="Names the code as a URI.")]
    title: str
    status: int
    detail: str
    code: Annotated[str, Field(description="Stable: programs may rely on it. The first of `errors`.")]
    errors: Annotated[list[ProblemItem], Field(description="Every problem that was found.")]


def problem_of(refusal: Refusal) -> bytes:
    first = refusal.problems[0]
    return _problem(status_of(refusal), first.code, first.message, [_item(problem) for problem in refusal.problems])


def unexpected_problem(request_id: str) -> bytes:
    """What a client hears of a fault of ours: nothing but how to ask about it."""
    message = f"The server failed; the request was not carried out. Quote request {request_id} when you ask about it."
    return _problem(500, "internal-error", message, [{"code": "internal-error", "detail": message}])


def _problem(status: int, code: str, detail: str, errors: list[dict[str, Any]]) -> bytes:
    return _encode(
        {
            "type": f"{ERROR_SYSTEM}#{code}",
            "title": HTTPStatus(status).phrase,
            "status": status,
            "detail": detail,
            "code": code,
            "errors": errors,
        }
    )


def _item(problem: Problem) -> dict[str, Any]:
    item = {"code": problem.code, "detail": problem.message}
    if problem.expression:
        item["pointer" if problem.expression.startswith("/") else "expression"] = problem.expression
    return item
