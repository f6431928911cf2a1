"""Subscriptions as the operator sees them: how far each is, what is wrong, and what waits in all."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from storage.pipeline import Statement
from storage.transaction import Database, Reader

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


class SubscriptionState(NamedTuple):
    """One subscription of a tenant, with what it asks for as its resource says it."""

    id: str
    status: str
    paused: bool
    criteria: str
    error: str | None
    channel_type: str
    endpoint: str | None
    payload: str | None
    payload_content: str | None
    last_number: int
    sent_number: int
    failures: int
    deliveries: int
    delivery_failures: int
    last_sent_at: datetime | None
    last_failed_at: datetime | None
    last_error: str | None
    oldest_waiting: datetime | None


# $2: these ids, $3: in these statuses, all where NULL; $4: behind this id
_STATES = Statement(
    "SELECT s.id, s.status, s.paused, r.criteria, r.error, r.channel_type, r.endpoint, r.payload, r.payload_content,"
    " s.last_number, s.sent_number, s.failures, s.deliveries, s.delivery_failures, s.last_sent_at, s.last_failed_at,"
    " s.last_error, (SELECT e.recorded_at FROM billing.subscription_event AS e WHERE e.tenant_id = s.tenant_id"
    " AND e.subscription_id = s.id AND e.number = s.sent_number + 1)"
    " FROM billing.subscription_state AS s"
    " JOIN billing.subscription AS r ON r.tenant_id = s.tenant_id AND r.id = s.id WHERE s.tenant_id = $1"
    " AND ($2::text[] IS NULL OR s.id = ANY ($2::text[])) AND ($3::text[] IS NULL OR s.status = ANY ($3::text[]))"
    " AND s.id > $4 ORDER BY s.id LIMIT $5::int"
)


async def states(
    reader: Reader,
    tenant_id: str,
    *,
    ids: Sequence[str] | None = None,
    statuses: Sequence[str] | None = None,
    after: str = "",
    limit: int = 1000,
) -> list[SubscriptionState]:
    """Subscriptions of a tenant in the order of their ids."""
    rows = await reader.read(
        tenant_id,
        _STATES,
        tenant_id,
        None if ids is None else list(ids),
        None if statuses is None else list(statuses),
        after,
        limit,
    )
    return [SubscriptionState(*row) for row in rows]
