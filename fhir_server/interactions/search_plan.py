"""`_explain=true` on a search: how PostgreSQL would carry it out, for operators, instead of what it finds.

The plan is that of the application's role under row-level security. It has the values that the request itself names,
and no other: statements planned for any values have `$2` in their place, and pages behind a cursor are refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

import msgspec

from fhir_server.fhir_request import FhirRequest, Query, Reading, take
from fhir_server.responses import Answer, bundle
from ledger.errors import invalid
from mappers.search_query import encode_query
from storage.search import PageWanted
from storage.search_plan import Plan, read_plans
from storage.transaction import Reader

EXPLAIN = "_explain"
SCOPE = "billing:search:explain"


def asks_for_plan(request: FhirRequest, query: Query, *, has_cursor: bool) -> bool:
    """Whether the plan is asked for, by whoever may; takes the parameter out of the query."""
    value = take(query, EXPLAIN)
    if value is None:
        return False
    request.token.scopes.require_business(SCOPE)
    if value != "true":
        raise invalid("search-value-invalid", f"'{EXPLAIN}': send true.", issue="value")
    if has_cursor:
        message = f"'{EXPLAIN}': a cursor holds values of a resource; ask for the plan of the first page."
        raise invalid("search-value-invalid", message, issue="value")
    return True


def plan_of(request: FhirRequest, path: str, applied: Query, wanted: Sequence[PageWanted]) -> Reading:
    async def reading(reader: Reader) -> Answer:
        plans = [plan for each in wanted for plan in await read_plans(reader, request.tenant.id, each)]
        asked = encode_query([*applied, (EXPLAIN, "true")])
        links = [("self", f"{request.base_url}/{path}?{asked}" if path else f"{request.base_url}?{asked}")]
        return Answer(HTTPStatus.OK, bundle("searchset", list(map(_entry, plans)), links=links))

    return reading


def _entry(plan: Plan) -> bytes:
    of = "any values" if plan.for_any_values else "the values that were asked for"
    issues = [
        {
            "severity": "information",
            "code": "informational",
            "details": {"text": f"Plan of a search of {plan.resource_type}, for {of}."},
            "diagnostics": "\n".join(plan.lines),
        },
        {
            "severity": "information",
            "code": "informational",
            "details": {"text": "The statement."},
            "diagnostics": plan.statement,
        },
    ]
    return msgspec.json.encode(
        {"resource": {"resourceType": "OperationOutcome", "issue": issues}, "search": {"mode": "outcome"}}
    )
