"""Receive money that a PaymentReconciliation reports: post the receipt, and put it to what its details name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from billing.allocation import Payable, allocate, payables, record_settlement
from billing.change import Change
from billing.context import Context
from billing.record_change import record_creation, record_update
from ledger.capture import date_of
from ledger.chart import ASSET_OF_METHOD, LedgerAccount
from ledger.errors import Category, Problem, Refusal, invalid, rule_broken
from ledger.invoice_issue import payer_key
from ledger.payment import Owner, received_entry
from ledger.payment_reconciliation import PaymentDetail, PaymentReconciliation
from mappers.r4.json_text import decode
from storage import account_balances, journal
from storage.resource_rows import load
from storage.transaction import Transaction

POSTED = "billing.payment.posted.v1"
_DRAWER = "main"


async def receive_payment(
    tx: Transaction, context: Context, payment: PaymentReconciliation, *, base_version: int = 0
) -> Change:
    """Money that is active and complete or partial is posted; anything else is kept and posts nothing."""
    if not posts(payment):
        return record_creation(tx, payment, base_version=base_version)
    receipt = await _receipt(tx, context, payment)
    change = record_creation(tx, payment, base_version=base_version, events=(POSTED,))
    receipt.post(tx)
    return change


async def post_stored(
    tx: Transaction, context: Context, payment: PaymentReconciliation, previous: PaymentReconciliation
) -> Change:
    """Change a payment that is not posted; it is posted when it now says that the money is there."""
    if not posts(payment):
        return record_update(tx, payment, previous)
    receipt = await _receipt(tx, context, payment)
    change = record_update(tx, payment, previous, events=(POSTED,))
    receipt.post(tx)
    return change


async def _receipt(tx: Transaction, context: Context, payment: PaymentReconciliation) -> _Receipt:
    if not (context.one_time or _is_identified(payment)):
        raise invalid(
            "payment-not-identified",
            "Money is not posted twice: send an identifier, a paymentIdentifier, Idempotency-Key or If-None-Exist.",
            "PaymentReconciliation.identifier",
            "required",
        )
    return await _Receipt.of(tx, context, payment)


def posts(payment: PaymentReconciliation) -> bool:
    return payment.status == "active" and payment.outcome in (None, "complete", "partial")


def _is_identified(payment: PaymentReconciliation) -> bool:
    return bool(payment.payment_identifier_value or any(row.value for row in payment.indexed("identifier")))


@dataclass(slots=True)
class _Receipt:
    """A payment that passed every rule, with whose it is and what each detail is put to."""

    payment: PaymentReconciliation
    amount: int
    currency: str
    on: date
    asset: LedgerAccount
    owned: list[tuple[Owner, int]]
    allocations: list[tuple[Payable, int, Owner]]
    payables: dict[str, Payable]

    @classmethod
    async def of(cls, tx: Transaction, context: Context, payment: PaymentReconciliation) -> _Receipt:
        amount, currency = _amount(payment)
        on = _payment_date(tx, context, payment)
        asset = _asset(payment)
        invoice_ids = sorted({d.request.split("/")[1] for d in payment.details if _names(d, "Invoice")})
        await _lock_accounts_of(tx, payment, invoice_ids)
        open_invoices = await payables(tx, invoice_ids)
        _refuse_details(tx, payment, open_invoices, currency)
        payer = _payer_of(payment)
        owned, allocations = _owners(payment, open_invoices, payer, amount)
        return cls(payment, amount, currency, on, asset, owned, allocations, open_invoices)

    def post(self, tx: Transaction) -> list[Change]:
        """The entries, and the invoices that they settle."""
        drawer = _DRAWER if self.asset is LedgerAccount.CASH else None
        journal.append(
            tx,
            received_entry(
                self.payment.id, asset=self.asset, drawer=drawer, owned=self.owned, currency=self.currency, on=self.on
            ),
        )
        for payable, amount, owner in self.allocations:
            done = allocate(tx, self.payment.id, payable, amount, owner=owner, currency=self.currency, on=self.on)
            if done != amount:
                raise rule_broken(
                    "over-allocated",
                    f"Invoice/{payable.invoice.id} has less due than the payment allocates to it.",
                    "PaymentReconciliation.detail",
                )
        return [record_settlement(tx, payable) for payable in self.payables.values()]


def _names(detail: PaymentDetail, resource_type: str) -> bool:
    return (detail.request or "").startswith(resource_type + "/")


def _amount(payment: PaymentReconciliation) -> tuple[int, str]:
    place = "PaymentReconciliation.paymentAmount"
    minor_units, currency, _ = payment.payment_amount
    if minor_units is None or currency is None:
        raise rule_broken("amount-required", "Say the amount received and its currency.", place)
    if minor_units <= 0:
        raise rule_broken("amount-not-positive", "Money received is more than nothing.", f"{place}.value")
    return minor_units, currency


def _payment_date(tx: Transaction, context: Context, payment: PaymentReconciliation) -> date:
    assert payment.payment_date is not None, "R4 requires it"
    on, today = date_of(payment.payment_date, context.tenant.timezone), context.today(tx.now)
    if on > today:
        raise rule_broken("date-in-future", f"Today is {today}.", "PaymentReconciliation.paymentDate")
    return on


def _asset(payment: PaymentReconciliation) -> LedgerAccount:
    asset = ASSET_OF_METHOD.get(payment.method or "bank-transfer")
    if asset is None:
        raise rule_broken(
            "unknown-method",
            f"A payment method is one of {', '.join(ASSET_OF_METHOD)}.",
            "PaymentReconciliation.extension('payment-method')",
        )
    return asset


async def _lock_accounts_of(tx: Transaction, payment: PaymentReconciliation, invoice_ids: list[str]) -> None:
    invoices = await load(tx, "Invoice", invoice_ids)
    accounts = {str(getattr(invoice, "account_id", "")) for invoice in invoices.values()}
    if payment.payment_account_id:
        accounts.add(payment.payment_account_id)
    await account_balances.lock(tx, accounts - {"", "None"})


def _refuse_details(
    tx: Transaction, payment: PaymentReconciliation, open_invoices: dict[str, Payable], currency: str
) -> None:
    problems = []
    for at, detail in enumerate(payment.details):
        place = f"PaymentReconciliation.detail[{at}]"
        problems += [
            Problem(Category.RULE_BROKEN, code, text, where)
            for code, text, where in _detail_problems(tx, detail, open_invoices, currency, place)
        ]
    balance = tx.balances.get(payment.payment_account_id or "")
    if payment.payment_account_id and balance is not None and balance.currency != currency:
        problems.append(
            Problem(
                Category.RULE_BROKEN,
                "currency-mismatch",
                f"Account/{balance.account_id} is in {balance.currency}.",
                "PaymentReconciliation.paymentAmount.currency",
            )
        )
    if problems:
        raise Refusal(problems)


def _detail_problems(
    tx: Transaction, detail: PaymentDetail, open_invoices: dict[str, Payable], currency: str, place: str
) -> list[tuple[str, str, str]]:
    if detail.type_code not in ("payment", "advance"):
        if detail.type_code == "adjustment" or (detail.type_system or "").endswith("/remittance-detail"):
            return [
                ("detail-type-unsupported", f"A detail of type {detail.type_code} cannot be posted.", f"{place}.type")
            ]
        return []
    if not (_names(detail, "Invoice") or _names(detail, "Account")):
        return []
    if detail.amount.minor_units is None or detail.amount.minor_units <= 0:
        return [("amount-not-positive", "Say how much goes there, more than nothing.", f"{place}.amount")]
    if detail.amount.currency != currency:
        return [("currency-mismatch", f"The payment is in {currency}.", f"{place}.amount.currency")]
    resource_id = str(detail.request).split("/")[1]
    if _names(detail, "Account"):
        balance = tx.balances.get(resource_id)
        if balance is None:
            return [("reference-not-found", f"Account/{resource_id} does not exist.", f"{place}.request")]
        if balance.currency != currency:
            return [
                ("currency-mismatch", f"Account/{resource_id} is in {balance.currency}.", f"{place}.amount.currency")
            ]
        return []
    payable = open_invoices.get(resource_id)
    if payable is None:
        return [("reference-not-found", f"Invoice/{resource_id} does not exist.", f"{place}.request")]
    if payable.invoice.status not in ("issued", "balanced"):
        text = f"Invoice/{resource_id} is {payable.invoice.status}; money goes to an issued one."
        return [("invoice-not-issued", text, f"{place}.request")]
    if payable.invoice.settlement_currency != currency:
        text = f"Invoice/{resource_id} is in {payable.invoice.settlement_currency}."
        return [("currency-mismatch", text, f"{place}.amount.currency")]
    if detail.type_code == "payment" and detail.amount.minor_units > payable.due:
        return [("over-allocated", f"Invoice/{resource_id} has less due than that.", f"{place}.amount")]
    return []


def _payer_of(payment: PaymentReconciliation) -> str | None:
    """The organization that pays, as the journal names it; None where a patient does."""
    if payment.payment_issuer is not None:
        return payment.payment_issuer
    issuer: dict[str, Any] = decode(payment.residue).get("paymentIssuer", {})
    identifier = issuer.get("identifier", {})
    if identifier.get("value"):
        return payer_key(None, identifier.get("system"), identifier["value"])
    return None


def _owners(
    payment: PaymentReconciliation, open_invoices: dict[str, Payable], payer: str | None, amount: int
) -> tuple[list[tuple[Owner, int]], list[tuple[Payable, int, Owner]]]:
    """Who owns how much before it is allocated, and the allocations; every remainder has one owner."""
    owned: dict[Owner, int] = {}
    allocations = []
    named: set[str] = set()
    for detail in payment.details:
        part = detail.amount.minor_units or 0
        if detail.type_code not in ("payment", "advance") or not (
            _names(detail, "Invoice") or _names(detail, "Account")
        ):
            continue
        resource_id = str(detail.request).split("/")[1]
        payable = open_invoices.get(resource_id) if _names(detail, "Invoice") else None
        account_id = str(payable.invoice.account_id) if payable else resource_id
        named.add(account_id)
        is_advance = detail.type_code == "advance" or payable is None
        owner = Owner(None, payer) if payer is not None and not is_advance else Owner(account_id)
        owned[owner] = owned.get(owner, 0) + part
        if not is_advance and payable is not None:
            allocations.append((payable, part, owner))
    remainder = amount - sum(owned.values())
    if remainder < 0:
        raise rule_broken(
            "over-allocated",
            "The details come to more than paymentAmount.",
            "PaymentReconciliation.paymentAmount",
        )
    if remainder:
        owner = _owner_of_remainder(payment, payer, named)
        owned[owner] = owned.get(owner, 0) + remainder
    return list(owned.items()), allocations


def _owner_of_remainder(payment: PaymentReconciliation, payer: str | None, named: set[str]) -> Owner:
    if payer is not None:
        return Owner(None, payer)
    if payment.payment_account_id is not None:
        return Owner(payment.payment_account_id)
    if len(named) == 1:
        return Owner(next(iter(named)))
    raise rule_broken(
        "unapplied-owner",
        "Say whose money it is that the details leave over: paymentIssuer, or the extension payment-account.",
        "PaymentReconciliation.detail",
    )
