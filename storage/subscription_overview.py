"""Subscriptions as the operator sees them: how far each is, what is wrong, and what waits in all."""

from __future__ import annotations

from typing import NamedTuple

from storage.pipeline import Statement
from storage.transaction import Database

_BACKLOG = Statement(
    "SELECT (SELECT count(*) FROM billing.outbox_queue), coalesce(sum(s.last_number - s.sent_number), 0)::bigint,"
    " count(*) FILTER (WHERE s.status = 'error'),"
    " coalesce(extract(epoch FROM statement_timestamp() - (SELECT min(e.recorded_at)"
    " FROM billing.subscription_state AS p JOIN billing.subscription_event AS e ON e.tenant_id = p.tenant_id"
    " AND e.subscription_id = p.id AND e.number = p.sent_number + 1 WHERE p.last_number > p.sent_number"
    " AND p.status <> 'off')), 0)::float8"
    " FROM billing.subscription_state AS s WHERE s.status <> 'off'"
)


class Backlog(NamedTuple):
    """Of all tenants: changes not matched, events not sent, subscriptions in error, the oldest event not sent."""

    queued: int
    pending: int
    in_error: int
    lag_seconds: float


async def backlog(database: Database) -> Backlog:
    return Backlog(*(await database.read("", _BACKLOG))[0])
