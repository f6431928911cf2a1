"""The ledger of an account page by page, and its statement: as of any days, as it was known at any moment.

Both are sorted by the day that counts, then by when it was recorded. Asked again for the moment that an answer names,
the answer is the same for ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from billing.known_account import known_account
from ledger.chart import BALANCE_OF
from ledger.errors import rule_broken
from storage import account_ledger, journal
from storage.account_ledger import LedgerEntry, LedgerLine, Place, Stretch
from storage.transaction import Transaction

BALANCE_ACCOUNTS = tuple(BALANCE_OF)
"""What these sum to is the balance of a patient account: what is owed on it, less what is owed back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """From one day to another, both included and open where None, as known at a moment (None: now)."""

    first: date | None = None
    last: date | None = None
    recorded: datetime | None = None


@dataclass(frozen=True, slots=True)
class After:
    """Where a page goes on: behind a line, with the balance after it in minor units."""

    place: Place
    balance_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerPage:
    """Lines of an account, each with the balance after it, in minor units of its currency; up to `count`.

    `recorded` is the moment as of which it is all that is known, `opening_minor` the balance before the first line.
    """

    currency: str
    recorded: datetime
    opening_minor: int
    lines: list[tuple[LedgerLine, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What changed the balance of an account in a period, with the balances (by name) at its ends, in minor units."""

    currency: str
    recorded: datetime
    opening: dict[str, int]
    entries: list[tuple[LedgerEntry, int]]
    closing: dict[str, int]


async def ledger_lines(
    tx: Transaction, account_id: str, period: Period, *, count: int, after: After | None = None
) -> LedgerPage:
    """Every posting to the account in the period. A page that comes after another is asked for the same moment."""
    _refuse_backward(period)
    account = await known_account(tx, account_id, period.recorded)
    wanted = _stretch(account_id, period, period.recorded or _newest(account.recorded_at), after)
    opening = after.balance_minor if after else total_of(await _before(tx, wanted))
    lines = await account_ledger.lines(tx, wanted, count=count)
    balances = _running(opening, [line.amount_minor if line.ledger_account in BALANCE_OF else 0 for line in lines])
    return LedgerPage(
        currency=account.currency,
        recorded=wanted.recorded,
        opening_minor=opening,
        lines=list(zip(lines, balances, strict=True)),
    )


async def account_statement(
    tx: Transaction, account_id: str, period: Period, *, count: int, after: After | None = None
) -> Statement:
    """The entries of the period that changed the balance, between the balances at its ends, which each page has."""
    _refuse_backward(period)
    account = await known_account(tx, account_id, period.recorded)
    wanted = _stretch(account_id, period, period.recorded or _newest(account.recorded_at), after)
    opening = await _before(tx, wanted)
    closing = await _balances(tx, account_id, wanted.last, wanted.recorded)
    entries = await account_ledger.entries(tx, wanted, BALANCE_ACCOUNTS, count=count)
    balances = _running(after.balance_minor if after else total_of(opening), [entry.amount_minor for entry in entries])
    return Statement(
        currency=account.currency,
        recorded=wanted.recorded,
        opening=opening,
        entries=list(zip(entries, balances, strict=True)),
        closing=closing,
    )


def total_of(balances: dict[str, int]) -> int:
    """What balances by name come to, as `total` of the balance of an account."""
    return sum(sign * balances[name] for name, sign in BALANCE_OF.values())


def _refuse_backward(period: Period) -> None:
    if period.first is not None and period.last is not None and period.first > period.last:
        raise rule_broken("period-backward", "The first day comes after the last.")


def _newest(recorded_at: datetime | None) -> datetime:
    assert recorded_at is not None, "an account is opened at a moment"
    return recorded_at


def _stretch(account_id: str, period: Period, recorded: datetime, after: After | None) -> Stretch:
    return Stretch(account_id, period.first, period.last, recorded, after.place if after else None)


async def _before(tx: Transaction, wanted: Stretch) -> dict[str, int]:
    """The balances by name on the evening before the first day."""
    if wanted.first is None or wanted.first == date.min:
        return {name: 0 for name, _ in BALANCE_OF.values()}
    return await _balances(tx, wanted.account_id, wanted.first - timedelta(days=1), wanted.recorded)


async def _balances(tx: Transaction, account_id: str, on: date | None, recorded: datetime) -> dict[str, int]:
    sums = await journal.sums_as_of(tx, account_id, BALANCE_ACCOUNTS, effective=on, recorded=recorded)
    return {name: sign * sums.get(account, 0) for account, (name, sign) in BALANCE_OF.items()}


def _running(opening: int, changes: Sequence[int]) -> list[int]:
    balances, balance = [], opening
    for change in changes:
        balance += change
        balances.append(balance)
    return balances
