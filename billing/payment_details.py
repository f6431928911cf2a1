"""What the details of a PaymentReconciliation put its money to, and all that is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from billing.allocation import Parts, Payable
from ledger.errors import Category, Problem
from ledger.payer import Payer
from ledger.payment import Owner
from ledger.payment_reconciliation import PaymentDetail, PaymentReconciliation
from mappers.extensions import PAYMENT_TYPE_SYSTEM, REMITTANCE_DETAIL_SYSTEM
from mappers.residue import decode_residue
from storage.transaction import Transaction


class Target(NamedTuple):
    """A detail that is about an Invoice or Account of ours. `kind`: payment, advance, or one that is not served."""

    detail: PaymentDetail
    place: str
    kind: str
    resource_type: str
    id: str


@dataclass(frozen=True, slots=True)
class Allocation:
    payable: Payable
    parts: Parts
    owner: Owner


def targets_of(payment: PaymentReconciliation) -> list[Target]:
    """The details that say where money goes here; those about things that live elsewhere leave it unapplied."""
    return list(_targets(payment))


def _targets(payment: PaymentReconciliation) -> Iterator[Target]:
    for at, detail in enumerate(payment.details):
        resource_type, _, resource_id = (detail.request or "").partition("/")
        kind = kind_of(detail)
        if kind and resource_type in ("Invoice", "Account") and resource_id:
            yield Target(detail, f"PaymentReconciliation.detail[{at}]", kind, resource_type, resource_id)


def kind_of(detail: PaymentDetail) -> str:
    """The code of the first coding that is of a system we know; a code without a system is taken as the standard's."""
    further = decode_residue(detail.residue).get("type", {}).get("coding", [])
    codings = [(detail.type_system, detail.type_code), *((each.get("system"), each.get("code")) for each in further)]
    known = (PAYMENT_TYPE_SYSTEM, REMITTANCE_DETAIL_SYSTEM, None)
    return next((code for system, code in codings if code and system in known), "")


def problems_of(
    tx: Transaction, targets: list[Target], open_invoices: Mapping[str, Payable], currency: str
) -> list[Problem]:
    """What keeps the details from being posted, leaving aside whether the invoices have so much due."""
    return [problem for target in targets for problem in _problems_of(tx, target, open_invoices, currency)]


def _problems_of(
    tx: Transaction, target: Target, open_invoices: Mapping[str, Payable], currency: str
) -> Iterator[Problem]:
    place, amount = target.place, target.detail.amount
    if target.kind not in ("payment", "advance"):
        text = f"A detail of type {target.kind} cannot be posted to an {target.resource_type} here."
        yield _broken("detail-type-unsupported", text, f"{place}.type")
        return
    if amount.minor_units is None or amount.minor_units <= 0:
        yield _broken("amount-not-positive", "Say how much goes there, more than nothing.", f"{place}.amount")
    elif amount.currency != currency:
        yield _broken("currency-mismatch", f"The payment is in {currency}; so is each detail.", f"{place}.amount")
    if target.resource_type == "Account":
        yield from account_problems(tx, target.id, currency, f"{place}.request")
        return
    payable = open_invoices.get(target.id)
    if payable is None:
        yield _broken("reference-not-found", f"Invoice/{target.id} does not exist.", f"{place}.request")
    elif payable.invoice.status not in ("issued", "balanced"):
        text = f"Invoice/{target.id} is {payable.invoice.status}; money goes to an issued one."
        yield _broken("invoice-not-issued", text, f"{place}.request")
    elif payable.invoice.settlement_currency != currency:
        text = f"Invoice/{target.id} is in {payable.invoice.settlement_currency}, the payment in {currency}."
        yield _broken("currency-mismatch", text, f"{place}.request")


def account_problems(tx: Transaction, account_id: str, currency: str, place: str) -> Iterator[Problem]:
    """What keeps an account from holding money of a payment. One that is closed may: money comes in late."""
    balance = tx.balances.get(account_id)
    if balance is None:
        yield _broken("reference-not-found", f"Account/{account_id} does not exist.", place)
    elif balance.status == "entered-in-error":
        yield _broken("account-in-error", f"Account/{account_id} is entered in error; name another.", place)
    elif balance.currency != currency:
        text = f"Account/{account_id} is in {balance.currency}, the payment in {currency}."
        yield _broken("currency-mismatch", text, place)


def allocations_of(
    targets: list[Target], open_invoices: Mapping[str, Payable], payer: Payer | None
) -> tuple[list[Allocation], list[Problem]]:
    """What each payment detail pays of its invoice, and where that is less than it says."""
    allocations, problems = [], []
    for target in targets:
        if target.kind != "payment" or target.resource_type != "Invoice":
            continue
        payable, amount = open_invoices[target.id], target.detail.amount.minor_units or 0
        parts = payable.take(amount, payer)
        if sum(part for _, part in parts) < amount:
            whose = "a patient's" if payer is None else "the payer's"
            text = f"Invoice/{target.id} has less due than that for {whose} money; allocate what is due."
            problems.append(_broken("over-allocated", text, f"{target.place}.amount"))
        allocations.append(Allocation(payable, parts, owner_of(target, open_invoices, payer)))
    return allocations, problems


def owner_of(target: Target, open_invoices: Mapping[str, Payable], payer: Payer | None) -> Owner:
    """Whose money a detail is about: an advance to an account is the account's, whoever pays."""
    account_id = str(open_invoices[target.id].invoice.account_id) if target.resource_type == "Invoice" else target.id
    is_allocation = target.kind == "payment" and target.resource_type == "Invoice"
    return Owner(None, payer.key) if payer is not None and is_allocation else Owner(account_id)


def _broken(code: str, message: str, expression: str) -> Problem:
    return Problem(Category.RULE_BROKEN, code, message, expression)
