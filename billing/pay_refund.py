"""Pay an approved refund: the money leaves the asset account that it is paid from."""

from __future__ import annotations

from billing.cash_drawer import SETTING, drawer_for
from billing.context import Context
from billing.locked_refund import LockedRefund, locked_refund
from billing.request_refund import refuse_method
from ledger.approval import APPROVED, PAID, refuse_unless
from ledger.chart import ASSET_OF_METHOD, LedgerAccount
from ledger.refund import paid_entry
from storage import journal
from storage.journal import PaymentHolding
from storage.transaction import Transaction

_ASSETS = frozenset(ASSET_OF_METHOD.values())


async def pay_refund(
    tx: Transaction, context: Context, refund_id: str, *, method: str | None, drawer: str | None = None
) -> LockedRefund:
    """By the method that is said here or was when it was requested; else from where the payment's money lies.

    Cash comes out of the named drawer, or that of the cashier's open session; without sessions, out of the one that
    the payment's cash lies in.
    """
    if method is not None:
        refuse_method(method)
    locked = await locked_refund(tx, refund_id)
    refuse_unless(locked.status, APPROVED, "refund")
    lying = [each for each in await journal.holdings(tx, locked.refund.payment_id) if each.ledger_account in _ASSETS]
    chosen = method or locked.refund.method
    asset = ASSET_OF_METHOD[chosen] if chosen else _where_most_lies(lying)
    if drawer is None and context.tenant.setting(SETTING) == "off":
        drawer = next((each.detail for each in lying if each.ledger_account == asset), None)
    paid_from = await drawer_for(tx, context, asset, locked.refund.currency, drawer, "/drawer")
    journal.append(tx, paid_entry(locked.refund, asset, paid_from, context.today(tx.now)))
    locked.decide(tx, context.actor, PAID, PAID, method=chosen)
    return locked


def _where_most_lies(lying: list[PaymentHolding]) -> LedgerAccount:
    most = max(lying, key=lambda each: each.amount_minor, default=None)
    return LedgerAccount.BANK if most is None else most.ledger_account
