"""Sealed blocks: the moment up to which all is known, what was recorded in a stretch of time, and the blocks of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from ledger.journal_block import ContentHash, JournalBlock
from storage.array_insert import ArrayInsert
from storage.check_snapshot import Snapshot, sql
from storage.journal import FOREVER_AGO
from storage.pipeline import Row, Statement
from storage.tables import journal_block
from storage.transaction import Database, Reader, Transaction

_INSERT = ArrayInsert(journal_block, 950)

# Every transaction dates what it writes later than it began; sessions of one role see when each other's began.
_HORIZON = Statement(
    "SELECT least(min(a.xact_start), statement_timestamp()), statement_timestamp() FROM pg_stat_activity AS a"
    " WHERE a.datname = current_database() AND a.usename = current_user AND a.pid <> pg_backend_pid()"
)
_TENANTS = Statement("SELECT tenant_id FROM billing.tenant ORDER BY tenant_id")
# Only one seals a tenant at a time; who comes second goes on to the next tenant.
_TRY_LOCK = Statement("SELECT pg_try_advisory_xact_lock(hashtextextended('seal ' || $1, 0))")

_BLOCK = (
    "SELECT tenant_id, number, sealed_after, sealed_through, entries, versions, content_hash, previous_hash, sealed_at,"
    " hash, signature FROM billing.journal_block WHERE tenant_id = $1"
)
_HEAD = sql(f"{_BLOCK} ORDER BY number DESC LIMIT 1")
_BLOCKS = sql(f"{_BLOCK} ORDER BY number OFFSET $2::int LIMIT $3::int")
_COUNT = Statement("SELECT count(*) FROM billing.journal_block WHERE tenant_id = $1")
_END = Statement(
    "SELECT least($3::timestamptz, (SELECT recorded_at FROM billing.journal_entry WHERE tenant_id = $1"
    " AND recorded_at > $2::timestamptz AND recorded_at <= $3::timestamptz"
    " ORDER BY recorded_at OFFSET $4::int LIMIT 1), (SELECT last_updated FROM billing.resource_versions"
    " WHERE tenant_id = $1 AND last_updated > $2::timestamptz"
    " AND last_updated <= $3::timestamptz ORDER BY last_updated OFFSET $4::int LIMIT 1))"
)


def _day(column: str) -> str:
    return f"to_char({column}, 'YYYY-MM-DD')"


def _instant(column: str) -> str:
    """As text that no setting of a session changes."""
    return f"to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US')"


def _window(column: str) -> str:
    return f"{column} > $2::timestamptz AND {column} <= $3::timestamptz"


def _rows(kind: str, texts: Sequence[str], source: str, *order: str) -> str:
    """How many rows there are, and all of them as `ledger.journal_block.ContentHash` writes them, in their order.

    OFFSET 0: each text is made once, not for its length again.
    """
    columns = ", ".join(f"{text} AS text_{at}" for at, text in enumerate(texts))
    places = ", ".join(f"{column} AS place_{at}" for at, column in enumerate(order))
    parts = " || ".join(f"coalesce(length(text_{at})::text || ':' || text_{at}, '-')" for at in range(len(texts)))
    by = ", ".join(f"place_{at}" for at in range(len(order)))
    return (
        f"(SELECT count(*)::int AS number, coalesce(string_agg('{len(kind)}:{kind}' || {parts} || ';', '' ORDER BY"
        f" {by}), '') AS content FROM (SELECT {places}, {columns}{source} OFFSET 0) AS r)"
    )


_ENTRIES = _rows(
    "entry",
    [
        *("e.entry_id::text", "e.kind", _day("e.effective_at"), _day("e.service_date"), _instant("e.recorded_at")),
        *("e.source_type", "e.source_id", "e.reverses_entry_id::text", "e.reason", "e.created_by"),
    ],
    f" FROM billing.journal_entry AS e WHERE e.tenant_id = $1 AND {_window('e.recorded_at')}",
    *("e.recorded_at", "e.entry_id"),
)
_POSTINGS = _rows(
    "posting",
    [
        *("p.entry_id::text", "p.line::text", "p.ledger_account::text", "p.currency", "p.amount_minor::text"),
        *(_day("p.effective_at"), _instant("p.recorded_at"), "p.account_id", "p.invoice_id", "p.charge_item_id"),
        *("p.payment_id", "p.payer", "p.facility", "p.detail"),
    ],
    " FROM billing.journal_entry AS e JOIN billing.posting AS p ON p.tenant_id = e.tenant_id"
    f" AND p.entry_id = e.entry_id WHERE e.tenant_id = $1 AND {_window('e.recorded_at')}",
    *("e.recorded_at", "e.entry_id", "p.line"),
)
# The content of a version as its hash.
_VERSIONS = _rows(
    "version",
    [
        *("v.resource_type", "v.id", "v.version::text", _instant("v.last_updated"), "v.interaction"),
        "encode(sha256(convert_to(v.content, 'UTF8')), 'hex')",
        *("v.mapper_version::text", "v.created_by", "array_to_string(o.events, ' ')"),
    ],
    " FROM billing.resource_versions AS v LEFT JOIN billing.outbox AS o"
    " ON o.tenant_id = v.tenant_id AND o.resource_type = v.resource_type AND o.id = v.id AND o.version = v.version"
    f" WHERE v.tenant_id = $1 AND {_window('v.last_updated')}",
    *("v.last_updated", "v.resource_type", "v.id", "v.version"),
)
# PostgreSQL writes the texts where the rows are, which takes a fraction of sending them; at hashes it is slow.
_WRITTEN = sql(
    "SELECT e.number, v.number, e.content, p.content, v.content"
    f" FROM {_ENTRIES} AS e, {_POSTINGS} AS p, {_VERSIONS} AS v"
)


class Digest(NamedTuple):
    """All that was recorded in a stretch of time: how many entries and versions it is, and the hash of it."""

    entries: int
    versions: int
    content_hash: str


class StoredBlock(NamedTuple):
    """A block with the hash that it was stored with, and its signature."""

    block: JournalBlock
    hash: str
    signature: str


async def horizon(serving: Database, margin: timedelta) -> datetime:
    """The moment before which nothing is recorded any more, by the role that serves. `margin`: so much earlier."""
    return (await horizon_and_now(serving, ""))[0] - margin


async def horizon_and_now(serving: Reader, tenant_id: str) -> tuple[datetime, datetime]:
    """The same, and the database's clock."""
    moment, now = (await serving.read(tenant_id, _HORIZON))[0]
    return moment.astimezone(UTC), now.astimezone(UTC)


