"""What a subscription has beside its resource: how far it was told, and the registry that says when one has changed."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from storage.pipeline import Statement
from storage.transaction import Transaction

# Changes are dated later than their transaction began: what is dated before the oldest open one has been committed.
_HORIZON = (
    "least((SELECT min(a.xact_start) FROM pg_stat_activity AS a WHERE a.datname = current_database()"
    " AND a.usename = current_user AND a.pid <> pg_backend_pid()), statement_timestamp())"
)

_REGISTER = Statement(
    "INSERT INTO billing.subscription_registry AS r (tenant_id, revision) VALUES ($1, 1)"
    " ON CONFLICT (tenant_id) DO UPDATE SET revision = r.revision + 1 RETURNING revision"
)
_ADVANCE = Statement(
    "UPDATE billing.subscription_registry SET revision = revision + 1 WHERE tenant_id = $1 RETURNING revision"
)
_INSERT = Statement(
    "INSERT INTO billing.subscription_state (tenant_id, id, revision, status, owner, scopes, since, ends_at, due_at)"
    f" VALUES ($1, $2, $3::bigint, $4, $5, $6, {_HORIZON}, $7::timestamptz, $8::timestamptz)"
)
# $8: it begins anew, so that what was done while it was off is not sent.
_CHANGE = Statement(
    "UPDATE billing.subscription_state SET revision = $3::bigint, status = $4, owner = $5, scopes = $6,"
    " ends_at = $7::timestamptz,"
    f" since = CASE WHEN $8::boolean THEN {_HORIZON} ELSE since END,"
    " due_at = CASE WHEN paused THEN NULL ELSE $9::timestamptz END,"
    " failures = CASE WHEN $10::boolean THEN 0 ELSE failures END"
    " WHERE tenant_id = $1 AND id = $2"
)
_STATE = Statement(
    "SELECT revision, status, paused, due_at, last_number, sent_number FROM billing.subscription_state"
    " WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE"
)


_PAUSE = Statement(
    "UPDATE billing.subscription_state SET paused = true, due_at = NULL WHERE tenant_id = $1 AND id = $2"
)
_DUE_NOW = (
    "CASE WHEN s.status IN ('requested', 'active') AND r.channel_type = 'rest-hook' THEN statement_timestamp() END"
)
_RESUME = Statement(
    f"UPDATE billing.subscription_state AS s SET paused = false, failures = 0, due_at = {_DUE_NOW}"
    " FROM billing.subscription AS r"
    " WHERE s.tenant_id = $1 AND s.id = $2 AND r.tenant_id = s.tenant_id AND r.id = s.id"
)
_REPLAY = Statement(
    "UPDATE billing.subscription_state AS s SET sent_number = $3::bigint - 1, failures = 0,"
    f" due_at = CASE WHEN s.paused THEN NULL ELSE {_DUE_NOW} END FROM billing.subscription AS r"
    " WHERE s.tenant_id = $1 AND s.id = $2 AND r.tenant_id = s.tenant_id AND r.id = s.id"
)


class DeliveryState(NamedTuple):
    """How far a subscription was told; its row is locked."""

    revision: int
    status: str
    paused: bool
    due_at: datetime | None
    last_number: int
    sent_number: int


async def register(tx: Transaction) -> int:
    """Say that a subscription of the tenant changes: the number of the change. Others wait until it is committed."""
    tx.holds_locks = True
    tx.tells_subscribers = True
    return int((await tx.fetch(_REGISTER, tx.tenant_id))[0][0])


async def advance(tx: Transaction) -> int:
    """The same where there is a subscription already, as the dispatcher may do it."""
    return int((await tx.fetch(_ADVANCE, tx.tenant_id))[0][0])


def insert(
    tx: Transaction,
    subscription_id: str,
    *,
    revision: int,
    status: str,
    scopes: str,
    ends_at: datetime | None,
    due_at: datetime | None,
) -> None:
    tx.send(_INSERT, tx.tenant_id, subscription_id, revision, status, tx.actor, scopes, ends_at, due_at)


async def lock_state(tx: Transaction, subscription_id: str) -> DeliveryState:
    return DeliveryState(*(await tx.fetch(_STATE, tx.tenant_id, subscription_id))[0])


def change(
    tx: Transaction,
    subscription_id: str,
    *,
    revision: int,
    status: str,
    scopes: str,
    ends_at: datetime | None,
    due_at: datetime | None,
    begins_anew: bool,
    forgets_failures: bool,
) -> None:
    tx.send(
        _CHANGE,
        tx.tenant_id,
        subscription_id,
        revision,
        status,
        tx.actor,
        scopes,
        ends_at,
        begins_anew,
        due_at,
        forgets_failures,
    )


def pause(tx: Transaction, subscription_id: str) -> None:
    tx.tells_subscribers = True
    tx.send(_PAUSE, tx.tenant_id, subscription_id)


def resume(tx: Transaction, subscription_id: str) -> None:
    tx.tells_subscribers = True
    tx.send(_RESUME, tx.tenant_id, subscription_id)


def replay(tx: Transaction, subscription_id: str, first: int) -> None:
    tx.tells_subscribers = True
    tx.send(_REPLAY, tx.tenant_id, subscription_id, first)
