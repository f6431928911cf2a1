"""Lists that a client filters: one statement for each set of filters, so that each has a plan of its own."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import count
from typing import Any, LiteralString

from storage.array_insert import made_of_tables
from storage.pipeline import Row, Statement
from storage.transaction import Reader

Filters = Sequence[tuple[LiteralString, Any]]
"""(condition with {} where its value stands, value), or several values as a tuple; without a value it is left out."""


async def filtered(
    reader: Reader, tenant_id: str, select: LiteralString, filters: Filters, *, order: LiteralString, limit: int
) -> list[Row]:
    """The first rows in an order that fulfil the filters. `select` ends in a condition on its tenant, `$1`."""
    asked = tuple(condition for condition, value in filters if value is not None)
    given = [value if isinstance(value, tuple) else (value,) for _, value in filters if value is not None]
    values = [value for several in given for value in several]
    return await reader.read(tenant_id, _statement(select, asked, order), tenant_id, limit, *values)


@cache
def _statement(select: LiteralString, asked: tuple[LiteralString, ...], order: LiteralString) -> Statement:
    numbers = count(3)
    # Piece by piece, for braces may stand in our SQL too.
    conditions = [
        "".join(f"{piece}${next(numbers)}" for piece in pieces) + last
        for *pieces, last in (condition.split("{}") for condition in asked)
    ]
    return Statement(made_of_tables(f"{' AND '.join([select, *conditions])} ORDER BY {order} LIMIT $2::integer"))
