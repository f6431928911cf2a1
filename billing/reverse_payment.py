"""Reverse a payment: the money is not there after all, and all that was booked of it is undone.

What it was put to is taken off, what a remittance said of payers' shares is reversed, and the money goes back from the
asset that holds it now. Money that is held or refunded is somebody's: then nothing is reversed.
"""

from __future__ import annotations

from datetime import date

from billing.allocation import Payable
from billing.cash_drawer import drawer_for
from billing.change import Change
from billing.context import Context
from billing.deallocation import settle_from_journal, undo_allocations, undo_excess
from billing.locked_payment import LockedPayment, locked_payment, refuse_unposted
from billing.places import parameter_place
from ledger.cash_session import ROUNDED, ROUNDING_REVERSED
from ledger.chart import ASSET_OF_METHOD, LedgerAccount
from ledger.dates import whole_date_of
from ledger.errors import conflict, rule_broken
from ledger.journal import Posting, reversal
from ledger.money import Money
from ledger.payment import UNAPPLIED, ShareKey, fee_entry, reversed_entry
from ledger.remittance import KINDS
from ledger.remittance import REVERSED as REMITTANCE_REVERSED
from storage import journal, refunds
from storage.journal import PaymentHolding, StandingEntry
from storage.transaction import Transaction

REVERSED = "billing.payment.reversed.v1"
REASONS = ("bounced", "chargeback", "mis-keyed")

_ASSETS = frozenset(ASSET_OF_METHOD.values())
_BY_GATEWAY = ("card", "mobile-money")


async def reverse_payment(
    tx: Transaction, context: Context, payment_id: str, *, reason: str, on: date | None = None, fee: Money | None = None
) -> Change:
    """Undo a payment wholly. `fee`: what the bank or the gateway takes for it."""
    locked = await locked_payment(tx, payment_id)
    refuse_unposted(locked.payment)
    if await refunds.held_of(tx, payment_id):
        text = "Some of the payment is held for a refund that waits; reject that first."
        raise conflict("payment-held", text, "PaymentReconciliation")
    said = [
        entry for kind in KINDS for entry in await journal.standing(tx, "PaymentReconciliation", [payment_id], kind)
    ]
    day = await _day(tx, context, locked, on)
    _refuse_fee(locked, fee)
    await undo_allocations(tx, context, locked, on=day, reason=reason)
    for payable in locked.payables.values():
        await _make_room(tx, context, payable, said, day, reason)
    for entry_id, entry in said:
        back = reversal(entry, entry_id, effective_at=day, kind=REMITTANCE_REVERSED, reason=reason)
        journal.append(tx, back)
    await _give_back(tx, context, locked, day, reason, fee)
    touched = [payable for payable in locked.payables.values() if payable.invoice.status in ("issued", "balanced")]
    await settle_from_journal(tx, touched)
    locked.payment.status = "cancelled"
    return locked.record(tx, REVERSED)


async def _day(tx: Transaction, context: Context, locked: LockedPayment, on: date | None) -> date:
    """The day of the reversal: not before anything that it takes back."""
    today, place = context.today(tx.now), parameter_place("date")
    assert locked.payment.payment_date is not None
    paid_on = whole_date_of(locked.payment.payment_date, context.tenant.timezone, "PaymentReconciliation.paymentDate")
    if on is not None and on > today:
        raise rule_broken("date-in-future", f"Today is {today}.", place)
    if on is not None and on < paid_on:
        raise rule_broken("date-before-payment", f"The payment is of {paid_on}.", place)
    return max(on or today, await journal.last_day_of_payment(tx, locked.payment.id) or paid_on)


def _refuse_fee(locked: LockedPayment, fee: Money | None) -> None:
    if fee is not None and fee.currency != locked.currency:
        raise rule_broken("currency-mismatch", f"The payment is in {locked.currency}.", parameter_place("fee"))
    if fee is not None and fee.minor_units < 0:
        raise rule_broken("amount-not-positive", "A fee is not less than nothing.", parameter_place("fee"))


async def _make_room(
    tx: Transaction, context: Context, payable: Payable, said: list[StandingEntry], day: date, reason: str
) -> None:
    """Take off what others paid beyond the shares as they are without what the remittance said of them."""
    lowered: dict[ShareKey, int] = {}
    for _, entry in said:
        for line in entry.postings:
            if line.invoice_id == payable.invoice.id and line.ledger_account in _RECEIVABLES:
                key = line.ledger_account, line.payer
                lowered[key] = lowered.get(key, 0) + line.amount_minor
    if any(amount > 0 for amount in lowered.values()):
        await undo_excess(tx, context, payable, lowered=lowered, on=day, reason=reason)


_RECEIVABLES = (LedgerAccount.RECEIVABLE_PATIENT, LedgerAccount.RECEIVABLE_PAYER)


async def _give_back(
    tx: Transaction, context: Context, locked: LockedPayment, day: date, reason: str, fee: Money | None
) -> None:
    holdings = await journal.holdings(tx, locked.payment.id)
    assets = [each for each in holdings if each.ledger_account in _ASSETS]
    unapplied = [each for each in holdings if each.ledger_account in UNAPPLIED]
    amount = locked.payment.payment_amount.minor_units
    if sum(each.amount_minor for each in assets) != amount or -sum(each.amount_minor for each in unapplied) != amount:
        text = "Some of the payment is refunded; what is left of it is not reversed."
        raise conflict("payment-refunded", text, "PaymentReconciliation")
    for each in assets:
        await drawer_for(tx, context, each.ledger_account, locked.currency, each.detail)
    for entry_id, entry in await journal.standing(tx, "PaymentReconciliation", [locked.payment.id], ROUNDED):
        journal.append(tx, reversal(entry, entry_id, effective_at=day, kind=ROUNDING_REVERSED, reason=reason))
    held = [_posting(locked.payment.id, each) for each in [*unapplied, *assets]]
    if held:
        journal.append(tx, reversed_entry(locked.payment.id, held, locked.currency, day, reason))
    if fee:
        from_clearing = any(each.ledger_account is LedgerAccount.CLEARING for each in assets)
        takes_it = from_clearing and locked.payment.method in _BY_GATEWAY
        asset = LedgerAccount.CLEARING if takes_it else LedgerAccount.BANK
        journal.append(tx, fee_entry(locked.payment.id, asset, fee.minor_units, locked.currency, day))


def _posting(payment_id: str, holding: PaymentHolding) -> Posting:
    return Posting(
        holding.ledger_account,
        holding.amount_minor,
        holding.account_id,
        payment_id=payment_id,
        payer=holding.payer,
        detail=holding.detail,
    )