async def tenant_ids(sealing: Database) -> list[str]:
    """Every tenant, for the role that seals."""
    return [row[0] for row in await sealing.read("", _TENANTS)]


async def try_lock(tx: Transaction) -> bool:
    """Whether nobody else seals this tenant now; until the transaction ends nobody will."""
    return bool((await tx.fetch(_TRY_LOCK, tx.tenant_id))[0][0])


async def head(tx: Transaction) -> StoredBlock | None:
    rows = await tx.fetch(_HEAD, tx.tenant_id)
    return _stored(rows[0]) if rows else None


async def end_of_next(tx: Transaction, after: datetime | None, through: datetime, rows: int) -> datetime:
    """Where the next block ends: at `through`, or at the moment by which there are so many entries or versions."""
    moment: datetime = (await tx.fetch(_END, tx.tenant_id, after or FOREVER_AGO, through, rows - 1))[0][0]
    return moment.astimezone(UTC)


async def digest(tx: Transaction, after: datetime | None, through: datetime) -> Digest:
    """What is to be sealed of a stretch of time."""
    return _digest((await tx.fetch(_WRITTEN, tx.tenant_id, after or FOREVER_AGO, through))[0])


def insert(tx: Transaction, block: JournalBlock, signature: str) -> None:
    columns = (block.number, block.sealed_after, block.sealed_through, block.entries, block.versions)
    hashes = (block.content_hash, block.previous_hash, block.sealed_at, block.hash, signature)
    tx.add(_INSERT, (block.tenant_id, *columns, *hashes))


async def count(snapshot: Snapshot, tenant_id: str) -> int:
    """How many blocks a tenant has."""
    return int((await snapshot.rows(_COUNT, tenant_id))[0][0])


async def blocks(snapshot: Snapshot, tenant_id: str, first: int = 0, limit: int | None = None) -> list[StoredBlock]:
    """The blocks of a tenant in order: all, or so many from a place on."""
    return [_stored(row) for row in await snapshot.rows(_BLOCKS, tenant_id, first, limit)]


async def digest_of(snapshot: Snapshot, block: JournalBlock) -> Digest:
    """What is there now of the stretch that a block sealed."""
    window = (block.tenant_id, block.sealed_after or FOREVER_AGO, block.sealed_through)
    return _digest((await snapshot.rows(_WRITTEN, *window))[0])


def _digest(row: Row) -> Digest:
    entries, versions, *written = row
    content = ContentHash()
    for text in written:
        content.add_written(text)
    return Digest(entries, versions, content.hexdigest())


def _stored(row: Row) -> StoredBlock:
    tenant_id, number, after, through, entries, versions, content_hash, previous_hash, sealed_at, hash_, signature = row
    block = JournalBlock(
        tenant_id=tenant_id,
        number=number,
        sealed_after=None if after is None else after.astimezone(UTC),
        sealed_through=through.astimezone(UTC),
        entries=entries,
        versions=versions,
        content_hash=content_hash,
        previous_hash=previous_hash,
        sealed_at=sealed_at.astimezone(UTC),
    )
    return StoredBlock(block, hash_, signature)
