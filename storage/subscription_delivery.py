"""What is to be sent to a subscriber, and how far that has come. Who sends holds the subscription's session lock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from storage.pipeline import Statement
from storage.transaction import Database, Reader, Transaction

AHEAD = 100
"""How many events are read for a subscriber at least, where there are so many, whatever fits into a notification."""

AHEAD_BYTES_MAX = 1024 * 1024
"""Of content, as it is stored: nothing more is read behind it."""

_DUE = Statement(
    "SELECT s.tenant_id, s.id, r.endpoint, s.failures FROM billing.subscription_state AS s"
    " JOIN billing.subscription AS r ON r.tenant_id = s.tenant_id AND r.id = s.id"
    " WHERE s.due_at <= statement_timestamp() AND r.endpoint IS NOT NULL"
    " AND NOT EXISTS (SELECT FROM unnest($2::text[], $3::text[]) AS b(t, i)"
    " WHERE b.t = s.tenant_id AND b.i = s.id) ORDER BY s.due_at LIMIT $1::int"
)
_ENDED = Statement(
    "SELECT tenant_id, id FROM billing.subscription_state WHERE ends_at <= statement_timestamp() LIMIT 100"
)
_WORK = Statement(
    "SELECT s.id, s.revision, s.status, s.paused, s.due_at <= statement_timestamp(), s.last_number, s.sent_number,"
    " s.failures,"
    " r.criteria, r.channel_type, r.endpoint, r.payload, r.payload_content, r.heartbeat_seconds, r.timeout_seconds,"
    " r.max_count, k.headers, k.signing_key,"
    " CASE WHEN k.earlier_key_until > statement_timestamp() THEN k.earlier_key END, statement_timestamp()"
    " FROM billing.subscription_state AS s"
    " JOIN billing.subscription AS r ON r.tenant_id = s.tenant_id AND r.id = s.id"
    " JOIN billing.subscription_secret AS k ON k.tenant_id = s.tenant_id AND k.id = s.id"
    " WHERE s.tenant_id = $1 AND s.id = ANY ($2::text[])"
)
_COLUMNS = "e.number, e.resource_type, e.resource_id, e.version, e.recorded_at, v.interaction"
_JOIN = (
    "JOIN billing.resource_versions AS v ON v.tenant_id = e.tenant_id AND v.resource_type = e.resource_type"
    " AND v.id = e.resource_id AND v.version = e.version"
)
_EVENTS = Statement(
    f"SELECT {_COLUMNS}, CASE WHEN $5::boolean THEN v.content END FROM billing.subscription_event AS e {_JOIN}"
    " WHERE e.tenant_id = $1 AND e.subscription_id = $2 AND e.number >= $3::bigint"
    " AND e.number <= $4::bigint ORDER BY e.number LIMIT $6::int"
)
# What comes next for subscribers, with the content where that is what is sent.
_PENDING = Statement(
    "SELECT w.id, p.number, p.resource_type, p.resource_id, p.version, p.recorded_at, p.interaction, p.content"
    " FROM unnest($2::text[]) AS w(id)"
    " JOIN billing.subscription_state AS s ON s.tenant_id = $1 AND s.id = w.id"
    " JOIN billing.subscription AS r ON r.tenant_id = $1 AND r.id = w.id"
    " CROSS JOIN LATERAL (SELECT n.*, sum(pg_column_size(n.content))"
    " OVER (ORDER BY n.number ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS bytes_before FROM"
    f" (SELECT {_COLUMNS}, CASE WHEN r.payload IS NOT NULL AND coalesce(r.payload_content, 'full-resource') ="
    f" 'full-resource' THEN v.content END AS content FROM billing.subscription_event AS e {_JOIN}"
    " WHERE e.tenant_id = $1 AND e.subscription_id = w.id AND e.number > s.sent_number ORDER BY e.number"
    " LIMIT greatest(r.max_count, $3::int)) AS n) AS p"
    " WHERE coalesce(p.bytes_before, 0) < $4::bigint ORDER BY w.id, p.number"
)
# Sending once more what was sent is allowed, losing the memory of it in a crash is therefore too: no wait for the disk.
_CARELESS = Statement("SELECT set_config('synchronous_commit', 'off', true)")
# Who sent stands where it began, unless the operator had it begin elsewhere meanwhile. All rows in the order of their
# ids, as they are numbered, too: so nobody waits in a ring.
_SENT = Statement(
    "UPDATE billing.subscription_state AS s SET"
    " sent_number = CASE WHEN s.sent_number = m.begin THEN m.number ELSE s.sent_number END, failures = 0,"
    " deliveries = s.deliveries + m.deliveries,"
    " last_sent_at = CASE WHEN m.deliveries > 0 THEN statement_timestamp() ELSE s.last_sent_at END,"
    " due_at = CASE WHEN s.paused OR s.status NOT IN ('requested', 'active') THEN NULL"
    " WHEN s.last_number > CASE WHEN s.sent_number = m.begin THEN m.number ELSE s.sent_number END"
    " THEN statement_timestamp()"
    " WHEN m.heartbeat_seconds > 0 THEN statement_timestamp() + make_interval(secs => m.heartbeat_seconds) END"
    " FROM (SELECT w.* FROM unnest($2::text[], $3::bigint[], $4::bigint[], $5::int[], $6::int[])"
    " AS w(id, begin, number, deliveries, heartbeat_seconds)"
    " JOIN billing.subscription_state AS x ON x.tenant_id = $1 AND x.id = w.id ORDER BY x.id FOR NO KEY UPDATE OF x)"
    " AS m WHERE s.tenant_id = $1 AND s.id = m.id RETURNING s.id, s.due_at <= statement_timestamp()"
)
# Over a websocket nothing is ever due: who listens is told when there is something.
_SENT_OVER_SOCKET = Statement(
    "UPDATE billing.subscription_state SET sent_number = greatest(sent_number, $3::bigint),"
    " deliveries = deliveries + 1, last_sent_at = statement_timestamp() WHERE tenant_id = $1 AND id = $2"
)
_FAILED = Statement(
    "UPDATE billing.subscription_state AS s SET failures = s.failures + 1,"
    " delivery_failures = s.delivery_failures + 1, last_failed_at = statement_timestamp(), last_error = $3,"
    " due_at = CASE WHEN s.paused OR s.status NOT IN ('requested', 'active') THEN NULL"
    " ELSE statement_timestamp() + make_interval(secs => $4::float8) END"
    " WHERE s.tenant_id = $1 AND s.id = $2"
)
_STATUS = Statement(
    "UPDATE billing.subscription_state AS s SET status = $3, revision = $4::bigint, failures = 0,"
    " due_at = CASE WHEN s.paused OR $3 NOT IN ('requested', 'active') THEN NULL"
    " WHEN $3 = 'requested' OR s.last_number > s.sent_number OR $5::boolean"
    " THEN statement_timestamp() END, ends_at = CASE WHEN $3 = 'off' THEN NULL ELSE s.ends_at END"
    " WHERE s.tenant_id = $1 AND s.id = $2"
)
_LOG = Statement(
    "INSERT INTO billing.subscription_log (tenant_id, subscription_id, at, what, number, detail)"
    " SELECT s.tenant_id, s.id, clock_timestamp(), $3, s.sent_number, $4 FROM billing.subscription_state AS s"
    " WHERE s.tenant_id = $1 AND s.id = $2 ON CONFLICT DO NOTHING"
)
_FORGET_EVENTS = Statement(
    "DELETE FROM billing.subscription_event AS e USING billing.subscription_state AS s WHERE s.tenant_id = e.tenant_id"
    " AND s.id = e.subscription_id AND e.recorded_at < statement_timestamp() - make_interval(days => $1::int)"
    " AND (e.number <= s.sent_number OR s.status = 'off')"
)
_FORGET_LOG = Statement(
    "DELETE FROM billing.subscription_log WHERE at < statement_timestamp() - make_interval(days => $1::int)"
)


class DueSubscription(NamedTuple):
    """Somebody to send to, and where; `failures` in a row so far."""

    tenant_id: str
    id: str
    endpoint: str
    failures: int


class EndedSubscription(NamedTuple):
    tenant_id: str
    id: str


class Work(NamedTuple):
    """A subscription as far as sending goes. `is_due`: NULL where nothing is to be sent."""

    revision: int
    status: str
    paused: bool
    is_due: bool | None
    last_number: int
    sent_number: int
    failures: int
    criteria: str
    channel_type: str
    endpoint: str | None
    payload: str | None
    payload_content: str | None
    heartbeat_seconds: int | None
    timeout_seconds: int | None
    max_count: int | None
    headers: Sequence[str]
    signing_key: str | None
    earlier_key: str | None
    now: datetime


class Sent(NamedTuple):
    """What a subscriber has taken: the events behind `begin` up to `number`, in so many deliveries."""

    id: str
    begin: int
    number: int
    deliveries: int
    heartbeat_seconds: int


class StoredEvent(NamedTuple):
    """An event with the version that it is about; `content` is None where it is not wanted or was deleted."""

    number: int
    resource_type: str
    resource_id: str
    version: int
    recorded_at: datetime
    interaction: str
    content: str | None


async def due(database: Database, limit: int, busy: Sequence[tuple[str, str]]) -> list[DueSubscription]:
    """Those that are due, but for those that are being sent to: however many of these wait, they hide no other."""
    tenants, ids = [each[0] for each in busy], [each[1] for each in busy]
    return [DueSubscription(*row) for row in await database.read("", _DUE, limit, tenants, ids)]


async def ended(database: Database) -> list[EndedSubscription]:
    """Those whose end has passed."""
    return [EndedSubscription(*row) for row in await database.read("", _ENDED)]


async def read_work(
    database: Database, tenant_id: str, ids: Sequence[str]
) -> dict[str, tuple[Work, list[StoredEvent]]]:
    """Subscriptions of a tenant that are there, each with the next events, maybe more than it takes at once."""
    key = (tenant_id, list(ids))
    rows, events = await database.read_all(tenant_id, [(_WORK, key), (_PENDING, (*key, AHEAD, AHEAD_BYTES_MAX))])
    found: dict[str, tuple[Work, list[StoredEvent]]] = {row[0]: (Work(*row[1:]), []) for row in rows}
    for subscription_id, *event in events:
        if subscription_id in found:
            found[subscription_id][1].append(StoredEvent(*event))
    return found


async def read_subscription(database: Database, tenant_id: str, subscription_id: str) -> Work | None:
    """A subscription alone."""
    rows = await database.read(tenant_id, _WORK, tenant_id, [subscription_id])
    return Work(*rows[0][1:]) if rows else None


async def read_events(
    reader: Reader,
    tenant_id: str,
    subscription_id: str,
    first: int,
    last: int,
    *,
    limit: int,
    with_content: bool,
) -> list[StoredEvent]:
    """The events from a number to a number, in order."""
    rows = await reader.read(tenant_id, _EVENTS, tenant_id, subscription_id, first, last, with_content, limit)
    return [StoredEvent(*row) for row in rows]


async def mark_sent(database: Database, tenant_id: str, sent: Sequence[Sent]) -> set[str]:
    """Remember what subscribers of a tenant have taken; to which of them there is more to send."""
    parameters = (tenant_id, *(list(column) for column in zip(*sent, strict=True)))
    results = await database.read_all(tenant_id, [(_CARELESS, ()), (_SENT, parameters)])
    return {subscription_id for subscription_id, is_due in results[1] if is_due}


async def mark_sent_over_socket(database: Database, tenant_id: str, subscription_id: str, number: int) -> None:
    await database.read_all(tenant_id, [(_CARELESS, ()), (_SENT_OVER_SOCKET, (tenant_id, subscription_id, number))])


def mark_sent_before_failure(tx: Transaction, sent: Sent) -> None:
    """The same in the transaction that says what was not taken."""
    tx.send(_SENT, tx.tenant_id, *([value] for value in sent))


def mark_failed(tx: Transaction, subscription_id: str, error: str, retry_seconds: float) -> None:
    tx.send(_FAILED, tx.tenant_id, subscription_id, error, str(retry_seconds))


def mark_status(tx: Transaction, subscription_id: str, status: str, revision: int, *, heartbeats: bool) -> None:
    tx.send(_STATUS, tx.tenant_id, subscription_id, status, revision, heartbeats)


def log(tx: Transaction, subscription_id: str, what: str, detail: str) -> None:
    tx.send(_LOG, tx.tenant_id, subscription_id, what, detail)


async def forget(database: Database, days: int) -> None:
    """Drop events that were sent, and log entries, when they are older than that."""
    parameters: Sequence[Any] = (days,)
    await database.read_all("", [(_FORGET_EVENTS, parameters), (_FORGET_LOG, parameters)])
