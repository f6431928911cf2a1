"""The journal: entries are added, with their postings, and read back. Nothing here changes one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from functools import cache
from typing import LiteralString, NamedTuple

from ledger.chart import LedgerAccount
from ledger.journal import JournalEntry, Posting, balance_changes, refuse_slips
from storage import account_balances
from storage.array_insert import JOURNAL_ORDER, ArrayInsert, made_of_tables
from storage.pipeline import Row, Statement
from storage.resource_ids import new_id
from storage.tables import cash_movement, journal_entry, posting
from storage.transaction import Transaction

FOREVER, FOREVER_AGO = "infinity", "-infinity"
"""After and before every day and moment, as PostgreSQL writes it. What is open is sent as these: under row-level
security no index is used for a comparison with an expression such as coalesce, which might leak what it sees.
"""

_INSERT_ENTRY = ArrayInsert(journal_entry, JOURNAL_ORDER)
_INSERT_POSTING = ArrayInsert(posting, JOURNAL_ORDER + 1)
_INSERT_CASH_MOVEMENT = ArrayInsert(cash_movement, JOURNAL_ORDER + 2)

_ENTRY_LINES: LiteralString = (
    "SELECT e.entry_id::text, e.kind, p.currency, e.effective_at, e.source_type, e.source_id, e.service_date, e.reason,"
    " p.ledger_account, p.amount_minor, p.account_id, p.invoice_id, p.charge_item_id, p.payment_id, p.payer,"
    " p.facility, p.detail"
    " FROM billing.journal_entry AS e"
    " JOIN billing.posting AS p ON p.tenant_id = e.tenant_id AND p.entry_id = e.entry_id"
)
_STANDS: LiteralString = (
    " AND e.reverses_entry_id IS NULL AND NOT EXISTS ("
    "SELECT FROM billing.journal_entry AS r WHERE r.tenant_id = e.tenant_id AND r.reverses_entry_id = e.entry_id)"
    " ORDER BY e.recorded_at, e.entry_id, p.line"
)
# Entries of a source that are not taken back, each with its postings.
_STANDING = Statement(
    f"{_ENTRY_LINES} WHERE e.tenant_id = $1 AND e.source_type = $2 AND e.source_id = ANY($3::text[]) AND e.kind = $4"
    f"{_STANDS}"
)
# The same of those that have a line about an invoice.
_STANDING_ON = Statement(
    f"{_ENTRY_LINES} WHERE e.tenant_id = $1 AND e.kind = $3 AND e.entry_id IN (SELECT a.entry_id FROM billing.posting"
    f" AS a WHERE a.tenant_id = $1 AND a.invoice_id = ANY($2::text[])){_STANDS}"
)
_ACCOUNTS_OF_PAYMENTS = Statement(
    "SELECT DISTINCT account_id FROM billing.posting"
    " WHERE tenant_id = $1 AND payment_id = ANY($2::text[]) AND account_id IS NOT NULL"
)
_PUT_TO = Statement(
    "SELECT EXISTS (SELECT FROM billing.posting AS p JOIN billing.journal_entry AS e"
    " ON e.tenant_id = p.tenant_id AND e.entry_id = p.entry_id AND e.reverses_entry_id IS NULL"
    " WHERE p.tenant_id = $1 AND p.invoice_id = $2 AND p.payment_id IS NOT NULL AND NOT EXISTS ("
    "SELECT FROM billing.journal_entry AS r WHERE r.tenant_id = e.tenant_id AND r.reverses_entry_id = e.entry_id))"
)
_INVOICES_OF_PAYMENTS = Statement(
    "SELECT DISTINCT invoice_id FROM billing.posting"
    " WHERE tenant_id = $1 AND payment_id = ANY($2::text[]) AND invoice_id IS NOT NULL"
)
# Money that payers put to their own shares, less what they took back.
_PAID_OF_PAYER_SHARES = Statement(
    "SELECT p.invoice_id, p.payer, -sum(p.amount_minor)::bigint FROM billing.posting AS p"
    " JOIN billing.journal_entry AS e ON e.tenant_id = p.tenant_id AND e.entry_id = p.entry_id"
    " LEFT JOIN billing.journal_entry AS o ON o.tenant_id = e.tenant_id AND o.entry_id = e.reverses_entry_id"
    " WHERE p.tenant_id = $1 AND p.invoice_id = ANY($2::text[]) AND p.ledger_account = 1110"
    " AND coalesce(o.kind, e.kind) IN ('payment-allocated', 'payment-taken-back') GROUP BY p.invoice_id, p.payer"
)
# The money that was there first comes first.
_PAYMENTS_WITH_MONEY_OF = Statement(
    "SELECT payment_id FROM billing.posting WHERE tenant_id = $1 AND account_id = $2 AND ledger_account = 2100"
    " AND payment_id IS NOT NULL GROUP BY payment_id HAVING sum(amount_minor) < 0"
    " ORDER BY min(effective_at), min(recorded_at), payment_id"
)
_LAST_DAY_OF_PAYMENT = Statement(
    "SELECT max(effective_at) FROM billing.posting WHERE tenant_id = $1 AND payment_id = $2"
)
_LAST_DAY_OF_KIND = Statement("SELECT max(effective_at) FROM billing.journal_entry WHERE tenant_id = $1 AND kind = $2")
_FREE_SINCE = Statement(
    "SELECT account_id, payer, max(effective_at) FROM billing.posting WHERE tenant_id = $1 AND payment_id = $2"
    " AND ledger_account IN (2100, 2110) AND amount_minor < 0 GROUP BY account_id, payer"
)
_OPEN_OF_INVOICES = Statement(
    "SELECT invoice_id, ledger_account, payer, sum(amount_minor)::bigint,"
    " max(effective_at) FILTER (WHERE amount_minor > 0) FROM billing.posting"
    " WHERE tenant_id = $1 AND invoice_id = ANY($2::text[]) AND ledger_account IN (1100, 1110)"
    " GROUP BY invoice_id, ledger_account, payer ORDER BY invoice_id, ledger_account, payer"
)
_OF_PAYMENT = Statement(
    "SELECT ledger_account, account_id, payer, detail, sum(amount_minor)::bigint FROM billing.posting"
    " WHERE tenant_id = $1 AND payment_id = $2"
    " GROUP BY ledger_account, account_id, payer, detail HAVING sum(amount_minor) <> 0"
    " ORDER BY ledger_account, account_id, payer, detail"
)
_HAS_POSTINGS = Statement(
    "SELECT EXISTS (SELECT FROM billing.posting WHERE tenant_id = $1 AND account_id = $2),"
    " EXISTS (SELECT FROM billing.journal_entry WHERE tenant_id = $1 AND source_type = $3 AND source_id = $2)"
)


class StandingEntry(NamedTuple):
    entry_id: str
    entry: JournalEntry


class OpenShare(NamedTuple):
    """What is still owed of an invoice: by the patient (payer None) or by a payer.

    `since` is when it was owed, or owed again, last; None where nothing ever was.
    """

    ledger_account: LedgerAccount
    payer: str | None
    amount_minor: int
    since: date | None


class PaymentHolding(NamedTuple):
    """Where money of a payment lies: positive in an asset account, negative where it is owed."""

    ledger_account: LedgerAccount
    account_id: str | None
    payer: str | None
    detail: str | None
    amount_minor: int


def append(tx: Transaction, entry: JournalEntry) -> str:
    """Add an entry and change the balances of the accounts that it touches, all of which are locked; its id.

    This is the one place where entries are dated: what is of a closed period counts on the first open day. Each entry
    of an account is recorded later than the one before, whatever the clocks say.
    """
    refuse_slips(entry)
    effective_at = tx.accounting_date(entry.effective_at)
    if effective_at != entry.effective_at:
        entry = replace(entry, effective_at=effective_at)
    changes = balance_changes(entry.postings)
    touched = [tx.balances[each] for each in {line.account_id for line in entry.postings} if each is not None]
    assert all(balance.currency == entry.currency for balance in touched), (touched, entry)
    recorded_at = tx.next_instant(
        max((balance.recorded_at for balance in touched if balance.recorded_at), default=None)
    )
    for balance in touched:
        balance.recorded_at = recorded_at
        for name, change in changes.get(balance.account_id, {}).items():
            setattr(balance, name, getattr(balance, name) + change)
        account_balances.mark_changed(tx, balance.account_id)
    entry_id = new_id()
    tx.add(_INSERT_ENTRY, _entry_row(tx, entry_id, entry, recorded_at))
    for line, item in enumerate(entry.postings, 1):
        tx.add(_INSERT_POSTING, _posting_row(tx, entry_id, line, entry, item, recorded_at))
        if item.ledger_account is LedgerAccount.CASH and tx.cash_sessions:
            session_id = tx.cash_sessions.get((item.detail or "", entry.currency))
            if session_id is not None:
                tx.add(_INSERT_CASH_MOVEMENT, (tx.tenant_id, session_id, entry_id, item.amount_minor))
    return entry_id


def _entry_row(tx: Transaction, entry_id: str, entry: JournalEntry, recorded_at: datetime) -> Sequence[object]:
    return (
        tx.tenant_id,
        entry_id,
        entry.kind,
        entry.effective_at,
        entry.service_date,
        recorded_at,
        entry.source_type,
        entry.source_id,
        entry.reverses_entry_id,
        entry.reason,
        tx.actor,
    )


def _posting_row(
    tx: Transaction, entry_id: str, line: int, entry: JournalEntry, item: Posting, recorded_at: datetime
) -> Sequence[object]:
    return (
        tx.tenant_id,
        entry_id,
        line,
        int(item.ledger_account),
        entry.currency,
        item.amount_minor,
        entry.effective_at,
        recorded_at,
        item.account_id,
        item.invoice_id,
        item.charge_item_id,
        item.payment_id,
        item.payer,
        item.facility,
        item.detail,
    )


async def standing(tx: Transaction, source_type: str, source_ids: Sequence[str], kind: str) -> list[StandingEntry]:
    """The entries of a kind that sources made and that are not reversed, oldest first."""
    return _entries(await tx.fetch(_STANDING, tx.tenant_id, source_type, list(source_ids), kind))


async def standing_on(tx: Transaction, invoice_ids: Sequence[str], kind: str) -> list[StandingEntry]:
    """The entries of a kind that are about invoices and that are not reversed, oldest first."""
    return _entries(await tx.fetch(_STANDING_ON, tx.tenant_id, list(invoice_ids), kind))


def _entries(rows: Sequence[Row]) -> list[StandingEntry]:
    by_entry: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_entry[row[0]].append(row)
    return [
        StandingEntry(
            entry_id,
            JournalEntry(
                kind=lines[0][1],
                currency=lines[0][2],
                effective_at=lines[0][3],
                source_type=lines[0][4],
                source_id=lines[0][5],
                service_date=lines[0][6],
                reason=lines[0][7],
                postings=tuple(Posting(LedgerAccount(line[8]), *line[9:]) for line in lines),
            ),
        )
        for entry_id, lines in by_entry.items()
    ]


async def open_shares(tx: Transaction, invoice_ids: Sequence[str]) -> dict[str, list[OpenShare]]:
    """What is still owed of each invoice, the patient's share first."""
    shares: defaultdict[str, list[OpenShare]] = defaultdict(list)
    for invoice_id, account, *share in await tx.fetch(_OPEN_OF_INVOICES, tx.tenant_id, list(invoice_ids)):
        shares[invoice_id].append(OpenShare(LedgerAccount(account), *share))
    return shares


