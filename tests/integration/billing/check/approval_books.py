"""The books of a tenant with refunds and adjustments of every fate in them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from billing.approve_refund import approve_refund
from billing.context import Context
from billing.fail_refund import fail_refund
from billing.locked_refund import LockedRefund
from billing.pay_refund import pay_refund
from billing.reject_refund import reject_refund
from billing.request_refund import RefundRequest, request_refund
from billing.tenants import change_tenant
from ledger.money import Money
from storage.transaction import Transaction
from tests.database_server import DatabaseAccess
from tests.integration.billing.check.books import Books, Result, account, opened_books, payment

LIMITS = {
    "refund_approval_above.AFN": "10",
    "refund_second_approval_above.AFN": "50",
    "adjustment_approval_above.AFN": "10",
    "adjustment_second_approval_above.AFN": "50",
}


@asynccontextmanager
async def approval_books(access: DatabaseAccess) -> AsyncIterator[Books]:
    async with opened_books(access) as books:
        tenant = await change_tenant(books.app, books.tenant_id, settings=LIMITS)
        books.context = replace(books.context, tenant=tenant)
        await _refunds_of_every_fate(books)
        yield books


async def as_actor(books: Books, actor: str, command: Callable[[Transaction, Context], Awaitable[Result]]) -> Result:
    context = replace(books.context, actor=actor)
    return await books.app.run(books.tenant_id, actor, lambda tx: command(tx, context))


async def _refund(books: Books, payment_id: str, amount: int, *approvers: str, by: str) -> str:
    request = RefundRequest(payment_id=payment_id, amount=Money("AFN", amount), reason="not needed")
    made: LockedRefund = await as_actor(books, by, lambda tx, context: request_refund(tx, context, request))
    id_ = made.refund.id
    for approver in approvers:
        await as_actor(books, approver, lambda tx, context: approve_refund(tx, context, id_))
    return id_


async def _refunds_of_every_fate(books: Books) -> None:
    known = books.known
    known["account"] = (await books.create(account())).id
    known["payment"] = (await books.pay(50000, account_id=known["account"])).payment.id
    issuer: dict[str, Any] = {"paymentIssuer": {"reference": "Organization/insurer"}}
    known["remittance"] = (await books.create(payment("90.00", "r-1", **issuer))).id
    known["at_once"] = await _refund(books, known["payment"], 1000, by="ann")
    known["approved"] = await _refund(books, known["payment"], 2000, "chief", by="ann")
    known["paid"] = await _refund(books, known["payment"], 6000, "chief", "head", by="bob")
    known["failed"] = await _refund(books, known["payment"], 1500, "chief", by="cat")
    known["rejected"] = await _refund(books, known["payment"], 3000, by="cat")
    known["pending"] = await _refund(books, known["payment"], 4000, by="cat")
    known["half"] = await _refund(books, known["payment"], 7000, "chief", by="dan")
    known["of_payer"] = await _refund(books, known["remittance"], 2500, by="ann")
    await as_actor(books, "till", lambda tx, context: pay_refund(tx, context, known["paid"], method=None))
    await as_actor(books, "till", lambda tx, context: fail_refund(tx, context, known["failed"], reason="returned"))
    await as_actor(books, "chief", lambda tx, _: reject_refund(tx, known["rejected"], reason="no"))
