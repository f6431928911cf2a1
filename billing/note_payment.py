"""Take a notice about a payment: paid books nothing, cleared moves the money from clearing to the bank, once."""

from __future__ import annotations

from datetime import date

from billing.change import Change
from billing.context import Context
from billing.receive_payment import posts
from billing.record_change import record_creation, record_update
from billing.server_owned import check_status
from billing.status_rules import CLEARED, NEW, StatusRule
from ledger.chart import LedgerAccount
from ledger.dates import whole_date_of
from ledger.errors import conflict, rule_broken
from ledger.journal import reversal
from ledger.payment import CLEARED as ENTRY_CLEARED
from ledger.payment import UNCLEARED, cleared_entry
from ledger.payment_notice import PaymentNotice
from ledger.payment_reconciliation import PaymentReconciliation
from storage import journal
from storage.resource_rows import lock_and_load
from storage.transaction import Transaction


async def note_payment(tx: Transaction, context: Context, notice: PaymentNotice, *, base_version: int = 0) -> Change:
    rule = await check_status(tx, notice, NEW, notice.status)
    payment = await _payment(tx, notice)
    change = record_creation(tx, notice, base_version=base_version)
    if clears(notice):
        await _clear(tx, context, notice, payment, rule)
    return change


async def change_notice(tx: Transaction, context: Context, notice: PaymentNotice, previous: PaymentNotice) -> Change:
    was_cleared = clears(previous)
    rule = await check_status(tx, notice, CLEARED if was_cleared else previous.status, notice.status)
    payment = await _payment(tx, notice)
    if was_cleared and (notice.payment_id, notice.amount[:2]) != (previous.payment_id, previous.amount[:2]):
        assert rule.refusal is not None
        raise rule.refusal.at("PaymentNotice")
    change = record_update(tx, notice, previous)
    if was_cleared and not clears(notice):
        await _take_back(tx, context, notice, payment)
    elif clears(notice) and not was_cleared:
        await _clear(tx, context, notice, payment, rule)
    return change


def clears(notice: PaymentNotice) -> bool:
    return notice.status == "active" and any(row.value == "cleared" for row in notice.indexed("payment-status"))


async def _payment(tx: Transaction, notice: PaymentNotice) -> PaymentReconciliation | None:
    """The payment, locked; None where it lives elsewhere. The notice's amount is not more than the payment's."""
    if notice.payment_id is None:
        return None
    payment = (await lock_and_load(tx, "PaymentReconciliation", [notice.payment_id])).get(notice.payment_id)
    if not isinstance(payment, PaymentReconciliation):
        raise rule_broken(
            "reference-not-found",
            f"PaymentReconciliation/{notice.payment_id} does not exist; create it first.",
            "PaymentNotice.payment.reference",
            "not-found",
        )
    amount, paid = notice.amount, payment.payment_amount
    if amount.currency is not None and paid.currency is not None and amount.currency != paid.currency:
        raise rule_broken("currency-mismatch", f"The payment is in {paid.currency}.", "PaymentNotice.amount.currency")
    if (
        amount.currency == paid.currency
        and amount.minor_units is not None
        and paid.minor_units is not None
        and amount.minor_units > paid.minor_units
    ):
        raise rule_broken("amount-exceeds-payment", "It is more than the payment.", "PaymentNotice.amount.value")
    return payment


async def _clear(
    tx: Transaction,
    context: Context,
    notice: PaymentNotice,
    payment: PaymentReconciliation | None,
    rule: StatusRule,
) -> None:
    if payment is None:
        raise rule_broken(
            "payment-elsewhere",
            "Only a payment of this server can be cleared; refer to its PaymentReconciliation here.",
            "PaymentNotice.payment",
        )
    held = await journal.holdings(tx, payment.id)
    in_clearing = sum(item.amount_minor for item in held if item.ledger_account is LedgerAccount.CLEARING)
    if in_clearing <= 0:
        assert rule.refusal is not None
        raise rule.refusal.at("PaymentNotice.paymentStatus")
    assert payment.payment_amount.currency is not None
    journal.append(
        tx,
        cleared_entry(notice.id, payment.id, in_clearing, payment.payment_amount.currency, _day(tx, context, notice)),
    )


async def _take_back(
    tx: Transaction, context: Context, notice: PaymentNotice, payment: PaymentReconciliation | None
) -> None:
    if payment is not None and not posts(payment):
        text = "The payment was reversed, from the bank that had it; its clearing stays."
        raise conflict("invalid-state", text, "PaymentNotice.payment")
    for entry_id, entry in await journal.standing(tx, "PaymentNotice", [notice.id], ENTRY_CLEARED):
        today = max(context.today(tx.now), entry.effective_at)
        journal.append(tx, reversal(entry, entry_id, effective_at=today, kind=UNCLEARED))


def _day(tx: Transaction, context: Context, notice: PaymentNotice) -> date:
    today = context.today(tx.now)
    if notice.payment_date is None:
        return today
    on = whole_date_of(notice.payment_date, context.tenant.timezone, "PaymentNotice.paymentDate")
    if on > today:
        raise rule_broken("date-in-future", f"Today is {today}.", "PaymentNotice.paymentDate")
    return on