async def holdings(tx: Transaction, payment_id: str) -> list[PaymentHolding]:
    """Where the money of a payment lies now."""
    rows = await tx.fetch(_OF_PAYMENT, tx.tenant_id, payment_id)
    return [PaymentHolding(LedgerAccount(row[0]), *row[1:]) for row in rows]


async def is_put_to(tx: Transaction, invoice_id: str) -> bool:
    """Whether anything of a payment stands on an invoice, though it may come to nothing."""
    return bool((await tx.fetch(_PUT_TO, tx.tenant_id, invoice_id))[0][0])


async def accounts_of_payments(tx: Transaction, payment_ids: Sequence[str]) -> set[str]:
    """Every account that money of payments ever touched."""
    return {row[0] for row in await tx.fetch(_ACCOUNTS_OF_PAYMENTS, tx.tenant_id, list(payment_ids))}


async def invoices_of_payments(tx: Transaction, payment_ids: Sequence[str]) -> set[str]:
    """Every invoice that payments were ever put to, or said something of."""
    return {row[0] for row in await tx.fetch(_INVOICES_OF_PAYMENTS, tx.tenant_id, list(payment_ids))}


async def paid_of_payer_shares(tx: Transaction, invoice_ids: Sequence[str]) -> dict[tuple[str, str], int]:
    """(invoice, payer) -> what money of payers settles of the payer's own share."""
    return {(row[0], row[1]): row[2] for row in await tx.fetch(_PAID_OF_PAYER_SHARES, tx.tenant_id, list(invoice_ids))}


