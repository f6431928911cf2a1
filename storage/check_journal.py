"""What the journal must say of itself, read for `./run check`: each statement finds what breaks one rule of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from ledger.journal import Posting
from storage.check_snapshot import LIMIT, Snapshot, sql
from storage.pipeline import Statement

_COUNTS = Statement(
    "SELECT (SELECT count(*) FROM billing.journal_entry WHERE tenant_id = $1),"
    " (SELECT count(*) FROM billing.posting WHERE tenant_id = $1),"
    " (SELECT count(*) FROM billing.resource_versions WHERE tenant_id = $1),"
    " (SELECT count(*) FROM billing.account WHERE tenant_id = $1)"
    " + (SELECT count(*) FROM billing.charge_item WHERE tenant_id = $1)"
    " + (SELECT count(*) FROM billing.invoice WHERE tenant_id = $1)"
    " + (SELECT count(*) FROM billing.payment_reconciliation WHERE tenant_id = $1)"
    " + (SELECT count(*) FROM billing.payment_notice WHERE tenant_id = $1)"
    " + (SELECT count(*) FROM billing.subscription WHERE tenant_id = $1),"
    " (SELECT coalesce(sum(entries + versions), 0)::bigint FROM billing.journal_block WHERE tenant_id = $1)"
)

# entry, currency, sum
UNBALANCED = sql(
    "SELECT entry_id::text, currency, sum(amount_minor) FROM billing.posting WHERE tenant_id = $1"
    f" GROUP BY entry_id, currency HAVING sum(amount_minor) <> 0 ORDER BY 1, 2{LIMIT}"
)
# currency, sum
TRIAL_BALANCE = sql(
    "SELECT currency, sum(amount_minor) FROM billing.posting WHERE tenant_id = $1"
    f" GROUP BY currency HAVING sum(amount_minor) <> 0 ORDER BY 1{LIMIT}"
)
# entry, how many lines, the number of the last
INCOMPLETE = sql(
    "SELECT entry_id::text, count(*), max(line) FROM billing.posting WHERE tenant_id = $1 GROUP BY entry_id"
    f" HAVING count(*) < 2 OR min(line) <> 1 OR max(line) <> count(*) ORDER BY 1{LIMIT}"
)
# entry, kind
WITHOUT_POSTINGS = sql(
    "SELECT e.entry_id::text, e.kind FROM billing.journal_entry AS e WHERE e.tenant_id = $1 AND NOT EXISTS ("
    "SELECT FROM billing.posting AS p WHERE p.tenant_id = e.tenant_id AND p.entry_id = e.entry_id)"
    f" ORDER BY 1{LIMIT}"
)
# entry
WITHOUT_ENTRY = sql(
    "SELECT DISTINCT p.entry_id::text FROM billing.posting AS p WHERE p.tenant_id = $1 AND NOT EXISTS ("
    "SELECT FROM billing.journal_entry AS e WHERE e.tenant_id = p.tenant_id AND e.entry_id = p.entry_id)"
    f" ORDER BY 1{LIMIT}"
)
# entry, line
DATES_DIFFER = sql(
    "SELECT e.entry_id::text, p.line FROM billing.posting AS p"
    " JOIN billing.journal_entry AS e ON e.tenant_id = p.tenant_id AND e.entry_id = p.entry_id"
    " WHERE p.tenant_id = $1 AND (p.effective_at <> e.effective_at OR p.recorded_at <> e.recorded_at)"
    f" ORDER BY 1, 2{LIMIT}"
)
# entry, line, ledger account; $2: the chart of accounts
NOT_IN_CHART = sql(
    "SELECT entry_id::text, line, ledger_account FROM billing.posting"
    f" WHERE tenant_id = $1 AND ledger_account <> ALL ($2::smallint[]) ORDER BY 1, 2{LIMIT}"
)
# currency; $2: the currencies that there are
CURRENCY_UNKNOWN = sql(
    "SELECT c.currency FROM (SELECT currency FROM billing.posting WHERE tenant_id = $1"
    " UNION SELECT currency FROM billing.account WHERE tenant_id = $1) AS c"
    f" WHERE c.currency <> ALL ($2::text[]) ORDER BY 1{LIMIT}"
)
# entry, line, account, currency: of postings to an account that is not there, or not in that currency
ACCOUNT_OR_CURRENCY_WRONG = sql(
    "SELECT p.entry_id::text, p.line, p.account_id, p.currency FROM billing.posting AS p"
    " WHERE p.tenant_id = $1 AND p.account_id IS NOT NULL AND NOT EXISTS (SELECT FROM billing.account AS a"
    " WHERE a.tenant_id = p.tenant_id AND a.id = p.account_id AND a.currency = p.currency)"
    f" ORDER BY 1, 2{LIMIT}"
)


def _about(column: str, table: str, resource_type: str) -> str:
    return (
        f"SELECT DISTINCT p.entry_id::text, '{resource_type}/' || p.{column} FROM billing.posting AS p"
        f" WHERE p.tenant_id = $1 AND p.{column} IS NOT NULL AND NOT EXISTS (SELECT FROM billing.{table} AS r"
        f" WHERE r.tenant_id = p.tenant_id AND r.id = p.{column})"
    )


def _caused_by(table: str, resource_type: str) -> str:
    return (
        "SELECT e.entry_id::text, e.source_type || '/' || e.source_id FROM billing.journal_entry AS e"
        f" WHERE e.tenant_id = $1 AND e.source_type = '{resource_type}' AND NOT EXISTS ("
        f"SELECT FROM billing.{table} AS r WHERE r.tenant_id = e.tenant_id AND r.id = e.source_id)"
    )


# entry, resource: of entries that name a resource which is not there
RESOURCE_MISSING = sql(
    "SELECT * FROM ("
    + " UNION ".join(
        [
            _about("invoice_id", "invoice", "Invoice"),
            _about("charge_item_id", "charge_item", "ChargeItem"),
            _about("payment_id", "payment_reconciliation", "PaymentReconciliation"),
            _caused_by("charge_item", "ChargeItem"),
            _caused_by("invoice", "Invoice"),
            _caused_by("payment_reconciliation", "PaymentReconciliation"),
            _caused_by("payment_notice", "PaymentNotice"),
            _caused_by("cash_session", "CashSession"),
            _caused_by("refund", "Refund"),
            _caused_by("adjustment", "Adjustment"),
        ]
    )
    + f") AS found(entry_id, resource) ORDER BY 1, 2{LIMIT}"
)
# entry, kind, source; $2, $3, $4: the kinds that there are: of which type of source, and whether they reverse
KIND_UNKNOWN = sql(
    "SELECT e.entry_id::text, e.kind, e.source_type || '/' || e.source_id FROM billing.journal_entry AS e"
    " WHERE e.tenant_id = $1 AND NOT EXISTS (SELECT FROM unnest($2::text[], $3::text[], $4::boolean[])"
    " AS k(source_type, kind, reverses) WHERE k.source_type = e.source_type AND k.kind = e.kind"
    f" AND k.reverses = (e.reverses_entry_id IS NOT NULL)) ORDER BY 1{LIMIT}"
)
# reversing entry, what it reverses: that is not there, is a reversal itself, is of another source, or came later
REVERSAL_WRONG = sql(
    "SELECT r.entry_id::text, r.reverses_entry_id::text, o.entry_id IS NULL, o.reverses_entry_id IS NOT NULL"
    " FROM billing.journal_entry AS r LEFT JOIN billing.journal_entry AS o"
    " ON o.tenant_id = r.tenant_id AND o.entry_id = r.reverses_entry_id"
    " WHERE r.tenant_id = $1 AND r.reverses_entry_id IS NOT NULL"
    " AND (o.entry_id IS NULL OR o.reverses_entry_id IS NOT NULL OR o.recorded_at >= r.recorded_at"
    f" OR o.source_type <> r.source_type OR o.source_id <> r.source_id) ORDER BY 1{LIMIT}"
)
# entry, how often it is reversed
REVERSED_AGAIN = sql(
    "SELECT reverses_entry_id::text, count(*) FROM billing.journal_entry"
    " WHERE tenant_id = $1 AND reverses_entry_id IS NOT NULL"
    f" GROUP BY reverses_entry_id HAVING count(*) > 1 ORDER BY 1{LIMIT}"
)

_LINES = (
    "p.ledger_account, p.currency, p.account_id, p.invoice_id, p.charge_item_id, p.payment_id, p.payer, p.facility,"
    " p.detail"
)

# reversing entry, what it reverses: their lines are not the same with the opposite sign
REVERSAL_INEXACT = sql(
    "SELECT DISTINCT d.reversal::text, d.original::text FROM ("
    " SELECT r.entry_id AS reversal, r.reverses_entry_id AS original, 1 AS side, p.amount_minor AS amount,"
    f" {_LINES} FROM billing.journal_entry AS r"
    " JOIN billing.posting AS p ON p.tenant_id = r.tenant_id AND p.entry_id = r.entry_id"
    " WHERE r.tenant_id = $1 AND r.reverses_entry_id IS NOT NULL"
    f" UNION ALL SELECT r.entry_id, r.reverses_entry_id, -1, -p.amount_minor, {_LINES}"
    " FROM billing.journal_entry AS r"
    " JOIN billing.posting AS p ON p.tenant_id = r.tenant_id AND p.entry_id = r.reverses_entry_id"
    " WHERE r.tenant_id = $1 AND r.reverses_entry_id IS NOT NULL) AS d"
    " GROUP BY d.reversal, d.original, d.amount, d.ledger_account, d.currency, d.account_id, d.invoice_id,"
    f" d.charge_item_id, d.payment_id, d.payer, d.facility, d.detail HAVING sum(d.side) <> 0 ORDER BY 1{LIMIT}"
)

# All entries of some sources but the reversals, oldest first, a row a line.
_ENTRIES_OF = Statement(
    "SELECT e.source_id, e.entry_id::text, e.kind, e.effective_at, e.service_date, e.recorded_at,"
    " EXISTS (SELECT FROM billing.journal_entry AS r"
    " WHERE r.tenant_id = e.tenant_id AND r.reverses_entry_id = e.entry_id),"
    " p.currency, p.ledger_account, p.amount_minor, p.account_id, p.invoice_id, p.charge_item_id, p.payment_id,"
    " p.payer, p.facility, p.detail"
    " FROM billing.journal_entry AS e JOIN billing.posting AS p"
    " ON p.tenant_id = e.tenant_id AND p.entry_id = e.entry_id"
    " WHERE e.tenant_id = $1 AND e.source_type = $2 AND e.source_id = ANY ($3::text[])"
    " AND e.reverses_entry_id IS NULL ORDER BY e.recorded_at, e.entry_id, p.line"
)


class Counts(NamedTuple):
    """How much there is of a tenant to check."""

    entries: int
    postings: int
    versions: int
    resources: int
    sealed: int
    """Entries and versions that are in sealed blocks."""


async def counts(snapshot: Snapshot, tenant_id: str) -> Counts:
    return Counts(*(await snapshot.rows(_COUNTS, tenant_id))[0])


class BookedEntry(NamedTuple):
    """An entry as it is stored, right or wrong: nothing is asserted of it as it is of a `JournalEntry`."""

    entry_id: str
    kind: str
    effective_at: date
    service_date: date | None
    recorded_at: datetime
    is_reversed: bool
    currency: str
    postings: list[Posting]


async def entries_of(
    snapshot: Snapshot, tenant_id: str, source_type: str, source_ids: Sequence[str]
) -> dict[str, list[BookedEntry]]:
    """The entries that sources made, without those that reverse; sources without any are not in the answer."""
    found: dict[str, dict[str, BookedEntry]] = {}
    for row in await snapshot.rows(_ENTRIES_OF, tenant_id, source_type, list(source_ids)):
        of_source = found.setdefault(row[0], {})
        entry = of_source.get(row[1])
        if entry is None:
            entry = BookedEntry(row[1], row[2], row[3], row[4], row[5], row[6], row[7], [])
            of_source[row[1]] = entry
        entry.postings.append(Posting(*row[8:]))
    return {source_id: list(entries.values()) for source_id, entries in found.items()}
