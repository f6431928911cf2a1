"""Kills between any two SQL statements of what credits: invoices, lines, parts that were paid, charges."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from storage.transaction import Database
from tests.acceptance import test_failpoints as failpoints
from tests.acceptance.books import Reader, Request, pay
from tests.acceptance.test_failpoints import Case


async def issued(case: Case, *, share: int = 0) -> str:
    """An invoice, in a tenant that has credited one before."""
    before, _ = await case.invoice()
    await case.books.send(Request("credit", f"Invoice/{before}", {"lines": [], "rebill": False}))
    return (await case.invoice(share=share))[0]


async def credit_invoice(case: Case) -> Request:
    invoice_id = await issued(case, share=700)
    return Request("credit", f"Invoice/{invoice_id}", {"lines": [], "rebill": False}, case.key())


async def credit_what_was_paid(case: Case) -> Request:
    invoice_id = await issued(case)
    for amount in (900, 1100):
        await case.books.send(pay(f"Invoice/{invoice_id}", amount, "AFN", key=case.key()))
    content = {"lines": [(2, 500, "AFN"), (1, 1000, "AFN")], "rebill": False}
    return Request("credit", f"Invoice/{invoice_id}", content, case.key())


async def credit_to_bill_again(case: Case) -> Request:
    invoice_id = await issued(case)
    return Request("credit", f"Invoice/{invoice_id}", {"lines": [(1, None, "")], "rebill": True}, case.key())


async def credit_billed_charge(case: Case) -> Request:
    invoice_id = await issued(case)
    charge = (await case.books.read("Invoice", invoice_id))["lineItem"][1]["chargeItemReference"]["reference"]
    return Request("credit", charge, {"reason": "not done"}, case.key())


async def credit_unbilled_charge(case: Case) -> Request:
    charge_id = await case.charge(await case.account())
    return Request("credit", f"ChargeItem/{charge_id}", {"reason": "not done"}, case.key())


COMMANDS = (credit_invoice, credit_what_was_paid, credit_to_bill_again, credit_billed_charge, credit_unbilled_charge)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
async def test_a_kill_after_any_statement_of_a_credit_loses_nothing_and_doubles_nothing(
    command: Callable[[Case], Awaitable[Request]], app: Database, auditor: Database, reader: Reader
) -> None:
    await failpoints.test_a_kill_after_any_statement_loses_nothing_and_doubles_nothing(command, app, auditor, reader)