async def payments_with_money_of(tx: Transaction, account_id: str) -> list[str]:
    """The payments of which an account owns unapplied money, the oldest money first."""
    return [row[0] for row in await tx.fetch(_PAYMENTS_WITH_MONEY_OF, tx.tenant_id, account_id)]


async def last_day_of_payment(tx: Transaction, payment_id: str) -> date | None:
    """The latest day on which anything that is booked of a payment counts."""
    day: date | None = (await tx.fetch(_LAST_DAY_OF_PAYMENT, tx.tenant_id, payment_id))[0][0]
    return day


async def last_day_of_kind(tx: Transaction, kind: str) -> date | None:
    """The latest day on which an entry of a kind counts, whether it is reversed or not. It reads the whole journal."""
    day: date | None = (await tx.fetch(_LAST_DAY_OF_KIND, tx.tenant_id, kind))[0][0]
    return day


async def free_since(tx: Transaction, payment_id: str) -> dict[tuple[str | None, str | None], date]:
    """(account, payer) that owns money of a payment -> the day on which some of it came to it last."""
    return {(row[0], row[1]): row[2] for row in await tx.fetch(_FREE_SINCE, tx.tenant_id, payment_id)}


async def is_posted_to(tx: Transaction, resource_type: str, resource_id: str) -> bool:
    """Whether the journal knows the resource: as an account, or as what caused an entry."""
    as_account, as_source = (await tx.fetch(_HAS_POSTINGS, tx.tenant_id, resource_id, resource_type))[0]
    return bool(as_source or (as_account and resource_type == "Account"))


async def sums_as_of(
    tx: Transaction,
    account_id: str,
    accounts: Sequence[LedgerAccount],
    *,
    effective: date | None,
    recorded: datetime | None,
) -> dict[LedgerAccount, int]:
    """The sum of an account's postings by ledger account, up to both dates."""
    summed = tuple(int(account) for account in accounts)
    asked = (tx.tenant_id, account_id, list(summed), effective or FOREVER, recorded or FOREVER)
    [sums] = await tx.fetch(_as_of(summed), *asked)
    return {account: amount for account, amount in zip(accounts, sums, strict=True) if amount is not None}


@cache
def _as_of(accounts: tuple[int, ...]) -> Statement:
    """Sums as columns: to group them PostgreSQL would sort what may be a million postings."""
    sums = ", ".join(f"sum(amount_minor) FILTER (WHERE ledger_account = {account})::bigint" for account in accounts)
    return Statement(
        made_of_tables(
            f"SELECT {sums} FROM billing.posting WHERE tenant_id = $1 AND account_id = $2"
            " AND ledger_account = ANY($3::smallint[]) AND effective_at <= $4::date AND recorded_at <= $5::timestamptz"
        )
    )
