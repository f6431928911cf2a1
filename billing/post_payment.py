"""Post a payment at the counter: the receipt, its allocation, the PaymentReconciliation and the PaymentNotice that say so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from billing.allocation import Payable, allocate, payables, record_settlement
from billing.change import Change
from billing.context import Context
from billing.receive_payment import POSTED
from billing.record_change import record_creation
from ledger.account import Account, AccountBalance
from ledger.chart import ASSET_OF_METHOD, LedgerAccount
from ledger.errors import Category, conflict, not_found, refuse, rule_broken
from ledger.invoice_issue import payer_key
from ledger.money import Money
from ledger.payment import Owner, received_entry
from mappers import extensions, mapper_for
from storage import account_balances, account_lookups, journal
from storage.resource_ids import new_id
from storage.resource_rows import load
from storage.transaction import Transaction

_DRAWER = "main"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRequest:
    """What is paid, on an invoice or on an account. `payer`: a FHIR Reference; `invoice_ids`: pay these, in this order."""

    amount: Money
    method: str
    invoice_id: str | None = None
    account_id: str | None = None
    on: date | None = None
    reference: str | None = None
    payer: dict[str, Any] | None = None
    tendered: Money | None = None
    invoice_ids: tuple[str, ...] = ()


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
    _refuse_money(request, balance)
    on = _payment_date(context.today(tx.now), request)
    owner = _owner(request, balance)
    wanted = await _wanted(tx, request, balance.account_id)
    open_invoices = await payables(tx, wanted)
    _refuse_invoices(request, open_invoices, wanted, balance.account_id)
    payment_id = new_id()
    asset = ASSET_OF_METHOD[request.method]
    journal.append(
        tx,
        received_entry(
            payment_id,
            asset=asset,
            drawer=_DRAWER if asset is LedgerAccount.CASH else None,
            owned=[(owner, request.amount.minor_units)],
            currency=balance.currency,
            on=on,
        ),
    )
    allocated = _allocate(tx, payment_id, [open_invoices[id_] for id_ in wanted], request, owner, on)
    payment = record_creation(
        tx,
        mapper_for("PaymentReconciliation").parse(
            _payment_document(tx, request, balance, owner, allocated, on),
            id=payment_id,
            base_url=context.base_url,
        ),
        events=(POSTED,),
    )
    invoices = tuple(record_settlement(tx, payable) for payable, _ in allocated)
    first = open_invoices[wanted[0]] if wanted else None
    notice = await _notice(tx, context, request, payment_id, balance.account_id, first, on)
    change = None if request.tendered is None else request.tendered - request.amount
    return PostedPayment(payment, notice, invoices, change)


async def _locked_account(tx: Transaction, request: PaymentRequest) -> AccountBalance:
    account_id = request.account_id
    if request.invoice_id is not None:
        invoice = (await load(tx, "Invoice", [request.invoice_id])).get(request.invoice_id)
        if invoice is None:
            raise not_found("not-found", f"There is no Invoice/{request.invoice_id}.")
        account_id = getattr(invoice, "account_id", None)
        if account_id is None:
            raise conflict("invalid-state", "The invoice is a draft without account; issue it first.", "Invoice.status")
    assert account_id is not None
    balance = (await account_balances.lock(tx, [account_id])).get(account_id)
    if balance is None:
        raise not_found("not-found", f"There is no Account/{account_id}.")
    if balance.status == "entered-in-error":
        raise conflict("invalid-state", "The account is entered in error.", "Account.status")
    return balance


def _refuse_money(request: PaymentRequest, balance: AccountBalance) -> None:
    amount, tendered = request.amount, request.tendered
    if amount.currency != balance.currency:
        raise rule_broken(
            "currency-mismatch", f"The account is in {balance.currency}; pay in it.", "Parameters.parameter('amount')"
        )
    if amount.minor_units <= 0:
        raise rule_broken("amount-not-positive", "Pay more than nothing.", "Parameters.parameter('amount')")
    if request.method not in ASSET_OF_METHOD:
        raise rule_broken(
            "unknown-method", f"A method is one of {', '.join(ASSET_OF_METHOD)}.", "Parameters.parameter('method')"
        )
    if tendered is None:
        return
    place = "Parameters.parameter('tendered')"
    if request.method != "cash":
        raise rule_broken("tendered-not-cash", "Only cash is tendered.", place)
    if tendered.currency != amount.currency:
        raise rule_broken("currency-mismatch", f"The account is in {balance.currency}; tender in it.", place)
    if tendered.minor_units < amount.minor_units:
        raise rule_broken("tendered-too-little", "What is tendered does not reach the amount.", place)


def _payment_date(today: date, request: PaymentRequest) -> date:
    if request.on is not None and request.on > today:
        raise rule_broken("date-in-future", f"Today is {today}.", "Parameters.parameter('date')")
    return request.on or today


def _owner(request: PaymentRequest, balance: AccountBalance) -> Owner:
    payer = _organization(request)
    return Owner(balance.account_id) if payer is None else Owner(None, payer)


def _organization(request: PaymentRequest) -> str | None:
    """The payer as the journal names it where it is an organization; patients pay on their account."""
    payer = request.payer or {}
    reference = payer.get("reference")
    if reference is not None:
        if "Organization/" in reference:
            return str(reference)
        return None
    if payer.get("type") == "Organization":
        identifier = payer.get("identifier", {})
        return payer_key(None, identifier.get("system"), identifier.get("value"))
    return None


async def _wanted(tx: Transaction, request: PaymentRequest, account_id: str) -> list[str]:
    if request.invoice_id is not None:
        return [request.invoice_id]
    return list(dict.fromkeys(request.invoice_ids)) or await account_lookups.open_invoices(tx, account_id)


def _refuse_invoices(
    request: PaymentRequest, open_invoices: dict[str, Payable], wanted: Sequence[str], account_id: str
) -> None:
    for invoice_id in wanted:
        payable = open_invoices.get(invoice_id)
        place = "Parameters.parameter('invoice')"
        if payable is None:
            raise rule_broken("reference-not-found", f"There is no Invoice/{invoice_id}.", place, "not-found")
        if payable.invoice.account_id != account_id:
            raise rule_broken("invoice-other-account", f"Invoice/{invoice_id} is on another account.", place)
        if payable.invoice.status != "issued":
            text = f"Invoice/{invoice_id} is {payable.invoice.status}; only an issued one takes money."
            if request.invoice_id is not None:
                raise conflict("invalid-state", text, "Invoice.status")
            raise refuse(Category.RULE_BROKEN, "invoice-not-issued", text, place)


def _allocate(
    tx: Transaction,
    payment_id: str,
    wanted: Sequence[Payable],
    request: PaymentRequest,
    owner: Owner,
    on: date,
) -> list[tuple[Payable, int]]:
    left = request.amount.minor_units
    allocated = []
    for payable in wanted:
        if left == 0:
            break
        part = allocate(tx, payment_id, payable, left, owner=owner, currency=request.amount.currency, on=on)
        if part:
            allocated.append((payable, part))
            left -= part
    return allocated


def _payment_document(
    tx: Transaction,
    request: PaymentRequest,
    balance: AccountBalance,
    owner: Owner,
    allocated: list[tuple[Payable, int]],
    on: date,
) -> dict[str, Any]:
    """The PaymentReconciliation; R5's cross-version extensions say what R4 has no element for."""
    day = on.isoformat()
    details = [
        _detail("payment", f"Invoice/{payable.invoice.id}", part, balance.currency, day) for payable, part in allocated
    ]
    rest = request.amount.minor_units - sum(part for _, part in allocated)
    if rest and owner.account_id is not None:
        details.append(_detail("advance", f"Account/{owner.account_id}", rest, balance.currency, day))
    by = "patient" if owner.account_id is not None else "insurance"
    document: dict[str, Any] = {
        "resourceType": "PaymentReconciliation",
        "extension": [
            {"url": extensions.PAYMENT_METHOD, "valueCode": request.method},
            {
                "url": extensions.PAYMENT_ACCOUNT,
                "valueReference": {"reference": f"Account/{balance.account_id}"},
            },
            {
                "url": extensions.PAYMENT_ISSUER_TYPE,
                "valueCodeableConcept": {"coding": [{"system": "http://hl7.org/fhir/payment-issuertype", "code": by}]},
            },
        ],
        "status": "active",
        "created": tx.now.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "outcome": "complete",
        "paymentDate": day,
        "paymentAmount": _money(request.amount.minor_units, balance.currency),
        "detail": details,
    }
    if owner.account_id is None:
        document["paymentIssuer"] = request.payer
        # Money of a payer that is not allocated is the payer's, not the account's.
        del document["extension"][1]
    elif request.payer is not None:
        document["extension"].append({"url": extensions.PAYMENT_ISSUER, "valueReference": request.payer})
    if request.reference is not None:
        document["paymentIdentifier"] = {"value": request.reference}
    if not details:
        del document["detail"]
    return document


