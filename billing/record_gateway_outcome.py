"""Record what a payment gateway said: what it captured is posted in the same transaction, and once."""

from __future__ import annotations

from billing.context import Context
from billing.payment_gateway import GatewayAnswer
from billing.post_payment import PaymentRequest, post_payment
from ledger.errors import conflict, not_found
from ledger.gateway_payment import GatewayPayment
from storage import account_balances, gateway_payments
from storage.resource_rows import load
from storage.transaction import Transaction


async def record_gateway_outcome(
    tx: Transaction, context: Context, payment_id: str, answer: GatewayAnswer
) -> GatewayPayment:
    """The payment as it is now: who comes second finds it resolved. Nothing changes while the gateway is at work."""
    asked = await _read(tx, payment_id)
    await account_balances.lock(tx, [asked.account_id])
    # Whoever else resolves it has held the account until their commit.
    payment = await _read(tx, payment_id)
    if payment.status != "unknown":
        if answer.status == "captured" and payment.status != "captured":
            text = f"The gateway captured what it had said was {payment.status}; have it give the money back."
            raise conflict("gateway-outcome-differs", text)
        return payment
    match answer.status:
        case "pending":
            return payment
        case "captured":
            assert answer.reference is not None, "what is captured has a reference"
            await _post(tx, context, payment, answer.reference)
        case _:
            pass
    return gateway_payments.resolve(tx, payment, answer.status, answer.reference, answer.reason, tx.next_instant())


async def _read(tx: Transaction, payment_id: str) -> GatewayPayment:
    payment = await gateway_payments.read(tx, tx.tenant_id, payment_id)
    if payment is None:
        raise not_found("not-found", f"There is no gateway payment {payment_id}.")
    return payment


async def _post(tx: Transaction, context: Context, payment: GatewayPayment, reference: str) -> None:
    if await gateway_payments.id_of_reference(tx, reference) is not None:
        raise conflict("gateway-reference-taken", "The gateway gave the reference of another payment.")
    request = PaymentRequest(
        account_id=payment.account_id,
        amount=payment.amount,
        method=payment.method,
        reference=reference,
        payer=None if payment.payer is None else {"reference": payment.payer},
        invoice_ids=await _payable(tx, payment),
        payment_id=payment.id,
    )
    await post_payment(tx, context, request)


async def _payable(tx: Transaction, payment: GatewayPayment) -> tuple[str, ...]:
    """The invoices that still take money: it is here, so what was paid or cancelled meanwhile refuses nothing."""
    found = await load(tx, "Invoice", list(payment.invoice_ids)) if payment.invoice_ids else {}
    return tuple(
        invoice_id
        for invoice_id in payment.invoice_ids
        if invoice_id in found and getattr(found[invoice_id], "status", None) == "issued"
    )
