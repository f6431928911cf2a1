"""The books of a tenant with refunds and adjustments of every fate in them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from billing.adjust_account import AdjustmentRequest, adjust_account
from billing.apply_adjustment import AppliedAdjustment
from billing.approve_adjustment import approve_adjustment
from billing.approve_refund import approve_refund
from billing.context import Context
from billing.fail_refund import fail_refund
from billing.locked_refund import LockedRefund
from billing.pay_refund import pay_refund
from billing.provide_for_loss import provide_for_loss
from billing.recover_debt import recover_debt
from billing.reject_adjustment import reject_adjustment
from billing.reject_refund import reject_refund
from billing.request_refund import RefundRequest, request_refund
from billing.tenants import change_tenant
from ledger.money import Money
from storage.transaction import Transaction
from tests.database_server import DatabaseAccess
from tests.integration.billing.check.books import Books, Result, account, charge, invoice, line, opened_books, payment

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
        await _adjustments_of_every_fate(books)
        yield books


async def as_actor(books: Books, actor: str, command: Callable[[Transaction, Context], Awaitable[Result]]) -> Result:
    context = replace(books.context, actor=actor)
    return await books.app.run(books.tenant_id, actor, lambda tx: command(tx, context))


async def _adjust(books: Books, kind: str, amount: int, *approvers: str, by: str) -> str:
    request = AdjustmentRequest(
        account_id=books.known["owing"], type=kind, amount=Money("AFN", amount), reason="agreed"
    )
    made: AppliedAdjustment = await as_actor(books, by, lambda tx, context: adjust_account(tx, context, request))
    id_ = made.adjustment.id
    for approver in approvers:
        await as_actor(books, approver, lambda tx, context: approve_adjustment(tx, context, id_))
    return id_


async def _adjustments_of_every_fate(books: Books) -> None:
    known = books.known
    known["owing"] = owing = (await books.create(account())).id
    for name in ("old", "new"):
        charge_id = (await books.create(charge(owing, "200"))).id
        known[name] = (await books.create(invoice(owing, line(charge_id), status="issued"))).id
    known["written_off"] = await _adjust(books, "write-off", 900, by="ann")
    known["approved_off"] = await _adjust(books, "write-off", 3000, "chief", by="bob")
    known["courtesy"] = await _adjust(books, "courtesy", 800, by="cat")
    known["pending_off"] = await _adjust(books, "charity", 7000, "chief", by="dan")
    known["rejected_off"] = await _adjust(books, "write-off", 2000, by="eve")
    amount = Money("AFN", 400)
    await as_actor(
        books, "chief", lambda tx, context: reject_adjustment(tx, context, known["rejected_off"], reason="no")
    )
    provided = await as_actor(
        books, "book", lambda tx, context: provide_for_loss(tx, context, owing, amount=amount, reason="old")
    )
    known["provided"] = provided.adjustment.id
    paid = (await books.pay(60000, account_id=owing)).payment.id
    recovered = await as_actor(
        books,
        "book",
        lambda tx, context: recover_debt(tx, context, paid, owing, amount=amount, reason="paid after all"),
    )
    known["recovered"] = recovered.adjustment.id


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
    await as_actor(books, "chief", lambda tx, context: reject_refund(tx, context, known["rejected"], reason="no"))
