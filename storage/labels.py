"""Which profiles, tags and security labels are in use: of each one row, however many resources have it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple, cast

from storage.pipeline import Statement
from storage.resource_rows import rows_of
from storage.transaction import Reader

LABELS_MAX = 1000
"""Of a kind and a resource type; the first ones."""

PARAMETERS = ("_profile", "_security", "_tag")


class Label(NamedTuple):
    """`parameter` says what kind it is. A profile has no system."""

    parameter: str
    system: str | None
    value: str


async def read_labels(reader: Reader, tenant_id: str, resource_types: Sequence[str]) -> list[Label]:
    """The labels of all resources of the types, each once, in order."""
    queries = [
        (_statement(resource_type), (tenant_id, parameter))
        for resource_type in resource_types
        for parameter in PARAMETERS
    ]
    found = {
        Label(parameter, system, value)
        for (_, (_, parameter)), rows in zip(queries, await reader.read_all(tenant_id, queries), strict=True)
        for value, system in rows
    }
    return sorted(found, key=lambda label: (label.parameter, label.value, label.system or ""))


@cache
def _statement(resource_type: str) -> Statement:
    """From each value to the next one by the index, not over all rows: few labels are on many resources."""
    table = f"billing.{rows_of(resource_type).table.name}_index"
    rows = f"SELECT x.value, x.system FROM {table} AS x WHERE x.tenant_id = $1 AND x.parameter = $2 AND"
    following = " UNION ALL ".join(
        f"(SELECT {number} AS step, n.* FROM ({rows} {where} ORDER BY x.value, x.system LIMIT 1) AS n)"
        for number, where in enumerate(
            (
                "x.value = f.value AND x.system > f.system",
                "x.value = f.value AND f.system IS NOT NULL AND x.system IS NULL",
                "x.value > f.value",
            )
        )
    )
    text = (
        f"WITH RECURSIVE found AS (({rows} x.value IS NOT NULL ORDER BY x.value, x.system LIMIT 1) UNION ALL"
        f" SELECT n.value, n.system FROM found AS f CROSS JOIN LATERAL"
        f" (SELECT s.value, s.system FROM ({following}) AS s ORDER BY s.step LIMIT 1) AS n)"
        f" SELECT value, system FROM found LIMIT {LABELS_MAX}"
    )
    return Statement(cast(Any, text))
