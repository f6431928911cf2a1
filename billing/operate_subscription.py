"""What the operator does with a subscription: hold it, let it go on, send again from a number. The log says who did."""

from __future__ import annotations

from billing.context import Context
from billing.subscription_channel import needs_handshake
from billing.subscription_status import tell_status
from ledger.errors import invalid, not_found
from ledger.subscription import Subscription
from mappers.subscription_terms import terms_of
from storage import subscription_delivery, subscriptions
from storage.resource_rows import lock_and_load
from storage.subscriptions import DeliveryState
from storage.transaction import Transaction


async def pause_subscription(tx: Transaction, subscription_id: str) -> None:
    """Send nothing until it is resumed; events go on being numbered."""
    await _locked(tx, subscription_id)
    subscriptions.pause(tx, subscription_id)
    subscription_delivery.log(tx, subscription_id, "paused", tx.actor)


async def resume_subscription(tx: Transaction, context: Context, subscription_id: str) -> None:
    """Go on with what was not sent; one in error is started again, as by a PUT with requested."""
    subscription, _ = await _locked(tx, subscription_id)
    subscriptions.resume(tx, subscription_id)
    subscription_delivery.log(tx, subscription_id, "resumed", tx.actor)
    if subscription.status == "error":
        terms = terms_of(subscription, base_url=context.base_url, now=tx.now)
        await tell_status(tx, subscription_id, "requested" if needs_handshake(subscription, terms) else "active")


async def replay_subscription(tx: Transaction, subscription_id: str, first: int) -> int:
    """Send again from an event, or go on behind those before it; how many there are to send now."""
    _, state = await _locked(tx, subscription_id)
    if not 1 <= first <= state.last_number + 1:
        message = f"The events have the numbers 1 to {state.last_number}; say from which of them."
        raise invalid("event-number", message, issue="value")
    subscriptions.replay(tx, subscription_id, first)
    subscription_delivery.log(tx, subscription_id, "replayed", f"{tx.actor}, from {first}")
    return state.last_number - first + 1


async def _locked(tx: Transaction, subscription_id: str) -> tuple[Subscription, DeliveryState]:
    await tx.read_clock()
    found = (await lock_and_load(tx, "Subscription", [subscription_id])).get(subscription_id)
    if not isinstance(found, Subscription):
        raise not_found("not-found", f"There is no Subscription/{subscription_id}.")
    return found, await subscriptions.lock_state(tx, subscription_id)
