"""Cash in a drawer: a session from its float to what was counted, and the rounding to the smallest coin."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from ledger.chart import LedgerAccount
from ledger.journal import JournalEntry, Posting, transfer

OVER_SHORT = "cash-over-short"
ROUNDED = "cash-rounded"
ROUNDING_REVERSED = "cash-rounding-reversed"
SOURCE = "CashSession"


@dataclass(slots=True, kw_only=True)
class CashSession:
    """A drawer in one currency while somebody answers for it. What is declared is there once it is closed."""

    id: str
    drawer: str
    currency: str
    float_minor: int
    opened_by: str
    opened_at: datetime
    declared_minor: int | None = None
    expected_minor: int | None = None
    closed_by: str | None = None
    closed_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        return self.closed_at is None

    @property
    def over_minor(self) -> int | None:
        """What was counted beyond what was expected; less than nothing where some was missing."""
        if self.declared_minor is None or self.expected_minor is None:
            return None
        return self.declared_minor - self.expected_minor


def over_short_entry(session: CashSession, on: date) -> JournalEntry | None:
    """What is over: 1010 -> 5300; what is short: 5300 -> 1010. None where the drawer was right."""
    over = session.over_minor
    if not over:
        return None
    postings = (
        Posting(LedgerAccount.CASH, over, detail=session.drawer),
        Posting(LedgerAccount.CASH_OVER_SHORT, -over),
    )
    return JournalEntry(
        kind=OVER_SHORT,
        currency=session.currency,
        effective_at=on,
        source_type=SOURCE,
        source_id=session.id,
        postings=postings,
    )


def rounded_to_coin(amount_minor: int, coin_minor: int) -> int:
    """The nearest amount that can be paid in coins, half upwards; the amount itself where there is no smallest coin."""
    return amount_minor if coin_minor <= 1 else (amount_minor + coin_minor // 2) // coin_minor * coin_minor


def rounding_entry(payment_id: str, drawer: str | None, difference_minor: int, currency: str, on: date) -> JournalEntry:
    """What was taken beyond the amount: 1010 -> 5900; what was let off: 5900 -> 1010. No money of the payment."""
    lines = transfer(LedgerAccount.CASH, LedgerAccount.CASH_ROUNDING, difference_minor)
    return JournalEntry(
        kind=ROUNDED,
        currency=currency,
        effective_at=on,
        source_type="PaymentReconciliation",
        source_id=payment_id,
        postings=(lines[0]._replace(detail=drawer), lines[1]),
    )
