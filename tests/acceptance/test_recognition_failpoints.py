"""Kills between any two SQL statements of what recognises revenue at issue, and of a change of the point."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from storage.transaction import Database
from tests.acceptance.books import Reader, Request
from tests.acceptance.test_failpoints import Case, kill_after_any_statement


async def capture_deferred(case: Case) -> Request:
    on = await case.account()
    return case.creating(await _charge_document(case, on))


async def _charge_document(case: Case, account_id: str) -> dict[str, object]:
    document = await case.books.read("ChargeItem", await case.charge(account_id))
    return {name: value for name, value in document.items() if name not in ("id", "meta", "extension")}


async def issue_deferred(case: Case) -> Request:
    invoice_id, _ = await case.invoice("draft")
    return Request("issue", f"Invoice/{invoice_id}", {}, case.key())


async def cancel_recognised(case: Case) -> Request:
    invoice_id, _ = await case.invoice()
    return Request("cancel", f"Invoice/{invoice_id}", {"reason": "a mistake"}, case.key())


async def bill_recognised_again(case: Case) -> Request:
    # The first credit note of a series adds a row to it.
    before, _ = await case.invoice()
    await case.books.send(Request("credit", f"Invoice/{before}", {"lines": [], "rebill": False}))
    invoice_id, _ = await case.invoice()
    return Request("credit", f"Invoice/{invoice_id}", {"lines": [(1, None, "")], "rebill": True}, case.key())


async def change_the_point(case: Case) -> Request:
    # One setting more or less each time, of which there is one now.
    await case.books.send(Request("recognise-at", "Settings/issue"))
    return Request("recognise-at", "Settings/capture", {}, case.key())


COMMANDS = (capture_deferred, issue_deferred, cancel_recognised, bill_recognised_again, change_the_point)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
async def test_a_kill_after_any_statement_recognises_nothing_twice_and_leaves_nothing_deferred(
    command: Callable[[Case], Awaitable[Request]], app: Database, auditor: Database, reader: Reader
) -> None:
    await kill_after_any_statement(command, app, auditor, reader, settings={"recognition_point": "issue"})
