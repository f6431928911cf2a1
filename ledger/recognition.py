"""When revenue is recognised: as charges are captured, or as they are issued, for which it is deferred until then.

What is deferred stands on 2400, on a line for each ledger account that it goes to once it is recognised, which the line
names: what the service costs (4000), and what its price list took off (4110, 4120). So the journal says of each charge
by which point it was captured, and what is left to be recognised of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Final, Literal, NamedTuple

from ledger.chart import LedgerAccount
from ledger.journal import JournalEntry, Posting

Point = Literal["capture", "issue"]

CAPTURE: Final = "capture"
ISSUE: Final = "issue"

SETTING = "recognition_point"

KIND = "revenue-recognised"
REVERSED = "recognition-reversed"

_DEFERRED = LedgerAccount.DEFERRED_REVENUE
_INCOME = (LedgerAccount.PATIENT_REVENUE, LedgerAccount.COURTESY_DISCOUNTS, LedgerAccount.CHARITY)


class RecognitionChange(NamedTuple):
    """The point by which charges are captured that count on a day or later."""

    first_day: date
    point: Point


def point_on(changes: Sequence[RecognitionChange], day: date) -> Point:
    """By which point a charge is captured that counts on a day; the changes are in the order in which they were made.

    A change goes before all that were made earlier, also where one of those begins later.
    """
    return next((change.point for change in reversed(changes) if change.first_day <= day), CAPTURE)


def turning_days(changes: Sequence[RecognitionChange]) -> list[date]:
    """The days from which the point is another one than on the day before."""
    days = sorted({change.first_day for change in changes})
    return [day for day in days if point_on(changes, day) != point_on(changes, day - timedelta(days=1))]


def deferred(capture: JournalEntry) -> JournalEntry:
    """An entry that captures a charge, with all that it recognises put off."""
    return replace(
        capture,
        postings=tuple(
            line._replace(ledger_account=_DEFERRED, detail=str(int(line.ledger_account)))
            if line.ledger_account in _INCOME
            else line
            for line in capture.postings
        ),
    )


def is_deferred(postings: Sequence[Posting]) -> bool:
    """Whether what captured a charge put its revenue off."""
    return any(line.ledger_account == _DEFERRED for line in postings)


def income_account(line: Posting) -> LedgerAccount:
    """The ledger account of a line; of what is deferred that to which it goes."""
    return LedgerAccount(int(line.detail or 0)) if line.ledger_account == _DEFERRED else line.ledger_account


def recognition_entry(capture: JournalEntry, invoice_id: str, on: date) -> JournalEntry | None:
    """What recognises the revenue of a charge that an invoice bills on a day; None where its capture did.

    It counts on the day of the invoice, or of the capture where that is later: revenue is not recognised before.
    """
    postings: list[Posting] = []
    for line in capture.postings:
        if line.ledger_account == _DEFERRED:
            back = line._replace(amount_minor=-line.amount_minor, invoice_id=invoice_id)
            recognised = line._replace(ledger_account=income_account(line), invoice_id=invoice_id, detail=None)
            postings += [back, recognised]
    if not postings:
        return None
    return JournalEntry(
        kind=KIND,
        currency=capture.currency,
        effective_at=max(on, capture.effective_at),
        source_type="ChargeItem",
        source_id=capture.source_id,
        postings=tuple(postings),
    )
