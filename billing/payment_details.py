"""What the details of a PaymentReconciliation put its money to, and all that is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from billing.allocation import Parts, Payable
from ledger.chart import LedgerAccount
from ledger.errors import Category, Problem
from ledger.payer import Payer
from ledger.payment import Owner
from ledger.payment_reconciliation import PaymentDetail, PaymentReconciliation
from ledger.remittance import CONTRACTUAL, RESPONSIBILITY, TAKEN_BACK
from mappers.extensions import PAYMENT_TYPE_SYSTEM, REMITTANCE_DETAIL_SYSTEM
from mappers.residue import decode_residue
from storage.transaction import Transaction

_REMITTED = {"contractual": CONTRACTUAL, "patient-responsibility": RESPONSIBILITY, "adjustment": TAKEN_BACK}
"""Type of detail -> kind of entry: what only a payer says, of its own share of an invoice."""


class Target(NamedTuple):
    """A detail that is about an Invoice or Account of ours.

    `kind`: payment, advance, adjustment (negative: taken back), contractual, patient-responsibility, or an unknown one.
    """

    detail: PaymentDetail
    place: str
    kind: str
    resource_type: str
    id: str

    @property
    def amount_minor(self) -> int:
        return self.detail.amount.minor_units or 0

    @property
    def is_allocation(self) -> bool:
        """Whether it puts money to an invoice."""
        paid = self.kind == "payment" or (self.kind == "adjustment" and self.amount_minor > 0)
        return paid and self.resource_type == "Invoice"

    @property
    def entry_kind(self) -> str | None:
        """The kind of entry of what a payer says of its share beside the money; None of everything else."""
        return None if self.is_allocation or self.resource_type != "Invoice" else _REMITTED.get(self.kind)

    @property
    def settles_minor(self) -> int:
        """By how much it lowers what is due on its invoice."""
        if self.is_allocation or self.entry_kind == TAKEN_BACK:
            return self.amount_minor
        return self.amount_minor if self.entry_kind == CONTRACTUAL else 0


@dataclass(frozen=True, slots=True)
class Allocation:
    payable: Payable
    parts: Parts
    owner: Owner


class Remitted(NamedTuple):
    """What a payer says of its share of an invoice beside the money; `payer` is how the invoice names it."""

    kind: str
    payable: Payable
    payer: str
    amount_minor: int


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
    tx: Transaction, targets: list[Target], open_invoices: Mapping[str, Payable], currency: str, payer: Payer | None
) -> list[Problem]:
    """What keeps the details from being posted, leaving aside whether the invoices have so much due."""
    return [problem for target in targets for problem in _problems_of(tx, target, open_invoices, currency, payer)]


def _problems_of(
    tx: Transaction, target: Target, open_invoices: Mapping[str, Payable], currency: str, payer: Payer | None
) -> Iterator[Problem]:
    place, amount = target.place, target.detail.amount
    yield from _type_problems(target, payer)
    if amount.minor_units is None or (amount.minor_units <= 0 and target.entry_kind != TAKEN_BACK):
        yield _broken("amount-not-positive", "Say how much goes there, more than nothing.", f"{place}.amount")
    elif amount.minor_units == 0:
        yield _broken("amount-not-positive", "An adjustment is of more or of less than nothing.", f"{place}.amount")
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


def _type_problems(target: Target, payer: Payer | None) -> Iterator[Problem]:
    if target.kind not in ("payment", "advance", *_REMITTED):
        text = f"{target.kind} is no type of detail that is posted: payment, advance, {', '.join(_REMITTED)}."
        yield _broken("detail-type-unsupported", text, f"{target.place}.type")
    elif target.kind in _REMITTED and target.resource_type != "Invoice":
        text = f"A detail of type {target.kind} is about an Invoice; an Account has payment or advance."
        yield _broken("detail-type-unsupported", text, f"{target.place}.type")
    elif target.entry_kind is not None and payer is None:
        text = "Only a payer says that of its share: name the organization in paymentIssuer."
        yield _broken("payer-required", text, f"{target.place}.type")


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


def remitted_of(
    targets: list[Target],
    open_invoices: Mapping[str, Payable],
    payer: Payer | None,
    paid: Mapping[tuple[str, str], int],
) -> tuple[list[Remitted], list[Problem]]:
    """What a payer says of its shares, in the order in which it is booked, and where that is more than there is.

    What is taken back comes first, for it is open again; `paid`: (invoice, payer) -> what the payer paid of its share.
    """
    remitted, problems = [], []
    left = dict(paid)
    said = [target for target in targets if target.entry_kind is not None]
    for target in sorted(said, key=lambda each: each.entry_kind != TAKEN_BACK):
        assert payer is not None
        assert target.entry_kind is not None
        payable, amount = open_invoices[target.id], abs(target.amount_minor)
        key = payable.key_of(payer)
        if target.entry_kind == TAKEN_BACK:
            enough = left.get((target.id, key), 0) >= amount
            left[target.id, key] = left.get((target.id, key), 0) - amount
            text = f"The payer has not paid so much of its share of Invoice/{target.id}; it takes back what it paid."
        else:
            enough = payable.open_of(LedgerAccount.RECEIVABLE_PAYER, key) >= amount
            text = f"The payer's share of Invoice/{target.id} has less due than that."
        if not enough:
            problems.append(_broken("over-allocated", text, f"{target.place}.amount"))
            continue
        payable.move(target.entry_kind, key, amount)
        remitted.append(Remitted(target.entry_kind, payable, key, amount))
    return remitted, problems


def allocations_of(
    targets: list[Target], open_invoices: Mapping[str, Payable], payer: Payer | None
) -> tuple[list[Allocation], list[Problem]]:
    """What each payment detail pays of its invoice, and where that is less than it says."""
    allocations, problems = [], []
    for target in targets:
        if not target.is_allocation:
            continue
        payable = open_invoices[target.id]
        parts = payable.take(target.amount_minor, payer)
        if sum(part for _, part in parts) < target.amount_minor:
            whose = "a patient's" if payer is None else "the payer's"
            text = f"Invoice/{target.id} has less due than that for {whose} money; allocate what is due."
            problems.append(_broken("over-allocated", text, f"{target.place}.amount"))
        allocations.append(Allocation(payable, parts, owner_of(target, open_invoices, payer)))
    return allocations, problems


def owner_of(target: Target, open_invoices: Mapping[str, Payable], payer: Payer | None) -> Owner:
    """Whose money a detail is about: an advance to an account is the account's, whoever pays."""
    account_id = str(open_invoices[target.id].invoice.account_id) if target.resource_type == "Invoice" else target.id
    is_payers = target.is_allocation or target.entry_kind is not None
    return Owner(None, payer.key) if payer is not None and is_payers else Owner(account_id)


def _broken(code: str, message: str, expression: str) -> Problem:
    return Problem(Category.RULE_BROKEN, code, message, expression)
