"""Payment plans that are not as they were agreed, or that overlap, planted as the owner can, are found."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, timedelta
from functools import partial

import pytest
import pytest_asyncio

from billing.cancel_payment_plan import cancel_payment_plan
from billing.make_payment_plan import EqualInstalments, PlanRequest, make_payment_plan
from billing.note_plan_defaults import note_default
from storage.transaction import Transaction
from tests.database_server import DatabaseAccess
from tests.integration.billing.check.books import Books, account, charge, invoice, line, opened_books
from tests.integration.billing.check.planted import Planted
from tests.later_context import later

_ANNOUNCED = (
    ", o AS (INSERT INTO billing.outbox (tenant_id, resource_type, id, version, events, recorded_at)"
    " SELECT tenant_id, 'PaymentPlan', plan_id, number + 1, '{x}', recorded_at FROM e)"
)
_EVENT = (
    "WITH e AS (INSERT INTO billing.payment_plan_event"
    " (tenant_id, plan_id, number, kind, on_date, recorded_at, recorded_by, reason) VALUES (%(tenant)s, "
)

PLANTED = [
    Planted(
        "an instalment of another amount",
        "UPDATE billing.payment_plan_instalment SET amount_minor = amount_minor + 1"
        " WHERE tenant_id = %(tenant)s AND plan_id = %(late_plan)s AND number = 2",
        "payment-plan-wrong",
    ),
    Planted(
        "an instalment removed",
        "DELETE FROM billing.payment_plan_instalment WHERE tenant_id = %(tenant)s AND plan_id = %(late_plan)s"
        " AND number = 3",
        "payment-plan-wrong",
    ),
    Planted(
        "instalments that are not in the order of their days",
        "UPDATE billing.payment_plan_instalment SET due = due + 90"
        " WHERE tenant_id = %(tenant)s AND plan_id = %(late_plan)s AND number = 2",
        "payment-plan-wrong",
    ),
    Planted(
        "a plan that is dated after its instalments",
        "UPDATE billing.payment_plan SET made_on = made_on + 1000 WHERE tenant_id = %(tenant)s AND id = %(plain_plan)s",
        "payment-plan-wrong",
    ),
    Planted(
        "a plan over another account's invoices",
        "UPDATE billing.payment_plan SET account_id = %(other_account)s"
        " WHERE tenant_id = %(tenant)s AND id = %(late_plan)s",
        "payment-plan-wrong recorded-at-differs",
    ),
    Planted(
        "a plan in another currency",
        "UPDATE billing.payment_plan SET currency = 'USD' WHERE tenant_id = %(tenant)s AND id = %(late_plan)s",
        "payment-plan-wrong",
    ),
    Planted(
        "an invoice taken off a plan",
        "DELETE FROM billing.payment_plan_invoice WHERE tenant_id = %(tenant)s AND plan_id = %(plain_plan)s"
        " AND number = 2",
        "payment-plan-wrong planned-invoice-wrong",
    ),
    Planted(
        "an invoice that is on a plan and not held",
        "DELETE FROM billing.planned_invoice WHERE tenant_id = %(tenant)s AND plan_id = %(late_plan)s",
        "planned-invoice-wrong",
    ),
    Planted(
        "an invoice that a cancelled plan holds",
        "UPDATE billing.planned_invoice SET plan_id = %(cancelled_plan)s"
        " WHERE tenant_id = %(tenant)s AND plan_id = %(next_plan)s",
        "planned-invoice-wrong",
    ),
    Planted(
        "a cancellation removed: two plans over one invoice",
        "DELETE FROM billing.payment_plan_event WHERE tenant_id = %(tenant)s AND plan_id = %(cancelled_plan)s",
        "plan-not-announced planned-invoice-wrong plans-overlap",
    ),
    Planted(
        "a cancellation that is dated after the plan that followed",
        "UPDATE billing.payment_plan_event SET on_date = on_date + 9"
        " WHERE tenant_id = %(tenant)s AND plan_id = %(cancelled_plan)s",
        "plans-overlap",
    ),
    Planted(
        "a cancellation that is recorded later, so that other moments knew of it",
        "UPDATE billing.payment_plan_event SET recorded_at = recorded_at + interval '1 hour'"
        " WHERE tenant_id = %(tenant)s AND plan_id = %(cancelled_plan)s",
        "plan-not-announced plans-overlap recorded-at-differs",
    ),
    Planted(
        "a recovery without a default",
        f"{_EVENT} %(plain_plan)s, 1, 'recovered', '2050-01-01', now(), 'x', NULL) RETURNING *){_ANNOUNCED}"
        " SELECT count(*) FROM e",
        "plan-events-broken",
    ),
    Planted(
        "a default removed",
        "DELETE FROM billing.payment_plan_event WHERE tenant_id = %(tenant)s AND plan_id = %(late_plan)s",
        "plan-not-announced",
    ),
    Planted(
        "a default since a day on which nothing was due",
        "UPDATE billing.payment_plan_event SET overdue_since = overdue_since - 1"
        " WHERE tenant_id = %(tenant)s AND plan_id = %(late_plan)s",
        "plan-events-broken",
    ),
    Planted(
        "an event of no plan",
        f"{_EVENT} 'gone', 1, 'cancelled', '2050-01-01', now(), 'x', 'y') RETURNING *){_ANNOUNCED}"
        " SELECT count(*) FROM e",
        "plan-events-broken",
    ),
    Planted(
        "an event that nobody was told of",
        "DELETE FROM billing.outbox WHERE tenant_id = %(tenant)s AND id = %(late_plan)s AND version = 2",
        "plan-not-announced",
    ),
    Planted(
        "an outbox row of a plan that is not there",
        "UPDATE billing.outbox SET id = 'gone' WHERE tenant_id = %(tenant)s AND id = %(late_plan)s AND version = 2",
        "plan-not-announced",
    ),
]


@pytest_asyncio.fixture(scope="module")
async def books(database: DatabaseAccess) -> AsyncIterator[Books]:
    async with opened_books(database) as opened:
        await _plans_of_every_fate(opened)
        yield opened


async def _plans_of_every_fate(books: Books) -> None:
    """One that is paid in part, one in default, and one that was cancelled and followed by another."""
    known = books.known
    known["other_account"] = (await books.create(account())).id
    for name in ("plain", "late", "cancelled"):
        known[f"{name}_account"] = on = (await books.create(account())).id
        charges = [(await books.create(charge(on, amount))).id for amount in ("60", "40")]
        for number, charge_id in enumerate(charges, 1):
            made = await books.create(invoice(on, line(charge_id), status="issued"))
            known[f"{name}_invoice_{number}"] = made.id
        known[f"{name}_plan"] = await _make(books, name)
    await books.pay(4500, account_id=known["plain_account"])
    context = books.context
    assert await books.run(partial(note_default, context=later(context, 40), plan_id=known["late_plan"])) == "defaulted"
    await books.run(
        partial(cancel_payment_plan, context=context, plan_id=known["cancelled_plan"], reason="other terms")
    )
    known["next_plan"] = await _make(books, "cancelled")


async def _make(books: Books, name: str) -> str:
    async def make(tx: Transaction) -> str:
        today: date = books.context.today(await tx.read_clock())
        request = PlanRequest(
            account_id=books.known[f"{name}_account"],
            invoice_ids=[books.known[f"{name}_invoice_1"], books.known[f"{name}_invoice_2"]],
            schedule=EqualInstalments(3, today + timedelta(days=7), "week"),
        )
        return (await make_payment_plan(tx, books.context, request)).plan.id

    return await books.run(make)


async def test_plans_of_every_fate_are_sound(books: Books) -> None:
    assert await books.findings() == []


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.what)
async def test_what_is_wrong_with_a_plan_is_found(books: Books, planted: Planted) -> None:
    assert await books.codes_after(planted.statement) == set(planted.codes.split())
