"""What the server says of a subscription: that its endpoint answered, that deliveries fail, that its end has passed."""

from __future__ import annotations

from copy import copy

from billing.change import Change
from billing.record_change import record_update
from ledger.subscription import Subscription
from storage import subscription_delivery, subscriptions
from storage.resource_rows import lock_and_load
from storage.transaction import Transaction


async def tell_status(
    tx: Transaction, subscription_id: str, status: str, *, reason: str | None = None, at_revision: int | None = None
) -> Change | None:
    """Give a subscription a status, with the reason of an error.

    None where it is gone, has the status, or was changed since `at_revision`: then what the client said stands.
    """
    await tx.read_clock()
    previous = (await lock_and_load(tx, "Subscription", [subscription_id])).get(subscription_id)
    if not isinstance(previous, Subscription) or previous.status == status:
        return None
    state = await subscriptions.lock_state(tx, subscription_id)
    if at_revision is not None and state.revision != at_revision:
        return None
    revision = await subscriptions.advance(tx)
    subscription = copy(previous)
    subscription.status, subscription.error = status, reason
    change = record_update(tx, subscription, previous)
    heartbeats = bool(subscription.heartbeat_seconds)
    subscription_delivery.mark_status(tx, subscription_id, status, revision, heartbeats=heartbeats)
    subscription_delivery.log(tx, subscription_id, status, reason or "")
    return change
