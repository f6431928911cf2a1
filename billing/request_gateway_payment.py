"""Write down what a payment gateway is going to be asked for, before it is asked: so that it cannot be forgotten."""

from __future__ import annotations

from billing.context import Context
from billing.places import parameter_place
from ledger.errors import conflict, not_found, rule_broken
from ledger.gateway_payment import GatewayMethod, GatewayPayment
from ledger.invoice import Invoice
from ledger.money import Money
from storage import account_balances, gateway_payments
from storage.resource_ids import new_id
from storage.resource_rows import load
from storage.transaction import Transaction


async def request_gateway_payment(
    tx: Transaction,
    context: Context,
    *,
    account_id: str,
    amount: Money,
    method: GatewayMethod,
    invoice_ids: tuple[str, ...] = (),
    payer: str | None = None,
) -> GatewayPayment:
    """Refused is what could not be posted as things are now. `payer`: `Organization/1`, or a person."""
    balance = (await account_balances.lock(tx, [account_id])).get(account_id)
    if balance is None:
        raise not_found("not-found", f"There is no Account/{account_id}.")
    if balance.status == "entered-in-error":
        raise conflict("invalid-state", "The account is entered in error; pay on another.", "Account.status")
    if amount.currency != balance.currency:
        text = f"The account is in {balance.currency}; pay in it."
        raise rule_broken("currency-mismatch", text, parameter_place("amount"))
    await _refuse_invoices(tx, account_id, invoice_ids)
    payment = GatewayPayment(
        id=new_id(),
        account_id=account_id,
        method=method,
        amount=amount,
        invoice_ids=invoice_ids,
        payer=payer,
        requested_by=context.actor,
        requested_at=tx.next_instant(),
    )
    gateway_payments.insert(tx, payment)
    return payment


async def _refuse_invoices(tx: Transaction, account_id: str, invoice_ids: tuple[str, ...]) -> None:
    place = parameter_place("invoice")
    found = await load(tx, "Invoice", list(invoice_ids)) if invoice_ids else {}
    for invoice_id in invoice_ids:
        invoice = found.get(invoice_id)
        if not isinstance(invoice, Invoice):
            raise rule_broken("reference-not-found", f"There is no Invoice/{invoice_id}.", place, "not-found")
        if invoice.account_id != account_id:
            raise rule_broken("invoice-other-account", f"Invoice/{invoice_id} is on another account.", place)
        if invoice.status != "issued":
            text = f"Invoice/{invoice_id} is {invoice.status}; only an issued one takes money."
            raise rule_broken("invoice-not-issued", text, place)
