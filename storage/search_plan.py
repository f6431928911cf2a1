"""How PostgreSQL would carry out a search, as the application: its own plan, under row-level security.

Where values matter little the server has a statement planned once for any values; then the plan has `$2` for them. Else
it is planned for the values at hand, which are those that the search was asked with.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from storage.pipeline import Statement
from storage.search import PageWanted, queries_of
from storage.search_criteria import is_pointed
from storage.transaction import Reader

_NAME = "explained"
_EXPLAIN = "EXPLAIN (VERBOSE false, SETTINGS true)"


@dataclass(frozen=True, slots=True)
class Plan:
    """Of one statement of a search: its text, and the plan in lines, with PostgreSQL's estimates."""

    resource_type: str
    statement: str
    lines: tuple[str, ...]
    for_any_values: bool


async def read_plans(reader: Reader, tenant_id: str, wanted: PageWanted) -> list[Plan]:
    """The plans of a page, and of the total where one is asked for. Nothing is searched."""
    for_any = is_pointed(wanted.criterion.shape)
    plans = []
    for statement, values in queries_of(tenant_id, wanted):
        text = statement.sql.decode()
        if for_any:
            arguments = f"({', '.join(['NULL'] * len(values))})" if values else ""
            _, rows, _ = await reader.read_all(
                tenant_id,
                [
                    (_statement(f"PREPARE {_NAME} AS {text}"), ()),
                    (_statement(f"{_EXPLAIN} EXECUTE {_NAME}{arguments}"), ()),
                    (_statement(f"DEALLOCATE {_NAME}"), ()),
                ],
            )
        else:
            [rows] = await reader.read_all(tenant_id, [(_statement(f"{_EXPLAIN} {text}"), values)])
        plans.append(Plan(wanted.resource_type, text, tuple(row[0] for row in rows), for_any))
    return plans


def _statement(text: str) -> Statement:
    return Statement(cast(Any, text))
