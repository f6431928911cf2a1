"""Request a refund: the money is held until somebody else decides, or owed back at once at or below the limit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from billing.approvals import Terms, terms_of, window_of
from billing.context import Context
from billing.deallocation import PAYMENT_DEALLOCATED, undo_allocations
from billing.locked_payment import LockedPayment, free_money_of, locked_payment, refuse_unposted
from billing.locked_refund import LockedRefund, hold
from billing.payers import payment_issuer_of
from billing.places import parameter_place
from ledger.chart import ASSET_OF_METHOD
from ledger.errors import Refusal, rule_broken
from ledger.money import Money
from ledger.payment import Owner
from ledger.payment_reconciliation import PaymentReconciliation
from ledger.refund import Refund, approved_entry
from storage import advisory_locks, journal, refunds
from storage.resource_ids import new_id
from storage.resource_rows import load
from storage.transaction import Transaction

REFUND_ISSUED = "billing.refund.issued.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRequest:
    """`deallocate`: money that is allocated may be taken off its invoices, the latest allocation first."""

    payment_id: str
    amount: Money
    reason: str
    method: str | None = None
    deallocate: bool = False


async def request_refund(tx: Transaction, context: Context, request: RefundRequest) -> LockedRefund:
    """Refused where not so much is unapplied and not held; nothing is written then."""
    await _lock_limit(tx, context, request.payment_id)
    locked = await locked_payment(tx, request.payment_id)
    refuse_unposted(locked.payment)
    _refuse_request(request, locked)
    owner, deallocated = await _free(tx, context, request, locked)
    amount, currency = request.amount.minor_units, request.amount.currency
    requested_at = tx.next_instant()
    before = await refunds.counted(tx, owner, context.actor, requested_at - window_of(context), currency)
    terms = terms_of(context, "refund", currency, amount, before)
    made = LockedRefund(_refund(context, request, owner, terms, requested_at, deallocates=deallocated), [], locked)
    refunds.insert(tx, made.refund)
    events = (PAYMENT_DEALLOCATED,) if deallocated else ()
    if terms.approvals_needed:
        hold(tx, made.refund, amount)
        locked.record(tx, *events)
    else:
        issue(tx, context, made, *events)
    return made


def issue(tx: Transaction, context: Context, locked: LockedRefund, *events: str) -> None:
    """Owe an approved refund back, and say so in its payment."""
    journal.append(tx, approved_entry(locked.refund, context.today(tx.now)))
    locked.show_refunded(locked.refund.amount_minor)
    locked.payment.record(tx, *events, REFUND_ISSUED)


async def _lock_limit(tx: Transaction, context: Context, payment_id: str) -> None:
    """What one person requests of a payer's money goes one after the other; of an account's, by the account's lock."""
    payment = (await load(tx, "PaymentReconciliation", [payment_id])).get(payment_id)
    payer = payment_issuer_of(payment) if isinstance(payment, PaymentReconciliation) else None
    if payer is not None:
        advisory_locks.lock_conditions(tx, [f"refunds of {payer.key} by {context.actor}"])


def _refuse_request(request: RefundRequest, locked: LockedPayment) -> None:
    if request.amount.currency != locked.currency:
        text = f"The payment is in {locked.currency}; refund in it."
        raise rule_broken("currency-mismatch", text, parameter_place("amount"))
    if request.amount.minor_units <= 0:
        raise rule_broken("amount-not-positive", "Refund more than nothing.", parameter_place("amount"))
    if request.method is not None:
        refuse_method(request.method)


def refuse_method(method: str) -> None:
    if method not in ASSET_OF_METHOD:
        text = f"A method is one of {', '.join(ASSET_OF_METHOD)}."
        raise rule_broken("unknown-method", text, parameter_place("method"))


async def _free(tx: Transaction, context: Context, request: RefundRequest, locked: LockedPayment) -> tuple[Owner, bool]:
    """Who owns the money that is refunded, and whether some of it was taken off invoices for that."""
    amount = request.amount.minor_units
    owner, free = _most_free(await free_money_of(tx, locked.payment.id))
    if owner is not None and free >= amount:
        return owner, False
    if request.deallocate:
        undone = await undo_allocations(
            tx, context, locked, amount_minor=amount - max(free, 0), reason="taken off for a refund"
        )
        owner, free = _most_free(await free_money_of(tx, locked.payment.id))
        if owner is not None and free >= amount:
            return owner, bool(undone)
    raise _not_unapplied(Money(locked.currency, max(free, 0)), is_all=request.deallocate)


def _most_free(free: dict[Owner, int]) -> tuple[Owner | None, int]:
    """Where most of the money lies: it may be several accounts', and a refund goes to one owner."""
    return max(free.items(), key=lambda item: (item[1], item[0].account_id or item[0].payer or ""), default=(None, 0))


def _not_unapplied(free: Money, *, is_all: bool) -> Refusal:
    mend = "refund no more than that" if is_all else "refund no more than that, or let allocated money be taken back"
    text = f"Of the payment {free} is unapplied and not held for one owner; {mend}."
    return rule_broken("not-unapplied", text, parameter_place("amount"))


def _refund(
    context: Context, request: RefundRequest, owner: Owner, terms: Terms, requested_at: datetime, *, deallocates: bool
) -> Refund:
    return Refund(
        id=new_id(),
        currency=request.amount.currency,
        amount_minor=request.amount.minor_units,
        reason=request.reason,
        requested_by=context.actor,
        requested_at=requested_at,
        approvals_needed=terms.approvals_needed,
        counted_minor=terms.counted_minor,
        limits=terms.limits,
        window_days=terms.window_days,
        payment_id=request.payment_id,
        owner=owner,
        method=request.method,
        deallocates=deallocates,
    )
