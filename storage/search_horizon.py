"""The moment up to which all changes are known: who asks again and again for what changed since then misses none.

A change is dated before it is committed, so that one with an earlier date may become visible after one with a later
date. Who saw the later one would never ask for the earlier. So what is asked by `_lastUpdated` stops before the oldest
transaction that is still open, after a short wait for it to end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from storage.pipeline import Row, Statement
from storage.search_criteria import Arms, BeforeHorizon, Compared, Criterion, Either, Every, Not, Shape, every
from storage.transaction import Reader, Transaction

WAIT = timedelta(seconds=1)
HORIZON = "coalesce(nullif(current_setting('billing.horizon', true), ''), 'infinity')::timestamptz"
"""The horizon that was set, in SQL."""

_PAUSE_SECONDS = 0.01

# A statement of its own, before the one that searches: what is committed by now, that one sees. Every transaction dates
# its changes later than it began, and sessions of one role see when each other's began.
_SET_HORIZON = Statement(
    "SELECT set_config('billing.horizon', h.horizon::text, true), h.horizon, statement_timestamp() FROM ("
    "SELECT least(min(a.xact_start), statement_timestamp()) AS horizon FROM pg_stat_activity AS a"
    " WHERE a.datname = current_database() AND a.usename = current_user AND a.pid <> pg_backend_pid()) AS h"
)


def settled(criterion: Criterion) -> Criterion:
    """The criterion, and that no earlier change can still be on its way."""
    return every(criterion, Criterion(BeforeHorizon()))


def asks_for_changes(shape: Shape) -> bool:
    """Whether it asks for what was updated after a moment."""
    match shape:
        case Compared("last_updated", ">" | ">="):
            return True
        case Every(conditions) | Either(conditions) | Arms(conditions):
            return any(map(asks_for_changes, conditions))
        case Not(condition):
            return asks_for_changes(condition)
        case _:
            return False


async def read_settled(
    reader: Reader, tenant_id: str, queries: Sequence[tuple[Statement, Sequence[Any]]]
) -> list[list[Row]]:
    """The rows of queries that are `settled`, once the transactions that were open when this was asked have ended.

    Those that take longer than a moment are not waited for; the answer stops before them, and the next one goes on.
    """
    if isinstance(reader, Transaction):
        return await reader.read_all(tenant_id, queries)
    [[(_, horizon, asked_at)], *results] = await reader.read_all(tenant_id, [(_SET_HORIZON, ()), *queries])
    if horizon >= asked_at:
        return results
    now = asked_at
    while horizon < asked_at and now - asked_at < WAIT:
        await asyncio.sleep(_PAUSE_SECONDS)
        [(_, horizon, now)] = await reader.read(tenant_id, _SET_HORIZON)
    return (await reader.read_all(tenant_id, [(_SET_HORIZON, ()), *queries]))[1:]
