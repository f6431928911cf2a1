"""The balance of an account: now, or as of an effective date, or as it was known at a moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from billing.context import Context
from billing.known_account import known_account
from ledger.aging import aged
from ledger.chart import BALANCE_OF
from ledger.money import Money
from storage import aging, journal
from storage.transaction import Transaction


@dataclass(frozen=True, slots=True)
class BalanceSheet:
    """`total` = unbilled + billed - unapplied - refund payable; the buckets of `aging` sum to what is billed."""

    currency: str
    unbilled: Money
    billed_patient: Money
    billed_payer: Money
    unapplied: Money
    held: Money
    refund_payable: Money
    total: Money
    aging: tuple[tuple[str, Money], ...]


async def account_balance(
    tx: Transaction, context: Context, account_id: str, *, on: date | None, recorded: datetime | None
) -> BalanceSheet:
    """Sums of the journal; of now those that are kept, which `./run check` proves to be the same.

    The lock waits for who is posting now, so that an answer for a moment that is past never changes.
    """
    balance = await known_account(tx, account_id, recorded)
    as_of_now = on is None and recorded is None
    if as_of_now:
        amounts = {name: getattr(balance, name) for name, _ in BALANCE_OF.values()}
    else:
        sums = await journal.sums_as_of(tx, account_id, list(BALANCE_OF), effective=on, recorded=recorded)
        amounts = {name: sign * sums.get(account, 0) for account, (name, sign) in BALANCE_OF.items()}
    # As known at a moment, an answer must not change with the day on which it is asked for.
    aged_on = on or context.today(recorded or tx.now)
    buckets = aged(await aging.dues_of(tx, account_id, effective=on, recorded=recorded), aged_on)

    def money(minor_units: int) -> Money:
        return Money(balance.currency, minor_units)

    return BalanceSheet(
        currency=balance.currency,
        unbilled=money(amounts["unbilled"]),
        billed_patient=money(amounts["billed_patient"]),
        billed_payer=money(amounts["billed_payer"]),
        unapplied=money(amounts["unapplied"]),
        held=money(balance.held if as_of_now else 0),
        refund_payable=money(amounts["refund_payable"]),
        total=money(
            amounts["unbilled"]
            + amounts["billed_patient"]
            + amounts["billed_payer"]
            - amounts["unapplied"]
            - amounts["refund_payable"]
        ),
        aging=tuple((bucket, money(amount)) for bucket, amount in buckets.items()),
    )
