"""Payments through a gateway: asked for outside of any transaction, and resolved until it is known what became of them.

Between two steps this process may die. What was written before the gateway is asked is resolved by asking it what it
did: by whoever repeats the request, by the resolve route, and by every server at each interval.
"""

from __future__ import annotations

import asyncio
import logging
import random
from dataclasses import replace
from datetime import timedelta

from billing.context import Context
from billing.payment_gateway import GatewayAnswer, GatewayUnclearError, PaymentGateway
from billing.record_gateway_outcome import record_gateway_outcome
from fhir_server.faults import log_fault
from fhir_server.settings import Settings, variable_of
from ledger.gateway_payment import GatewayPayment
from storage import gateway_payments, journal_blocks
from storage.tenants import read
from storage.transaction import Database, Transaction

log = logging.getLogger(__name__)

ACTOR = "gateway"
BATCH = 100


async def charge(
    database: Database, gateway: PaymentGateway, context: Context, payment: GatewayPayment, token: str
) -> GatewayPayment:
    """Ask for it and record what is said; it stays unknown where that is not clear. May be repeated."""
    try:
        answer = await gateway.charge(payment, token)
    except GatewayUnclearError as unclear:
        log.warning("the gateway payment %s is not resolved: %s", payment.id, unclear)
        return payment
    return await _record(database, context, payment, answer)


async def resolve(
    database: Database, gateway: PaymentGateway, context: Context, payment: GatewayPayment, settled_after: timedelta
) -> GatewayPayment:
    """Ask what became of it. One that the gateway never heard of is cancelled there once it is older than
    `settled_after`: before, the request for it may be on its way."""
    if payment.status != "unknown":
        return payment
    try:
        answer = await gateway.find(payment)
        if answer is None:
            if not await gateway_payments.is_older(database, context.tenant.id, payment.id, settled_after):
                return payment
            # It stays cancelled there, so a charge that is late after all is refused by the gateway.
            answer = await gateway.cancel(payment)
    except GatewayUnclearError as unclear:
        log.warning("the gateway payment %s is not resolved: %s", payment.id, unclear)
        return payment
    return await _record(database, context, payment, answer)


async def resolve_all(
    serving: Database,
    gateway: PaymentGateway,
    tenant_id: str,
    base_url: str,
    settled_after: timedelta,
) -> None:
    """Resolve what is unknown of a tenant and older than `settled_after`. One that fails holds up no other."""
    # As it is registered, licensed or not: money that was captured is posted, whoever leads the tenants and is away.
    tenant = await read(serving, tenant_id)
    if tenant is None:
        return
    context, after = Context(tenant, ACTOR, ACTOR, base_url), ""
    while found := await gateway_payments.unknown(serving, tenant_id, settled_after, after, BATCH):
        for payment in found:
            try:
                await resolve(serving, gateway, context, payment, settled_after)
            except Exception as fault:  # the next round tries again, whatever it was
                log_fault(fault, f"the gateway payment {payment.id} was not resolved")
        after = found[-1].id


async def keep_resolving(settings: Settings, serving: Database, gateway: PaymentGateway | None) -> None:
    """Resolve at each interval until cancelled. Several processes may: a payment is posted once all the same."""
    if gateway is None:
        return
    if not settings.worker_database_url:
        log.warning("%s is not set, so no gateway payment is resolved", variable_of("worker_database_url"))
        return
    while True:
        # Not all processes at one moment; it has nothing to do with secrets.
        await asyncio.sleep(settings.gateway_interval_seconds * random.uniform(0.5, 1.0))  # noqa: S311
        working = Database(settings.worker_database_url, size_max=1)
        try:
            await working.open()
            for tenant_id in await journal_blocks.tenant_ids(working):
                await resolve_all(serving, gateway, tenant_id, settings.base_url, settings.gateway_settled)
        except Exception as fault:  # the next round tries again, whatever it was
            log_fault(fault, "gateway payments were not resolved")
        finally:
            await working.close()


async def _record(
    database: Database, context: Context, payment: GatewayPayment, answer: GatewayAnswer
) -> GatewayPayment:
    # The idempotency key was of the request; the payment's own id stands for it from here on.
    recording = replace(context, one_time=True)

    async def attempt(tx: Transaction) -> GatewayPayment:
        return await record_gateway_outcome(tx, recording, payment.id, answer)

    return await database.run(context.tenant.id, context.actor, attempt)