def _detail(code: str, request: str, amount_minor: int, currency: str, day: str) -> dict[str, Any]:
    return {
        "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/payment-type", "code": code}]},
        "request": {"reference": request},
        "date": day,
        "amount": _money(amount_minor, currency),
    }


def _money(amount_minor: int, currency: str) -> dict[str, Any]:
    return {"value": Money(currency, amount_minor).decimal(), "currency": currency}


async def _notice(
    tx: Transaction,
    context: Context,
    request: PaymentRequest,
    payment_id: str,
    account_id: str,
    invoice: Payable | None,
    on: date,
) -> Change:
    document: dict[str, Any] = {
        "resourceType": "PaymentNotice",
        "status": "active",
        "created": tx.now.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "payment": {"reference": f"PaymentReconciliation/{payment_id}"},
        "paymentDate": on.isoformat(),
        "recipient": await _recipient(tx, context, account_id, invoice),
        "amount": _money(request.amount.minor_units, request.amount.currency),
        "paymentStatus": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/paymentstatus", "code": "paid"}]
        },
    }
    if invoice is not None:
        document["request"] = {"reference": f"Invoice/{invoice.invoice.id}"}
    notice = mapper_for("PaymentNotice").parse(document, id=new_id(), base_url=context.base_url)
    return record_creation(tx, notice)


async def _recipient(tx: Transaction, context: Context, account_id: str, invoice: Payable | None) -> dict[str, Any]:
    """The invoice's issuer, else the account's owner, else the tenant's organization."""
    if invoice is not None and invoice.invoice.issuer is not None:
        return {"reference": invoice.invoice.issuer}
    account = (await load(tx, "Account", [account_id])).get(account_id)
    if isinstance(account, Account) and account.owner is not None:
        return {"reference": account.owner}
    return {
        "type": "Organization",
        "identifier": {"system": extensions.TENANT_SYSTEM, "value": context.tenant.id},
        "display": context.tenant.name,
    }
