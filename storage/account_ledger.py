"""The ledger of one account: every posting to it, and what each entry changed of its balance, by day and moment.

No two entries of an account are recorded at one moment, so that day, moment and line say where a posting stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import LiteralString, NamedTuple

from ledger.chart import LedgerAccount
from storage.journal import FOREVER, FOREVER_AGO
from storage.pipeline import Row, Statement
from storage.transaction import Transaction


class Place(NamedTuple):
    """Where a line stands among those of its account."""

    effective_at: date
    recorded_at: datetime
    line: int


class LedgerLine(NamedTuple):
    """One posting, with the entry that it is of. `source_version`: the version of the source that made the entry."""

    effective_at: date
    recorded_at: datetime
    line: int
    entry_id: str
    ledger_account: LedgerAccount
    amount_minor: int
    invoice_id: str | None
    charge_item_id: str | None
    payment_id: str | None
    payer: str | None
    facility: str | None
    detail: str | None
    kind: str
    source_type: str
    source_id: str
    source_version: int | None
    reverses_entry_id: str | None
    reason: str | None
    created_by: str

    @property
    def place(self) -> Place:
        return Place(self.effective_at, self.recorded_at, self.line)


class LedgerEntry(NamedTuple):
    """What an entry changed of an account's balance; the invoice, charge and payment where it is about one."""

    effective_at: date
    recorded_at: datetime
    entry_id: str
    amount_minor: int
    invoice_id: str | None
    charge_item_id: str | None
    payment_id: str | None
    kind: str
    source_type: str
    source_id: str
    source_version: int | None
    reason: str | None

    @property
    def place(self) -> Place:
        return Place(self.effective_at, self.recorded_at, 0)


# $3, $4: days; $5: known at; $6, $7, $8: behind which place; $9: how many. Without coalesce(), which leads to no index
# under row-level security: what is open is sent as infinity.
_OF_ACCOUNT: LiteralString = (
    "tenant_id = $1 AND account_id = $2 AND effective_at >= $3::date AND effective_at <= $4::date"
    " AND recorded_at <= $5::timestamptz"
)
SOURCE_VERSION: LiteralString = (
    "(SELECT v.version FROM billing.resource_versions AS v WHERE v.tenant_id = e.tenant_id"
    " AND v.resource_type = e.source_type AND v.id = e.source_id"
    " ORDER BY greatest(v.last_updated - e.recorded_at, e.recorded_at - v.last_updated), v.version LIMIT 1)"
)
"""The version of its source that made an entry `e`: written in its transaction, microseconds before or after it."""

_LINES = Statement(
    "SELECT p.effective_at, p.recorded_at, p.line, p.entry_id::text, p.ledger_account, p.amount_minor, p.invoice_id,"
    " p.charge_item_id, p.payment_id, p.payer, p.facility, p.detail, e.kind, e.source_type, e.source_id,"
    f" {SOURCE_VERSION}, e.reverses_entry_id::text, e.reason, e.created_by FROM (SELECT * FROM billing.posting"
    f" WHERE {_OF_ACCOUNT} AND (effective_at, recorded_at, line) > ($6::date, $7::timestamptz,"
    " $8::smallint) ORDER BY effective_at, recorded_at, line LIMIT $9::integer)"
    " AS p JOIN billing.journal_entry AS e ON e.tenant_id = p.tenant_id AND e.entry_id = p.entry_id"
    " ORDER BY p.effective_at, p.recorded_at, p.line"
)


def _the_one(column: LiteralString) -> LiteralString:
    return f"CASE WHEN min({column}) = max({column}) THEN min({column}) END AS {column}"


# $10: the ledger accounts that make up the balance.
_ENTRIES = Statement(
    "SELECT p.effective_at, p.recorded_at, p.entry_id::text, p.amount_minor, p.invoice_id, p.charge_item_id,"
    f" p.payment_id, e.kind, e.source_type, e.source_id, {SOURCE_VERSION}, e.reason"
    " FROM (SELECT tenant_id, effective_at, recorded_at, entry_id, sum(amount_minor)::bigint AS amount_minor,"
    f" {_the_one('invoice_id')}, {_the_one('charge_item_id')}, {_the_one('payment_id')}"
    f" FROM billing.posting WHERE {_OF_ACCOUNT} AND (effective_at, recorded_at) > ($6::date, $7::timestamptz)"
    " AND $8::smallint = 0 AND ledger_account = ANY($10::smallint[])"
    " GROUP BY tenant_id, effective_at, recorded_at, entry_id HAVING sum(amount_minor) <> 0"
    " ORDER BY effective_at, recorded_at LIMIT $9::integer)"
    " AS p JOIN billing.journal_entry AS e ON e.tenant_id = p.tenant_id AND e.entry_id = p.entry_id"
    " ORDER BY p.effective_at, p.recorded_at"
)


class Stretch(NamedTuple):
    """Which lines of an account: effective from one day to another, known at a moment, behind a place."""

    account_id: str
    first: date | None
    last: date | None
    recorded: datetime
    after: Place | None = None


async def lines(tx: Transaction, wanted: Stretch, *, count: int) -> list[LedgerLine]:
    rows = await tx.fetch(_LINES, *_parameters(tx, wanted, count))
    return [LedgerLine(*_dated(row), LedgerAccount(row[4]), *row[5:]) for row in rows]


async def entries(
    tx: Transaction, wanted: Stretch, accounts: Sequence[LedgerAccount], *, count: int
) -> list[LedgerEntry]:
    """Entries that change the sum of these ledger accounts; what comes to nothing is left out."""
    rows = await tx.fetch(_ENTRIES, *_parameters(tx, wanted, count), [int(account) for account in accounts])
    return [LedgerEntry(row[0], row[1].astimezone(UTC), *row[2:]) for row in rows]


def _parameters(tx: Transaction, wanted: Stretch, count: int) -> tuple[object, ...]:
    # Both lower bounds are the same day, so that a scan begins there.
    day, moment, line = wanted.after or (wanted.first or FOREVER_AGO, FOREVER_AGO, 0)
    days = (wanted.first or FOREVER_AGO, wanted.last or FOREVER)
    return (tx.tenant_id, wanted.account_id, *days, wanted.recorded, day, moment, line, count)


def _dated(row: Row) -> tuple[date, datetime, int, str]:
    return row[0], row[1].astimezone(UTC), row[2], row[3]
