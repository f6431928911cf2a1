"""Payments that a gateway is asked for: written before it is asked, resolved once."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from ledger.gateway_payment import GatewayPayment
from ledger.money import Money
from storage.pipeline import Row, Statement
from storage.transaction import Reader, Transaction

_COLUMNS = (
    "id, account_id, method, currency, amount_minor, invoice_ids, payer, requested_by, requested_at, status,"
    " gateway_reference, reason, resolved_by, resolved_at"
)
_INSERT = Statement(
    "INSERT INTO billing.gateway_payment (tenant_id, id, account_id, method, currency, amount_minor, invoice_ids,"
    " payer, requested_by, requested_at, status) VALUES ($1, $2, $3, $4, $5, $6::bigint, $7::text[], $8, $9,"
    " $10::timestamptz, 'unknown')"
)
_RESOLVE = Statement(
    "UPDATE billing.gateway_payment SET status = $3, gateway_reference = $4, reason = $5, resolved_by = $6,"
    " resolved_at = $7::timestamptz WHERE tenant_id = $1 AND id = $2 AND status = 'unknown'"
)
_READ = Statement(f"SELECT {_COLUMNS} FROM billing.gateway_payment WHERE tenant_id = $1 AND id = $2")
_IS_ASKED_FOR = Statement(
    "SELECT EXISTS (SELECT FROM billing.gateway_payment"
    " WHERE tenant_id = $1 AND account_id = $2 AND status = 'unknown')"
)
_TAKEN = Statement("SELECT id FROM billing.gateway_payment WHERE tenant_id = $1 AND gateway_reference = $2")
_IS_OLDER = Statement(
    "SELECT requested_at < clock_timestamp() - $3::interval FROM billing.gateway_payment"
    " WHERE tenant_id = $1 AND id = $2"
)
_PAGE = Statement(
    f"SELECT {_COLUMNS} FROM billing.gateway_payment WHERE tenant_id = $1 AND ($2::text IS NULL OR id < $2)"
    " AND ($3::text IS NULL OR account_id = $3) AND ($4::text IS NULL OR status = $4)"
    " ORDER BY id DESC LIMIT $5::integer"
)
_UNKNOWN = Statement(
    f"SELECT {_COLUMNS} FROM billing.gateway_payment WHERE tenant_id = $1 AND status = 'unknown'"
    " AND requested_at < clock_timestamp() - $2::interval AND id > $3 ORDER BY id LIMIT $4::integer"
)


def insert(tx: Transaction, payment: GatewayPayment) -> None:
    tx.send(
        _INSERT,
        tx.tenant_id,
        payment.id,
        payment.account_id,
        payment.method,
        payment.amount.currency,
        payment.amount.minor_units,
        list(payment.invoice_ids),
        payment.payer,
        payment.requested_by,
        payment.requested_at,
    )


def resolve(
    tx: Transaction, payment: GatewayPayment, status: str, reference: str | None, reason: str | None, at: datetime
) -> GatewayPayment:
    """Say how it ended; who does holds the lock of its account."""
    tx.send(_RESOLVE, tx.tenant_id, payment.id, status, reference, reason, tx.actor, at)
    return replace(
        payment,
        status=status,  # type: ignore[arg-type]  # the table holds no other
        gateway_reference=reference,
        reason=reason,
        resolved_by=tx.actor,
        resolved_at=at,
    )


async def read(reader: Reader, tenant_id: str, payment_id: str) -> GatewayPayment | None:
    rows = await reader.read(tenant_id, _READ, tenant_id, payment_id)
    return _payment(rows[0]) if rows else None


async def is_older(reader: Reader, tenant_id: str, payment_id: str, age: timedelta) -> bool:
    """Whether it was requested longer ago than that, by the database's clock."""
    return bool((await reader.read(tenant_id, _IS_OLDER, tenant_id, payment_id, _interval(age)))[0][0])


async def id_of_reference(tx: Transaction, reference: str) -> str | None:
    rows = await tx.fetch(_TAKEN, tx.tenant_id, reference)
    return rows[0][0] if rows else None


async def is_asked_for(tx: Transaction, account_id: str) -> bool:
    """Whether money may still come to the account, of which nobody knows yet."""
    return bool((await tx.fetch(_IS_ASKED_FOR, tx.tenant_id, account_id))[0][0])


async def page(
    reader: Reader, tenant_id: str, *, account_id: str | None, status: str | None, before: str | None, count: int
) -> list[GatewayPayment]:
    """In the reverse order of their ids, from the one behind `before` on."""
    rows = await reader.read(tenant_id, _PAGE, tenant_id, before, account_id, status, count)
    return [_payment(row) for row in rows]


async def unknown(reader: Reader, tenant_id: str, age: timedelta, after: str, count: int) -> list[GatewayPayment]:
    """Those that are not resolved and were requested longer ago than `age`, in the order of their ids."""
    return [_payment(row) for row in await reader.read(tenant_id, _UNKNOWN, tenant_id, _interval(age), after, count)]


def _interval(age: timedelta) -> str:
    return f"{age.total_seconds()} seconds"


def _payment(row: Row) -> GatewayPayment:
    return GatewayPayment(
        id=row[0],
        account_id=row[1],
        method=row[2],
        amount=Money(row[3], row[4]),
        invoice_ids=tuple(row[5]),
        payer=row[6],
        requested_by=row[7],
        requested_at=row[8],
        status=row[9],
        gateway_reference=row[10],
        reason=row[11],
        resolved_by=row[12],
        resolved_at=row[13],
    )
