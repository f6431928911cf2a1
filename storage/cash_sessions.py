"""Cash sessions: opened, found open, closed; and the cash that moved in them."""

from __future__ import annotations

from ledger.cash_session import CashSession
from storage.array_insert import ArrayInsert
from storage.pipeline import Row, Statement
from storage.tables import cash_session
from storage.transaction import Reader, Transaction

_INSERT = ArrayInsert(cash_session, 790)
_COLUMNS = (
    "id, drawer, currency, float_minor, opened_by, opened_at, declared_minor, expected_minor, closed_by, closed_at"
)
# Who moves cash holds the session until the end; who closes it waits for them, and they for who closes it.
_OPEN_OF_DRAWER = Statement(
    f"SELECT {_COLUMNS} FROM billing.cash_session WHERE tenant_id = $1 AND currency = $2 AND drawer = $3"
    " AND closed_at IS NULL FOR SHARE"
)
_OPEN_OF_ACTOR = Statement(
    f"SELECT {_COLUMNS} FROM billing.cash_session WHERE tenant_id = $1 AND currency = $2 AND opened_by = $3"
    " AND closed_at IS NULL ORDER BY id FOR SHARE"
)
_LOCK = Statement(f"SELECT {_COLUMNS} FROM billing.cash_session WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE")
_MOVED = Statement(
    "SELECT coalesce(sum(amount_minor), 0)::bigint FROM billing.cash_movement WHERE tenant_id = $1 AND session_id = $2"
)
_CLOSE = Statement(
    "UPDATE billing.cash_session SET declared_minor = $3::bigint, expected_minor = $4::bigint, closed_by = $5,"
    " closed_at = $6::timestamptz WHERE tenant_id = $1 AND id = $2"
)
_READ = Statement(f"SELECT {_COLUMNS} FROM billing.cash_session WHERE tenant_id = $1 AND id = $2")
_PAGE = Statement(
    f"SELECT {_COLUMNS} FROM billing.cash_session WHERE tenant_id = $1 AND ($2::text IS NULL OR id < $2)"
    " AND ($3::text IS NULL OR drawer = $3) AND ($4::boolean IS NULL OR (closed_at IS NULL) = $4)"
    " ORDER BY id DESC LIMIT $5::integer"
)


def insert(tx: Transaction, opened: CashSession) -> None:
    tx.add(
        _INSERT,
        (
            tx.tenant_id,
            opened.id,
            opened.drawer,
            opened.currency,
            opened.float_minor,
            opened.opened_by,
            opened.opened_at,
            None,
            None,
            None,
            None,
        ),
    )


async def open_of_drawer(tx: Transaction, drawer: str, currency: str) -> CashSession | None:
    """The open session of a drawer, kept from being closed until the end of the transaction."""
    rows = await tx.fetch(_OPEN_OF_DRAWER, tx.tenant_id, currency, drawer)
    return _session(rows[0]) if rows else None


async def open_of_actor(tx: Transaction, currency: str) -> list[CashSession]:
    """The open sessions of who acts, kept from being closed."""
    return [_session(row) for row in await tx.fetch(_OPEN_OF_ACTOR, tx.tenant_id, currency, tx.actor)]


async def lock(tx: Transaction, session_id: str) -> CashSession | None:
    """A session that nobody else moves cash in or closes until the end."""
    rows = await tx.fetch(_LOCK, tx.tenant_id, session_id)
    return _session(rows[0]) if rows else None


async def moved(tx: Transaction, session_id: str) -> int:
    """What came into the drawer in a session, less what went out."""
    return int((await tx.fetch(_MOVED, tx.tenant_id, session_id))[0][0])


def close(tx: Transaction, closed: CashSession) -> None:
    tx.send(
        _CLOSE,
        tx.tenant_id,
        closed.id,
        closed.declared_minor,
        closed.expected_minor,
        closed.closed_by,
        closed.closed_at,
    )


async def read(reader: Reader, tenant_id: str, session_id: str) -> CashSession | None:
    rows = await reader.read(tenant_id, _READ, tenant_id, session_id)
    return _session(rows[0]) if rows else None


async def page(
    reader: Reader, tenant_id: str, *, drawer: str | None, is_open: bool | None, before: str | None, count: int
) -> list[CashSession]:
    """Sessions in the reverse order of their ids, from the one behind `before` on."""
    rows = await reader.read(tenant_id, _PAGE, tenant_id, before, drawer, is_open, count)
    return [_session(row) for row in rows]


def _session(row: Row) -> CashSession:
    return CashSession(
        id=row[0],
        drawer=row[1],
        currency=row[2],
        float_minor=row[3],
        opened_by=row[4],
        opened_at=row[5],
        declared_minor=row[6],
        expected_minor=row[7],
        closed_by=row[8],
        closed_at=row[9],
    )
