"""Receive money that a PaymentReconciliation reports: post the receipt, and put it to what its details name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from billing.allocation import Payable, allocate, payables, record_settlement
from billing.cash_drawer import drawer_for
from billing.change import Change
from billing.context import Context
from billing.payers import payment_issuer_of
from billing.payment_details import (
    Allocation,
    Remitted,
    Target,
    account_problems,
    allocations_of,
    owner_of,
    problems_of,
    remitted_of,
    targets_of,
)
from billing.places import extension_place
from billing.record_change import record_creation, record_update
from billing.remittance import remit
from billing.touched_accounts import accounts_named_by
from ledger.chart import ASSET_OF_METHOD, LedgerAccount
from ledger.dates import whole_date_of
from ledger.errors import Refusal, invalid, rule_broken
from ledger.payer import Payer
from ledger.payment import Owner, received_entry
from ledger.payment_reconciliation import PaymentReconciliation
from ledger.remittance import TAKEN_BACK
from mappers.extensions import PAYMENT_ACCOUNT, PAYMENT_METHOD
from storage import account_balances, journal
from storage.transaction import Transaction

POSTED = "billing.payment.posted.v1"


async def receive_payment(
    tx: Transaction, context: Context, payment: PaymentReconciliation, *, base_version: int = 0
) -> Change:
    """Money that is active and complete or partial is posted; anything else is kept and posts nothing."""
    if not posts(payment):
        return record_creation(tx, payment, base_version=base_version)
    receipt = await _receipt(tx, context, payment)
    change = record_creation(tx, payment, base_version=base_version, events=(POSTED,))
    receipt.post(tx, context)
    return change


async def post_stored(
    tx: Transaction, context: Context, payment: PaymentReconciliation, previous: PaymentReconciliation
) -> Change:
    """Change a payment that is not posted; it is posted when it now says that the money is there."""
    if not posts(payment):
        return record_update(tx, payment, previous)
    receipt = await _receipt(tx, context, payment)
    change = record_update(tx, payment, previous, events=(POSTED,))
    receipt.post(tx, context)
    return change


def posts(payment: PaymentReconciliation) -> bool:
    return payment.status == "active" and payment.outcome in (None, "complete", "partial")


@dataclass(slots=True)
class _Receipt:
    """A payment that passed every rule, with whose it is and what each detail is put to."""

    payment: PaymentReconciliation
    currency: str
    on: date
    asset: LedgerAccount
    drawer: str | None
    owned: list[tuple[Owner, int]]
    remitted: list[Remitted]
    allocations: list[Allocation]
    payables: dict[str, Payable]

    def post(self, tx: Transaction, context: Context) -> None:
        """The entries, and the invoices that they settle."""
        payment_id = self.payment.id
        if self.owned:
            journal.append(
                tx,
                received_entry(
                    payment_id,
                    asset=self.asset,
                    drawer=self.drawer,
                    owned=self.owned,
                    currency=self.currency,
                    on=self.on,
                ),
            )
        for said in self.remitted:
            remit(tx, payment_id, said, currency=self.currency, on=self.on)
        for payable, parts, owner in ((each.payable, each.parts, each.owner) for each in self.allocations):
            allocate(tx, context, payment_id, payable, parts, owner=owner, currency=self.currency, on=self.on)
        for payable in self.payables.values():
            record_settlement(tx, payable)


async def _receipt(tx: Transaction, context: Context, payment: PaymentReconciliation) -> _Receipt:
    """See that a payment can be posted, and how."""
    if not (context.one_time or _is_identified(payment)):
        raise invalid(
            "payment-not-identified",
            "Money is not posted twice: send an identifier, a paymentIdentifier, Idempotency-Key or If-None-Exist.",
            "PaymentReconciliation.identifier",
            "required",
        )
    targets, payer = targets_of(payment), payment_issuer_of(payment)
    amount, currency = _amount(payment, may_be_nothing=any(target.entry_kind for target in targets))
    on, asset = _payment_date(tx, context, payment), _asset(payment)
    invoice_ids = sorted({target.id for target in targets if target.resource_type == "Invoice"})
    open_invoices = await payables(tx, invoice_ids)
    # They are locked, unless a draft moved to another account and was issued since its account was looked up.
    await account_balances.lock(tx, set().union(*(accounts_named_by(each.invoice) for each in open_invoices.values())))
    problems = problems_of(tx, targets, open_invoices, currency, payer)
    if payment.payment_account_id is not None:
        place = extension_place("PaymentReconciliation", PAYMENT_ACCOUNT)
        problems += account_problems(tx, payment.payment_account_id, currency, place)
    if problems:
        raise Refusal(problems)
    has_takebacks = any(target.entry_kind == TAKEN_BACK for target in targets)
    paid = await journal.paid_of_payer_shares(tx, invoice_ids) if has_takebacks else {}
    remitted, problems = remitted_of(targets, open_invoices, payer, paid)
    allocations, more = allocations_of(targets, open_invoices, payer)
    if problems or more:
        raise Refusal([*problems, *more])
    owned = _owned(payment, targets, open_invoices, payer, amount)
    drawer = await drawer_for(tx, context, asset, currency)
    return _Receipt(payment, currency, on, asset, drawer, owned, remitted, allocations, open_invoices)


def _is_identified(payment: PaymentReconciliation) -> bool:
    return bool(payment.payment_identifier_value or any(row.value for row in payment.indexed("identifier")))


def _amount(payment: PaymentReconciliation, *, may_be_nothing: bool) -> tuple[int, str]:
    """A remittance may pay nothing: it says what is not owed, or sets off what it takes back."""
    place = "PaymentReconciliation.paymentAmount"
    minor_units, currency, _ = payment.payment_amount
    if minor_units is None or currency is None:
        raise rule_broken("amount-required", "Say the amount received and its currency.", place)
    if minor_units < 0 or not (minor_units or may_be_nothing):
        raise rule_broken("amount-not-positive", "Money received is more than nothing.", f"{place}.value")
    return minor_units, currency


def _payment_date(tx: Transaction, context: Context, payment: PaymentReconciliation) -> date:
    place = "PaymentReconciliation.paymentDate"
    if payment.payment_date is None:
        raise rule_broken("value-required", "Say when the money was received.", place, "required")
    on, today = whole_date_of(payment.payment_date, context.tenant.timezone, place), context.today(tx.now)
    if on > today:
        raise rule_broken("date-in-future", f"Today is {today}.", place)
    return on


def _asset(payment: PaymentReconciliation) -> LedgerAccount:
    """Where the money lies. A remittance that does not say how it was paid was paid to the bank."""
    asset = ASSET_OF_METHOD.get(payment.method or "bank-transfer")
    if asset is None:
        raise rule_broken(
            "unknown-method",
            f"A payment method is one of {', '.join(ASSET_OF_METHOD)}.",
            extension_place("PaymentReconciliation", PAYMENT_METHOD),
        )
    return asset


def _owned(
    payment: PaymentReconciliation,
    targets: list[Target],
    open_invoices: Mapping[str, Payable],
    payer: Payer | None,
    amount: int,
) -> list[tuple[Owner, int]]:
    """Who owns how much before it is allocated; every remainder has one owner."""
    owned: dict[Owner, int] = {}
    named = set()
    for target in targets:
        owner = owner_of(target, open_invoices, payer)
        named.add(owner.account_id)
        if target.entry_kind in (None, TAKEN_BACK):
            owned[owner] = owned.get(owner, 0) + target.amount_minor
    remainder = amount - sum(owned.values())
    if remainder < 0:
        raise rule_broken(
            "over-allocated", "The details come to more than paymentAmount.", "PaymentReconciliation.paymentAmount"
        )
    if remainder:
        owner = _owner_of_remainder(payment, payer, {account_id for account_id in named if account_id is not None})
        owned[owner] = owned.get(owner, 0) + remainder
    if any(minor_units < 0 for minor_units in owned.values()):
        raise rule_broken(
            "over-allocated", "What is taken back cannot be an advance.", "PaymentReconciliation.paymentAmount"
        )
    return [(owner, minor_units) for owner, minor_units in owned.items() if minor_units]


def _owner_of_remainder(payment: PaymentReconciliation, payer: Payer | None, named: set[str]) -> Owner:
    if payer is not None:
        return Owner(None, payer.key)
    if payment.payment_account_id is not None:
        return Owner(payment.payment_account_id)
    if len(named) == 1:
        return Owner(next(iter(named)))
    raise rule_broken(
        "unapplied-owner",
        "Say whose money it is that the details leave over: paymentIssuer, or the extension payment-account.",
        "PaymentReconciliation.detail",
    )
