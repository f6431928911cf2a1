"""Kills between any two SQL statements of what is done with payment plans."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from storage.transaction import Database
from tests.acceptance.books import Reader, Request, id_of, pay
from tests.acceptance.plan_requests import equally
from tests.acceptance.test_failpoints import Case, kill_after_any_statement


async def make_plan(case: Case) -> Request:
    invoice, account = await case.invoice()
    today = case.books.context.today(await case.books.clock())
    return Request("plan", "PaymentPlan", equally(account, invoice, first=today), case.key())


async def _plan(case: Case) -> str:
    return f"PaymentPlan/{id_of(await case.books.send(await make_plan(case)))}"


async def cancel_plan(case: Case) -> Request:
    return Request("cancel-plan", await _plan(case), {}, case.key())


async def note_default(case: Case) -> Request:
    return Request("note-default", await _plan(case), {"days": 20}, case.key())


async def note_recovery(case: Case) -> Request:
    invoice, account = await case.invoice()
    today = case.books.context.today(await case.books.clock())
    made = await case.books.send(Request("plan", "PaymentPlan", equally(account, invoice, first=today), case.key()))
    noting = Request("note-default", f"PaymentPlan/{id_of(made)}", {"days": 20}, case.key())
    await case.books.send(noting)
    await case.books.send(pay(f"Invoice/{invoice}", 2000, "AFN", key=case.key()))
    return Request(noting.operation, noting.type_or_id, noting.content, case.key())


COMMANDS = (make_plan, cancel_plan, note_default, note_recovery)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
async def test_a_kill_after_any_statement_loses_nothing_and_doubles_nothing(
    command: Callable[[Case], Awaitable[Request]], app: Database, auditor: Database, reader: Reader
) -> None:
    await kill_after_any_statement(command, app, auditor, reader)
