"""Closed posting periods: what came into them later and what they were closed with; planted corruption is found."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import LiteralString

import pytest
import pytest_asyncio

from billing.close_period import close_period
from billing.soft_close_period import soft_close_period
from tests.database_server import DatabaseAccess
from tests.integration.billing.check.books import Books, account, charge, detail, opened_books, payment
from tests.integration.billing.check.planted import Planted


@pytest_asyncio.fixture(scope="module")
async def closed_books(books_database: DatabaseAccess) -> AsyncIterator[Books]:
    """January is closed, and what is of it came later too; February is soft-closed."""
    async with opened_books(books_database) as books:
        on = (await books.create(account())).id
        books.known["charge"] = (await books.create(charge(on, "20"))).id
        await books.run(lambda tx: soft_close_period(tx, books.context, "2026-01-01"))
        await books.run(lambda tx: close_period(tx, "2026-01-01"))
        books.known["late_charge"] = (await books.create(charge(on, "11", occurrenceDateTime="2026-01-20"))).id
        advance = detail(f"Account/{on}", "4.00", "advance")
        money = payment("4.00", "r-late", advance, paymentDate="2026-01-21")
        books.known["late_payment"] = (await books.create(money)).id
        await books.run(lambda tx: soft_close_period(tx, books.context, "2026-02-01"))
        yield books


async def test_late_charges_and_late_money_are_sound(closed_books: Books) -> None:
    assert await closed_books.findings() == []


def _moved(source: LiteralString, day: LiteralString) -> LiteralString:
    return (
        f"WITH e AS (UPDATE billing.journal_entry SET effective_at = '{day}' WHERE tenant_id = %(tenant)s"
        f" AND source_id = %({source})s RETURNING entry_id) UPDATE billing.posting AS p SET effective_at = '{day}'"
        " FROM e WHERE p.tenant_id = %(tenant)s AND p.entry_id = e.entry_id"
    )


PERIODS = [
    Planted(
        "a late charge moved into the closed period",
        _moved("late_charge", "2026-01-20"),
        "closing-balance-differs entry-in-closed-period",
    ),
    Planted(
        "a late charge on a day that never was the first open one",
        _moved("late_charge", "2026-02-02"),
        "entry-date-wrong",
    ),
    Planted(
        "late money on a day that never was the first open one",
        _moved("late_payment", "2026-02-02"),
        "payment-booking-differs",
    ),
    Planted(
        "late money on a day that was the first open one only later",
        _moved("late_payment", "2026-03-01"),
        "payment-booking-differs",
    ),
    Planted(
        "an entry of a closed period moved out of it",
        _moved("charge", "2026-02-01"),
        "closing-balance-differs entry-date-wrong",
    ),
    Planted(
        "a closing trial balance that was changed",
        "UPDATE billing.closing_balance SET debit_minor = debit_minor + 1"
        " WHERE tenant_id = %(tenant)s AND ledger_account = 1150",
        "closing-balance-differs",
    ),
    Planted(
        "a line of a closing trial balance that is gone",
        "DELETE FROM billing.closing_balance WHERE tenant_id = %(tenant)s AND ledger_account = 4000",
        "closing-balance-differs",
    ),
    Planted(
        "a closing that is gone",
        "DELETE FROM billing.posting_period_change WHERE tenant_id = %(tenant)s AND status = 'closed'",
        "closing-balance-differs period-change-wrong",
    ),
    Planted(
        "a closing that says it was a reopening",
        "UPDATE billing.posting_period_change SET status = 'open', closed_through = NULL"
        " WHERE tenant_id = %(tenant)s AND status = 'closed'",
        "closing-balance-differs period-change-wrong",
    ),
    Planted(
        "a soft-closing that is dated before what it follows",
        "UPDATE billing.posting_period_change SET changed_at = changed_at - interval '1 day'"
        " WHERE tenant_id = %(tenant)s AND number = 3",
        "period-change-wrong",
    ),
]


@pytest.mark.parametrize("planted", PERIODS, ids=lambda planted: planted.what)
async def test_planted_corruption_is_found_under_its_name(closed_books: Books, planted: Planted) -> None:
    assert await closed_books.codes_after(planted.statement) == set(planted.codes.split())


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        (
            "DROP TRIGGER posting_period_change_follows ON billing.posting_period_change",
            "trigger-missing",
        ),
        ("DROP TRIGGER append_only ON billing.closing_balance", "trigger-missing"),
        ("GRANT UPDATE ON billing.posting_period_change TO billing_app", "grant-too-wide"),
    ],
)
async def test_the_guards_of_closed_periods_are_looked_after(
    closed_books: Books, statement: LiteralString, code: str
) -> None:
    assert await closed_books.codes_after(statement) == {code}
