"""Kills between any two SQL statements of what is done with refunds and adjustments."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from storage.transaction import Database
from tests.acceptance import documents
from tests.acceptance.books import Reader, Request, id_of, pay
from tests.acceptance.test_failpoints import INSURER, Case, kill_after_any_statement

SMALL, LARGE = 500, 2000
"""At or below the limit of a case's tenant, and above it."""


async def _deposit(case: Case) -> tuple[str, str]:
    """(account, payment)"""
    account = await case.account()
    request = pay(f"Account/{account}", 9000, "AFN", key=case.key())
    return account, id_of(await case.books.send(request))


def _refunding(case: Case, payment: str, amount: int, *, deallocate: bool = False) -> Request:
    content = {"by": "clerk", "amount": ("AFN", amount), "reason": "not needed", "deallocate": deallocate}
    return Request("refund", f"PaymentReconciliation/{payment}", content, case.key())


async def _refund(case: Case, amount: int) -> str:
    _, payment = await _deposit(case)
    return id_of(await case.books.send(_refunding(case, payment, amount)))


def _deciding(case: Case, operation: str, of: str, **more: str | None) -> Request:
    return Request(operation, of, {"by": "chief", **more}, case.key())


async def request_refund(case: Case) -> Request:
    return _refunding(case, (await _deposit(case))[1], LARGE)


async def refund_at_once(case: Case) -> Request:
    return _refunding(case, (await _deposit(case))[1], SMALL)


async def refund_allocated_money(case: Case) -> Request:
    invoice, _ = await case.invoice()
    payment = id_of(await case.books.send(pay(f"Invoice/{invoice}", 1900, "AFN", key=case.key())))
    return _refunding(case, payment, SMALL, deallocate=True)


async def refund_a_payer(case: Case) -> Request:
    document = documents.payment(9000, "AFN", on="2026-01-01", issuer=INSURER, reference=case.key())
    payment = id_of(await case.books.create(document))
    return _refunding(case, payment, LARGE)


async def approve_refund(case: Case) -> Request:
    return _deciding(case, "approve", f"Refund/{await _refund(case, LARGE)}")


async def reject_refund(case: Case) -> Request:
    return _deciding(case, "reject", f"Refund/{await _refund(case, LARGE)}")


async def pay_refund(case: Case) -> Request:
    return _deciding(case, "pay-out", f"Refund/{await _refund(case, SMALL)}", method=None)


async def fail_refund(case: Case) -> Request:
    return _deciding(case, "fail", f"Refund/{await _refund(case, SMALL)}")


async def _adjusting(case: Case, kind: str, amount: int, *, share: int = 0) -> Request:
    _, account = await case.invoice(share=share)
    content = {"by": "clerk", "type": kind, "amount": ("AFN", amount), "reason": "agreed"}
    return Request("adjust", f"Account/{account}", content, case.key())


async def write_off(case: Case) -> Request:
    return await _adjusting(case, "write-off", SMALL)


async def adjust_contractually(case: Case) -> Request:
    return await _adjusting(case, "contractual", SMALL, share=1500)


async def _number_a_credit_note(case: Case) -> None:
    """The series begins with its first number; the row is there from then on."""
    await case.books.send(await _adjusting(case, "courtesy", 1))


async def adjust_by_credit_note(case: Case) -> Request:
    await _number_a_credit_note(case)
    return await _adjusting(case, "courtesy", SMALL)


async def request_adjustment(case: Case) -> Request:
    return await _adjusting(case, "write-off", LARGE)


async def approve_adjustment(case: Case) -> Request:
    await _number_a_credit_note(case)
    made = id_of(await case.books.send(await _adjusting(case, "charity", LARGE)))
    return _deciding(case, "approve", f"Adjustment/{made}")


async def reject_adjustment(case: Case) -> Request:
    made = id_of(await case.books.send(await _adjusting(case, "write-off", LARGE)))
    return _deciding(case, "reject", f"Adjustment/{made}")


async def provide_for_loss(case: Case) -> Request:
    content = {"by": "accountant", "amount": ("AFN", SMALL)}
    return Request("provide", f"Account/{await case.account()}", content, case.key())


async def recover_debt(case: Case) -> Request:
    request = await _adjusting(case, "write-off", SMALL)
    await case.books.send(request)
    account = request.type_or_id.partition("/")[2]
    payment = id_of(await case.books.send(pay(f"Account/{account}", 9000, "AFN", key=case.key())))
    content = {"by": "accountant", "amount": ("AFN", SMALL), "account": account}
    return Request("recover", f"PaymentReconciliation/{payment}", content, case.key())


COMMANDS: tuple[Callable[[Case], Awaitable[Request]], ...] = (
    request_refund,
    refund_at_once,
    refund_allocated_money,
    refund_a_payer,
    approve_refund,
    reject_refund,
    pay_refund,
    fail_refund,
    write_off,
    adjust_contractually,
    adjust_by_credit_note,
    request_adjustment,
    approve_adjustment,
    reject_adjustment,
    provide_for_loss,
    recover_debt,
)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
async def test_a_kill_loses_nothing_and_doubles_nothing(
    command: Callable[[Case], Awaitable[Request]], app: Database, auditor: Database, reader: Reader
) -> None:
    await kill_after_any_statement(command, app, auditor, reader)
