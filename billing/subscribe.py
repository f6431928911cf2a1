"""Subscribe to changes, and change or end that: what is asked for, how it is told, and by whose leave."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from billing.change import Change
from billing.context import Context
from billing.record_change import record_creation, record_update
from billing.server_owned import carry_over, check_status, refuse_on_creation
from billing.status_rules import NEW
from billing.subscription_channel import end_of, needs_handshake, refuse_channel
from ledger.subscription import Subscription
from mappers import mapper_for
from mappers.subscription_secrets import ChannelSecrets, take_secrets
from mappers.subscription_terms import Terms, terms_of
from storage import subscription_secrets, subscriptions
from storage.transaction import Transaction

KEY_OVERLAP = timedelta(hours=24)
"""How long an exchanged key signs beside the new one."""

REQUESTED, ACTIVE, FAILED, OFF = "requested", "active", "error", "off"

# What a subscriber asked for and where it is told: whoever changes any of it has to prove the endpoint anew.
_ASKED = ("criteria", "channel_type", "endpoint", "payload", "payload_content")


async def subscribe(
    tx: Transaction, context: Context, resource_id: str, document: dict[str, Any], *, base_version: int = 0
) -> Change:
    """Create a subscription from a valid document."""
    now = await tx.read_clock()
    secrets = take_secrets(document)
    subscription: Subscription = mapper_for("Subscription").parse(document, id=resource_id, base_url=context.base_url)
    refuse_on_creation(subscription)
    await check_status(tx, subscription, NEW, subscription.status)
    terms = _checked(context, subscription, document, tx)
    subscription.status = OFF if subscription.status == OFF else _first_status(subscription, terms)
    revision = await subscriptions.register(tx)
    change = record_creation(tx, subscription, base_version=base_version)
    # What follows refers to the row that is only queued: it travels behind it.
    due_at = now if subscription.status == REQUESTED else None
    subscriptions.insert(
        tx,
        subscription.id,
        revision=revision,
        status=subscription.status,
        scopes=context.scopes,
        ends_at=_end_still_to_come(subscription),
        due_at=due_at,
    )
    subscription_secrets.insert(tx, subscription.id, secrets.headers, secrets.signing_key)
    return change


async def change_subscription(
    tx: Transaction, context: Context, document: dict[str, Any], previous: Subscription
) -> Change:
    """Update a subscription, the row of which is locked, from a valid document."""
    kept = await subscription_secrets.read(tx, previous.id)
    secrets = take_secrets(document, ChannelSecrets(tuple(kept.headers), kept.signing_key))
    subscription: Subscription = mapper_for("Subscription").parse(document, id=previous.id, base_url=context.base_url)
    await carry_over(tx, subscription, previous)
    await check_status(tx, subscription, previous.status, subscription.status)
    terms = _checked(context, subscription, document, tx)
    is_same = secrets.headers == tuple(kept.headers) and not _asks_otherwise(subscription, previous)
    restarts = _restarts(subscription.status, previous.status, is_same=is_same)
    if restarts:
        subscription.status, subscription.error = _first_status(subscription, terms), None
    elif subscription.status == ACTIVE:
        subscription.status = previous.status
    elif subscription.status == OFF:
        subscription.error = None
    revision = await subscriptions.register(tx)
    state = await subscriptions.lock_state(tx, previous.id)
    change = record_update(tx, subscription, previous)
    has_work = restarts and (subscription.status == REQUESTED or state.last_number > state.sent_number)
    subscriptions.change(
        tx,
        previous.id,
        revision=revision,
        status=subscription.status,
        scopes=context.scopes,
        ends_at=_end_still_to_come(subscription),
        due_at=_due_at(tx, subscription, state, restarts=restarts, has_work=has_work),
        begins_anew=previous.status == OFF and subscription.status != OFF,
        forgets_failures=restarts,
    )
    until = tx.now + KEY_OVERLAP
    subscription_secrets.change(tx, previous.id, secrets.headers, secrets.signing_key, earlier_key_until=until)
    return change


def _checked(context: Context, subscription: Subscription, document: dict[str, Any], tx: Transaction) -> Terms:
    """The terms, once everything about them and the channel is fine and the token may read what will be told."""
    terms = terms_of(subscription, base_url=context.base_url, now=tx.now)
    refuse_channel(subscription, document, terms, context.endpoints, tx.now)
    for resource_type in terms.resource_types:
        context.require(resource_type, "r")
    return terms


def _first_status(subscription: Subscription, terms: Terms) -> str:
    return REQUESTED if needs_handshake(subscription, terms) else ACTIVE


def _asks_otherwise(subscription: Subscription, previous: Subscription) -> bool:
    filters = [each.indexed("filter-criteria") for each in (subscription, previous)]
    return filters[0] != filters[1] or any(getattr(subscription, name) != getattr(previous, name) for name in _ASKED)


def _restarts(sent: str, before: str, *, is_same: bool) -> bool:
    match sent:
        case "requested":
            return True
        case "active":
            return before in {FAILED, OFF} or not is_same
        case _:
            return False


def _due_at(
    tx: Transaction, subscription: Subscription, state: subscriptions.DeliveryState, *, restarts: bool, has_work: bool
) -> Any:
    if subscription.channel_type != "rest-hook" or subscription.status in {FAILED, OFF}:
        return None
    if restarts:
        return tx.now if has_work or subscription.heartbeat_seconds else None
    return state.due_at if state.due_at is not None or not subscription.heartbeat_seconds else tx.now


def _end_still_to_come(subscription: Subscription) -> Any:
    return None if subscription.status == OFF else end_of(subscription)
