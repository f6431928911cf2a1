"""Taking changes off the queue and numbering the events that came of them, one dispatcher at a time for each tenant.

The rows that are there are taken, whatever their dates or transactions: a change that is committed late is a row that
appears late. Which subscriptions there are is asked after the rows were read, so that none is missed that was committed
before one of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from storage.pipeline import Statement
from storage.resource_rows import rows_of
from storage.subscription_delivery import DueSubscription
from storage.transaction import Database, Transaction

FORGOTTEN_AT_ONCE = 10_000

_TENANTS = Statement(
    "WITH RECURSIVE t AS ((SELECT tenant_id FROM billing.outbox_queue ORDER BY tenant_id LIMIT 1) UNION ALL"
    " SELECT (SELECT n.tenant_id FROM billing.outbox_queue AS n WHERE n.tenant_id > t.tenant_id"
    " ORDER BY n.tenant_id LIMIT 1) FROM t WHERE t.tenant_id IS NOT NULL)"
    " SELECT tenant_id FROM t WHERE tenant_id IS NOT NULL"
)
_LOCK = Statement("SELECT pg_try_advisory_xact_lock($1::bigint)")
_CLAIM = Statement(
    "SELECT resource_type, id, version, events, recorded_at FROM billing.outbox_queue WHERE tenant_id = $1"
    " ORDER BY recorded_at, resource_type, id, version LIMIT $2::int"
)
_REVISION = Statement("SELECT revision FROM billing.subscription_registry WHERE tenant_id = $1")
_KNOWN = Statement("SELECT id, revision, status, since FROM billing.subscription_state WHERE tenant_id = $1")
_CONTENTS = Statement(
    "SELECT v.resource_type, v.id, v.version, v.content, v.last_updated FROM billing.resource_versions AS v"
    " JOIN unnest($2::text[], $3::text[], $4::int[]) AS w(resource_type, id, version)"
    " ON v.resource_type = w.resource_type AND v.id = w.id AND v.version = w.version WHERE v.tenant_id = $1"
)
# An event is due at once where nothing failed before it, and not before what failed is tried again. The rows are locked
# in the order of their ids, as those are that were sent to.
_NUMBER = Statement(
    "UPDATE billing.subscription_state AS s SET last_number = s.last_number + n.count,"
    " due_at = CASE WHEN s.paused OR s.status NOT IN ('requested', 'active') OR n.channel_type <> 'rest-hook'"
    " THEN s.due_at WHEN s.failures > 0 AND s.due_at IS NOT NULL THEN s.due_at ELSE statement_timestamp() END"
    " FROM (SELECT w.id, w.count, r.channel_type, r.endpoint FROM unnest($2::text[], $3::bigint[]) AS w(id, count)"
    " JOIN billing.subscription_state AS x ON x.tenant_id = $1 AND x.id = w.id"
    " JOIN billing.subscription AS r ON r.tenant_id = $1 AND r.id = w.id ORDER BY x.id FOR NO KEY UPDATE OF x) AS n"
    " WHERE s.tenant_id = $1 AND s.id = n.id"
    " RETURNING s.id, s.last_number - n.count, n.channel_type, n.endpoint, s.failures,"
    " s.due_at <= statement_timestamp()"
)
_INSERT_EVENTS = Statement(
    "INSERT INTO billing.subscription_event"
    " (tenant_id, subscription_id, number, resource_type, resource_id, version, recorded_at)"
    " SELECT $1, e.* FROM unnest($2::text[], $3::bigint[], $4::text[], $5::text[], $6::int[], $7::timestamptz[]) AS e"
)
_TAKE_AWAY = Statement(
    "DELETE FROM billing.outbox_queue AS q USING unnest($2::timestamptz[], $3::text[], $4::text[], $5::int[])"
    " AS d(recorded_at, resource_type, id, version) WHERE q.tenant_id = $1 AND q.recorded_at = d.recorded_at"
    " AND q.resource_type = d.resource_type AND q.id = d.id AND q.version = d.version"
)
# Nobody can subscribe to what is so old: a subscription is told of what comes after it, or was not committed then.
_FORGET = Statement(
    "DELETE FROM billing.outbox_queue AS q"
    " USING (SELECT o.recorded_at, o.resource_type, o.id, o.version FROM billing.outbox_queue AS o"
    " WHERE o.tenant_id = $1 AND o.recorded_at < statement_timestamp() - make_interval(secs => $2::float8)"
    " AND NOT EXISTS (SELECT FROM billing.subscription_state AS s WHERE s.tenant_id = $1 AND s.status <> 'off')"
    " ORDER BY o.recorded_at LIMIT $3::int) AS d WHERE q.tenant_id = $1 AND q.recorded_at = d.recorded_at"
    " AND q.resource_type = d.resource_type AND q.id = d.id AND q.version = d.version RETURNING 1"
)
_WAITING = Statement(
    "SELECT count(*), coalesce(extract(epoch FROM statement_timestamp() - min(recorded_at)), 0)::float8"
    " FROM billing.outbox_queue"
)
_TELL_SOCKETS = Statement("SELECT pg_notify('billing_sockets', $1 || ' ' || w.id) FROM unnest($2::text[]) AS w(id)")


class Waiting(NamedTuple):
    """Of all tenants: changes that no dispatcher has matched yet, and the age of the oldest."""

    changes: int
    oldest_seconds: float


class QueuedChange(NamedTuple):
    resource_type: str
    id: str
    version: int
    events: Sequence[str]
    recorded_at: datetime


class KnownSubscription(NamedTuple):
    id: str
    revision: int
    status: str
    since: datetime


class Content(NamedTuple):
    """A version; `content` is None where it is the deletion."""

    resource_type: str
    id: str
    version: int
    content: str | None
    last_updated: datetime


class NumberedEvent(NamedTuple):
    subscription_id: str
    number: int
    change: QueuedChange


class Told(NamedTuple):
    """Who got events: those to send to, and the ids of those over websockets."""

    due: list[DueSubscription]
    sockets: list[str]


async def tenants_with_changes(database: Database) -> list[str]:
    return [row[0] for row in await database.read("", _TENANTS)]


async def waiting(database: Database) -> Waiting:
    return Waiting(*(await database.read("", _WAITING))[0])


async def forget_unwanted(database: Database, tenant_id: str, older_than_seconds: float) -> int:
    """Take away changes of a tenant without subscriptions; how many there were."""
    found = 0
    while True:
        rows = await database.read(tenant_id, _FORGET, tenant_id, str(older_than_seconds), FORGOTTEN_AT_ONCE)
        found += len(rows)
        if len(rows) < FORGOTTEN_AT_ONCE:
            return found


async def claim(tx: Transaction, limit: int) -> tuple[list[QueuedChange], int] | None:
    """Changes of the transaction's tenant in the order in which they were made, and the registry's revision after that.

    None: another dispatcher is at this tenant.
    """
    locked, rows, revision = await tx.fetch_all(
        [
            (_LOCK, (_number(tx.tenant_id),)),
            (_CLAIM, (tx.tenant_id, limit)),
            (_REVISION, (tx.tenant_id,)),
        ]
    )
    if not locked[0][0]:
        return None
    return [QueuedChange(*row) for row in rows], revision[0][0] if revision else 0


async def known(tx: Transaction) -> list[KnownSubscription]:
    return [KnownSubscription(*row) for row in await tx.fetch(_KNOWN, tx.tenant_id)]


async def load_subscriptions(tx: Transaction, ids: Sequence[str]) -> dict[str, Any]:
    """Their records; read once more after the state, so they are as new as it at least."""
    rows = rows_of("Subscription")
    return rows.records(await tx.fetch_all(rows.queries(tx.tenant_id, ids))) if ids else {}


async def contents(tx: Transaction, versions: Sequence[tuple[str, str, int]]) -> list[Content]:
    if not versions:
        return []
    types, ids, numbers = zip(*versions, strict=True)
    return [Content(*row) for row in await tx.fetch(_CONTENTS, tx.tenant_id, types, ids, numbers)]


async def number_events(tx: Transaction, matches: dict[str, list[QueuedChange]]) -> tuple[list[NumberedEvent], Told]:
    """Give each subscription's changes its next numbers; and who is to be told now.

    A subscription that was deleted meanwhile gets none.
    """
    if not matches:
        return [], Told([], [])
    ids = sorted(matches)
    rows = sorted(await tx.fetch(_NUMBER, tx.tenant_id, ids, [len(matches[each]) for each in ids]))
    numbered = [
        NumberedEvent(subscription_id, before + at, change)
        for subscription_id, before, *_ in rows
        for at, change in enumerate(matches[subscription_id], 1)
    ]
    sockets = [id_ for id_, _, channel_type, *_ in rows if channel_type == "websocket"]
    due = [
        DueSubscription(tx.tenant_id, id_, endpoint, failures)
        for id_, _, _, endpoint, failures, is_due in rows
        if is_due and endpoint is not None
    ]
    return numbered, Told(due, sockets)


def insert_events(tx: Transaction, events: Sequence[NumberedEvent], sockets: Sequence[str]) -> None:
    if events:
        tx.send(
            _INSERT_EVENTS,
            tx.tenant_id,
            [event.subscription_id for event in events],
            [event.number for event in events],
            [event.change.resource_type for event in events],
            [event.change.id for event in events],
            [event.change.version for event in events],
            [event.change.recorded_at for event in events],
        )
    if sockets:
        tx.send(_TELL_SOCKETS, tx.tenant_id, list(sockets))


def take_away(tx: Transaction, changes: Sequence[QueuedChange]) -> None:
    if changes:
        tx.send(
            _TAKE_AWAY,
            tx.tenant_id,
            [change.recorded_at for change in changes],
            [change.resource_type for change in changes],
            [change.id for change in changes],
            [change.version for change in changes],
        )


def _number(tenant_id: str) -> int:
    digest = hashlib.sha256(f"subscriptions of {tenant_id}".encode()).digest()
    return int.from_bytes(digest[:8], signed=True)
