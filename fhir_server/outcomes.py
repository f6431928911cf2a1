"""Refusals as OperationOutcomes, and the only table from error category to HTTP status and FHIR issue type.

https://hl7.org/fhir/R4/operationoutcome.html and https://hl7.org/fhir/R4/valueset-issue-type.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from ledger.errors import Category, Problem, Refusal

ERROR_SYSTEM = "https://billing.ghasi.example/fhir/CodeSystem/error"
RETRY_AFTER_SECONDS = 1


class Meaning(NamedTuple):
    """What a category is to a client. `issue` stands where the problem does not name a more precise one."""

    status: int
    issue: str


MEANINGS: dict[Category, Meaning] = {
    Category.INVALID: Meaning(400, "invalid"),
    Category.RULE_BROKEN: Meaning(422, "business-rule"),
    Category.NOT_FOUND: Meaning(404, "not-found"),
    Category.GONE: Meaning(410, "deleted"),
    Category.CONFLICT: Meaning(409, "conflict"),
    Category.PRECONDITION: Meaning(412, "conflict"),
    Category.UNAUTHENTICATED: Meaning(401, "login"),
    Category.NOT_ALLOWED: Meaning(403, "forbidden"),
    Category.NOT_SUPPORTED: Meaning(501, "not-supported"),
    Category.NOT_ACCEPTABLE: Meaning(406, "not-supported"),
    Category.MEDIA_TYPE: Meaning(415, "not-supported"),
    Category.TOO_LARGE: Meaning(413, "too-long"),
    Category.THROTTLED: Meaning(429, "throttled"),
    Category.UNAVAILABLE: Meaning(503, "transient"),
}

_TYPE_NAME = re.compile(r"[A-Z][A-Za-z]+(?=$|[.\[])")
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_encode = msgspec.json.Encoder().encode


class MethodNotAllowed(Refusal):
    """The path is there and the method is not; `allowed` are those that are."""

    def __init__(self, method: str, allowed: Iterable[str]) -> None:
        self.allowed = ", ".join(sorted(allowed))
        message = f"{method} is not possible here; this path answers {self.allowed}."
        super().__init__([Problem(Category.NOT_SUPPORTED, "method-not-allowed", message)])


def status_of(refusal: Refusal) -> int:
    return 405 if isinstance(refusal, MethodNotAllowed) else MEANINGS[refusal.category].status


def headers_of(refusal: Refusal) -> list[tuple[bytes, bytes]]:
    """The headers that a refusal's status asks for."""
    if isinstance(refusal, MethodNotAllowed):
        return [(b"allow", refusal.allowed.encode())]
    match refusal.category:
        case Category.UNAUTHENTICATED if refusal.code == "token-missing":
            return [(b"www-authenticate", b'Bearer realm="fhir"')]
        case Category.UNAUTHENTICATED:
            return [(b"www-authenticate", b'Bearer realm="fhir", error="invalid_token"')]
        case Category.NOT_ALLOWED if refusal.code == "insufficient-scope":
            return [(b"www-authenticate", b'Bearer realm="fhir", error="insufficient_scope"')]
        case Category.MEDIA_TYPE if refusal.code == "content-encoding":
            return [(b"accept-encoding", b"gzip")]
        case Category.UNAVAILABLE | Category.THROTTLED:
            return [(b"retry-after", b"%d" % RETRY_AFTER_SECONDS)]
        case _:
            return []


def outcome_of(problems: Sequence[Problem], place: str = "") -> bytes:
    """The OperationOutcome with every problem. `place` is where in a Bundle the resource stands."""
    return _outcome(
        [
            _issue("error", problem.issue or MEANINGS[problem.category].issue, problem, expression_at(problem, place))
            for problem in problems
        ]
    )


def unexpected_outcome(request_id: str) -> bytes:
    """What a client hears of a fault of ours: nothing but how to ask about it."""
    message = f"The server failed; the request was not carried out. Quote request {request_id} when you ask about it."
    problem = Problem(Category.UNAVAILABLE, "internal-error", message)
    return _outcome([_issue("fatal", "exception", problem, "")])


def success_outcome(sentence: str) -> bytes:
    """For `Prefer: return=OperationOutcome`."""
    return _outcome([{"severity": "information", "code": "informational", "details": {"text": sentence}}])


def located(refusal: Refusal, place: str) -> Refusal:
    """The same refusal, said of an entry of a Bundle."""
    return Refusal(
        Problem(problem.category, problem.code, problem.message, expression_at(problem, place), problem.issue)
        for problem in refusal.problems
    )


def expression_at(problem: Problem, place: str) -> str:
    """`Invoice.status` in `Bundle.entry[3]` is `Bundle.entry[3].resource.status`."""
    if not place:
        return problem.expression
    if not problem.expression:
        return place
    if problem.expression.startswith("Bundle.entry["):
        return problem.expression
    return _TYPE_NAME.sub(f"{place}.resource", problem.expression, count=1)


def _issue(severity: str, code: str, problem: Problem, expression: str) -> dict[str, Any]:
    message, expression = _printable(problem.message), _printable(expression)
    issue: dict[str, Any] = {
        "severity": severity,
        "code": code,
        "details": {"coding": [{"system": ERROR_SYSTEM, "code": problem.code}], "text": message},
        # Clients that show one text of an issue mostly show this one.
        "diagnostics": f"{expression}: {message}" if expression else message,
    }
    if expression:
        issue["expression"] = [expression]
    return issue


def _printable(text: str) -> str:
    """What a client sent may be quoted in a message, and FHIR allows fewer characters than a URL."""
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)


def _outcome(issues: list[dict[str, Any]]) -> bytes:
    return _encode({"resourceType": "OperationOutcome", "issue": issues})
