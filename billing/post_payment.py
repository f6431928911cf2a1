"""Post a payment at the counter: the receipt, its allocation, and the PaymentReconciliation and PaymentNotice of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from billing.allocation import Parts, Payable, allocate, payables, record_settlement
from billing.cash_drawer import drawer_for
from billing.change import Change
from billing.context import Context
from billing.payers import payer_of
from billing.payment_documents import notice_document, payment_document, tenant_reference
from billing.places import parameter_place
from billing.receive_payment import POSTED
from billing.record_change import record_creation
from ledger.account import AccountBalance
from ledger.cash_session import rounded_to_coin, rounding_entry
from ledger.chart import ASSET_OF_METHOD
from ledger.errors import conflict, not_found, rule_broken
from ledger.money import Money, minor_units_of
from ledger.payer import Payer
from ledger.payment import Owner, received_entry
from ledger.payment_reconciliation import PaymentReconciliation
from mappers import mapper_for
from storage import account_balances, account_lookups, journal
from storage.resource_ids import new_id
from storage.resource_rows import load
from storage.transaction import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRequest:
    """What is paid, on an invoice or on an account. `payer`: a Reference; `invoice_ids`: pay these, in this order.

    `drawer`: where cash is put; without it where the cashier's open session is. `payment_id`: the id that it gets.
    """

    amount: Money
    method: str
    invoice_id: str | None = None
    account_id: str | None = None
    on: date | None = None
    reference: str | None = None
    payer: dict[str, Any] | None = None
    tendered: Money | None = None
    invoice_ids: tuple[str, ...] = ()
    drawer: str | None = None
    payment_id: str | None = None


@dataclass(frozen=True, slots=True)
class PostedPayment:
    """What was written. `change` is what goes back over the counter, None where nothing was tendered."""

    payment: Change
    notice: Change
    invoices: tuple[Change, ...]
    change: Money | None


async def post_payment(tx: Transaction, context: Context, request: PaymentRequest) -> PostedPayment:
    """Pay the invoices, as far as the amount reaches and there is something due; the rest stays unapplied."""
    balance = await _locked_account(tx, request)
    _refuse_money(request, balance, _cash_of(context, request))
    payer = _payer(context, request)
    on = _payment_date(context.today(tx.now), request)
    wanted = await _wanted(tx, request, balance.account_id)
    found = await payables(tx, wanted)
    _refuse_invoices(request, found, wanted, balance.account_id)
    owner = Owner(balance.account_id) if payer is None else Owner(None, payer.key)
    asset = ASSET_OF_METHOD[request.method]
    drawer = await drawer_for(tx, context, asset, balance.currency, request.drawer, "/drawer")
    taken = _taken([found[invoice_id] for invoice_id in wanted], request.amount.minor_units, payer)
    is_named = request.invoice_id is not None or bool(request.invoice_ids)
    shown = [found[invoice_id] for invoice_id in wanted] if is_named else [payable for payable, _ in taken]
    # The last that is read: all that is written travels together.
    recipient = await _recipient(tx, context, balance.account_id, shown[0] if shown else None)
    payment = _payment(tx, context, request, balance.account_id, taken, on, by_organization=payer is not None)
    change = record_creation(tx, payment, events=(POSTED,))
    _book(tx, context, request, payment.id, owner, taken, on, drawer)
    invoices = tuple(record_settlement(tx, payable) for payable in shown)
    notice = _notice(tx, context, request, payment.id, shown[0] if shown else None, recipient, on)
    cash = Money(balance.currency, _cash_of(context, request))
    back = None if request.tendered is None else request.tendered - cash
    return PostedPayment(change, notice, invoices, back)


async def _locked_account(tx: Transaction, request: PaymentRequest) -> AccountBalance:
    account_id = request.account_id
    if request.invoice_id is not None:
        named = await account_lookups.accounts_named_by(tx, {"Invoice": [request.invoice_id]})
        if not named:
            raise not_found("not-found", f"There is no Invoice/{request.invoice_id}.")
        [accounts] = named.values()
        if not accounts:
            raise conflict("invalid-state", "The invoice has no account; only an issued one is paid.", "Invoice.status")
        [account_id] = accounts
    assert account_id is not None
    balance = (await account_balances.lock(tx, [account_id])).get(account_id)
    if balance is None:
        raise not_found("not-found", f"There is no Account/{account_id}.")
    if balance.status == "entered-in-error":
        raise conflict("invalid-state", "The account is entered in error; pay on another.", "Account.status")
    return balance


def _cash_of(context: Context, request: PaymentRequest) -> int:
    """What is paid in coins and notes for the amount: to the smallest coin that there is. Only cash is rounded."""
    amount = request.amount
    if request.method != "cash":
        return amount.minor_units
    coin = Decimal(context.tenant.setting_in("smallest_coin", amount.currency))
    return rounded_to_coin(amount.minor_units, minor_units_of(coin, amount.currency))


def _refuse_money(request: PaymentRequest, balance: AccountBalance, cash_minor: int) -> None:
    amount, tendered = request.amount, request.tendered
    if amount.currency != balance.currency:
        text = f"The account is in {balance.currency}; pay in it."
        raise rule_broken("currency-mismatch", text, parameter_place("amount"))
    if amount.minor_units <= 0:
        raise rule_broken("amount-not-positive", "Pay more than nothing.", parameter_place("amount"))
    if request.method not in ASSET_OF_METHOD:
        text = f"A method is one of {', '.join(ASSET_OF_METHOD)}."
        raise rule_broken("unknown-method", text, parameter_place("method"))
    if tendered is None:
        return
    place = parameter_place("tendered")
    if request.method != "cash":
        raise rule_broken("tendered-not-cash", "Only cash is tendered.", place)
    if tendered.currency != amount.currency:
        raise rule_broken("currency-mismatch", f"The account is in {balance.currency}; tender in it.", place)
    if tendered.minor_units < cash_minor:
        raise rule_broken("tendered-too-little", "What is tendered does not reach the amount.", place)


def _payment_date(today: date, request: PaymentRequest) -> date:
    if request.on is not None and request.on > today:
        raise rule_broken("date-in-future", f"Today is {today}.", parameter_place("date"))
    return request.on or today


async def _wanted(tx: Transaction, request: PaymentRequest, account_id: str) -> list[str]:
    if request.invoice_id is not None:
        return [request.invoice_id]
    return list(dict.fromkeys(request.invoice_ids)) or await account_lookups.open_invoices(tx, account_id)


def _refuse_invoices(
    request: PaymentRequest, found: dict[str, Payable], wanted: Sequence[str], account_id: str
) -> None:
    place = parameter_place("invoice")
    for invoice_id in wanted:
        payable = found.get(invoice_id)
        if payable is None:
            raise rule_broken("reference-not-found", f"There is no Invoice/{invoice_id}.", place, "not-found")
        if payable.invoice.account_id != account_id:
            raise rule_broken("invoice-other-account", f"Invoice/{invoice_id} is on another account.", place)
        if payable.invoice.status != "issued":
            text = f"Invoice/{invoice_id} is {payable.invoice.status}; only an issued one takes money."
            if request.invoice_id is not None:
                raise conflict("invalid-state", text, "Invoice.status")
            raise rule_broken("invoice-not-issued", text, place)


def _payer(context: Context, request: PaymentRequest) -> Payer | None:
    """The organization that pays; None where the patient does, or somebody for the patient."""
    if request.payer is None:
        return None
    place = parameter_place("payer")
    if "identifier" in request.payer and not request.payer.keys() & {"reference", "type"}:
        text = "Say what the payer is: type Organization for an insurer, Patient or RelatedPerson for a person."
        raise rule_broken("payer-type-required", text, place)
    payer = payer_of(request.payer, context.base_url)
    if payer is not None and not payer.is_known:
        raise rule_broken("payer-unknown", "Name the payer by reference or identifier.", place)
    return payer


def _taken(wanted: Sequence[Payable], amount_minor: int, payer: Payer | None) -> list[tuple[Payable, Parts]]:
    """What is taken of each invoice in turn, until the money is used up."""
    taken = []
    for payable in wanted:
        parts = payable.take(amount_minor, payer)
        if parts:
            taken.append((payable, parts))
            amount_minor -= sum(part for _, part in parts)
    return taken


def _payment(
    tx: Transaction,
    context: Context,
    request: PaymentRequest,
    account_id: str,
    taken: list[tuple[Payable, Parts]],
    on: date,
    *,
    by_organization: bool,
) -> PaymentReconciliation:
    document = payment_document(
        amount=request.amount,
        method=request.method,
        account_id=account_id,
        allocated=[(payable.invoice.id, sum(part for _, part in parts)) for payable, parts in taken],
        payer=request.payer,
        by_organization=by_organization,
        reference=request.reference,
        created=tx.now,
        on=on,
    )
    payment: PaymentReconciliation = mapper_for("PaymentReconciliation").parse(
        document, id=request.payment_id or new_id(), base_url=context.base_url
    )
    return payment


def _book(
    tx: Transaction,
    context: Context,
    request: PaymentRequest,
    payment_id: str,
    owner: Owner,
    taken: list[tuple[Payable, Parts]],
    on: date,
    drawer: str | None,
) -> None:
    """The receipt always first, then what it was put to."""
    asset, currency = ASSET_OF_METHOD[request.method], request.amount.currency
    owned = [(owner, request.amount.minor_units)]
    journal.append(
        tx,
        received_entry(payment_id, asset=asset, drawer=drawer, owned=owned, currency=currency, on=on),
    )
    difference = _cash_of(context, request) - request.amount.minor_units
    if difference:
        journal.append(tx, rounding_entry(payment_id, drawer, difference, currency, on))
    for payable, parts in taken:
        allocate(tx, context, payment_id, payable, parts, owner=owner, currency=currency, on=on)


def _notice(
    tx: Transaction,
    context: Context,
    request: PaymentRequest,
    payment_id: str,
    payable: Payable | None,
    recipient: dict[str, Any],
    on: date,
) -> Change:
    document = notice_document(
        amount=request.amount,
        payment_id=payment_id,
        invoice_id=None if payable is None else payable.invoice.id,
        recipient=recipient,
        created=tx.now,
        on=on,
    )
    return record_creation(tx, mapper_for("PaymentNotice").parse(document, id=new_id(), base_url=context.base_url))


async def _recipient(tx: Transaction, context: Context, account_id: str, payable: Payable | None) -> dict[str, Any]:
    """The invoice's issuer, else the account's owner, else the tenant's organization."""
    account = (await load(tx, "Account", [account_id]))[account_id]
    issuer = {} if payable is None else mapper_for("Invoice").render_document(payable.invoice).get("issuer", {})
    owner = mapper_for("Account").render_document(account).get("owner", {})
    return next((each for each in (issuer, owner) if _stands_alone(each)), tenant_reference(context.tenant))


def _stands_alone(reference: dict[str, Any]) -> bool:
    """Whether a Reference means the same in another resource: not one to something contained."""
    return bool(reference) and not reference.get("reference", "").startswith("#")
