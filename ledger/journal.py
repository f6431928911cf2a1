"""Journal entries: what happened, as postings that sum to zero.

A posting is a signed integer: a debit is positive, a credit negative. An entry is never changed; it is corrected by an
entry that reverses it exactly, once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from typing import NamedTuple

from ledger.chart import BALANCE_OF, LedgerAccount
from ledger.errors import rule_broken


class Posting(NamedTuple):
    """One line of an entry; the ids say what it is about.

    `detail` is the tax code (2200), the drawer (1010), or the ledger account to which it goes (2400).
    """

    ledger_account: LedgerAccount
    amount_minor: int
    account_id: str | None = None
    invoice_id: str | None = None
    charge_item_id: str | None = None
    payment_id: str | None = None
    payer: str | None = None
    facility: str | None = None
    detail: str | None = None


FIRST_DAY = date(1900, 1, 1)
"""An earlier date is a slip of the pen: 0206 for 2026."""

_DATED_BY = {
    "ChargeItem": "ChargeItem.occurrence",
    "Invoice": "Invoice.date",
    "PaymentReconciliation": "PaymentReconciliation.paymentDate",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """An entry in one currency. `effective_at` is the accounting date; the source is the resource that caused it."""

    kind: str
    currency: str
    effective_at: date
    source_type: str
    source_id: str
    postings: tuple[Posting, ...]
    service_date: date | None = None
    reverses_entry_id: str | None = None
    reason: str | None = None

    def __post_init__(self) -> None:
        amounts = [posting.amount_minor for posting in self.postings]
        assert sum(amounts) == 0, self
        assert all(amounts), self


def refuse_slips(entry: JournalEntry) -> None:
    """Refuse an entry of a day before there were books."""
    if entry.effective_at < FIRST_DAY:
        place = _DATED_BY.get(entry.source_type, "")
        raise rule_broken("date-out-of-range", f"Nothing is booked before {FIRST_DAY}.", place)


def transfer(
    debit: LedgerAccount,
    credit: LedgerAccount,
    amount_minor: int,
    *,
    account_id: str | None = None,
    invoice_id: str | None = None,
    charge_item_id: str | None = None,
    payment_id: str | None = None,
    payer: str | None = None,
    facility: str | None = None,
    detail: str | None = None,
) -> list[Posting]:
    """The two postings of `debit -> credit`, about the same things; none where the amount is zero."""
    if amount_minor == 0:
        return []
    about = (account_id, invoice_id, charge_item_id, payment_id, payer, facility, detail)
    return [Posting(debit, amount_minor, *about), Posting(credit, -amount_minor, *about)]


def merged(postings: Iterable[Posting]) -> tuple[Posting, ...]:
    """The same postings with those that are about the same thing added up, and what comes to nothing left out."""
    sums: dict[Posting, int] = {}
    for posting in postings:
        key = posting._replace(amount_minor=0)
        sums[key] = sums.get(key, 0) + posting.amount_minor
    return tuple(key._replace(amount_minor=amount) for key, amount in sums.items() if amount)


def reversal(
    entry: JournalEntry, entry_id: str, *, effective_at: date, kind: str, reason: str | None = None
) -> JournalEntry:
    """The entry that takes another back exactly: the same lines with the opposite sign."""
    return replace(
        entry,
        kind=kind,
        effective_at=effective_at,
        reverses_entry_id=entry_id,
        reason=reason,
        postings=tuple(posting._replace(amount_minor=-posting.amount_minor) for posting in entry.postings),
    )


def balance_changes(postings: Iterable[Posting]) -> dict[str, dict[str, int]]:
    """What postings do to the balances of patient accounts: account id -> balance -> minor units."""
    changes: dict[str, dict[str, int]] = {}
    for posting in postings:
        balance = BALANCE_OF.get(posting.ledger_account)
        if balance is None or posting.account_id is None:
            continue
        name, sign = balance
        of_account = changes.setdefault(posting.account_id, {})
        of_account[name] = of_account.get(name, 0) + sign * posting.amount_minor
    return changes
