"""Recognition of revenue at issue: what is deferred and what is recognised; planted corruption is found."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import LiteralString
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio

from billing.soft_close_period import soft_close_period
from billing.tenants import change_tenant
from tests.database_server import DatabaseAccess
from tests.integration.billing.check.books import Books, account, charge, invoice, line, opened_books
from tests.integration.billing.check.planted import Planted


@pytest_asyncio.fixture(scope="module")
async def deferring_books(books_database: DatabaseAccess) -> AsyncIterator[Books]:
    """At issue from the first day, and at capture from today on; charges of both, billed and not."""
    async with opened_books(books_database) as books:
        await change_tenant(books.app, books.tenant_id, settings={"recognition_point": "issue"})
        known = books.known
        on = known["account"] = (await books.create(account())).id
        for name in ("charge", "billed", "other_billed", "freed", "aborted", "corrected", "run_off"):
            known[name] = (await books.create(charge(on, "20"))).id
        await books.change("ChargeItem", known["corrected"], priceOverride={"value": Decimal(25), "currency": "AFN"})
        for name in ("billed", "other_billed", "freed"):
            known[f"invoice_of_{name}"] = (
                await books.create(invoice(on, line(known[name]), status="issued", date="2026-02-03"))
            ).id
        await books.cancel(known["invoice_of_freed"])
        await books.change("ChargeItem", known["aborted"], status="aborted", extension=None)
        today = datetime.now(UTC).astimezone(ZoneInfo("Asia/Kabul")).date()
        yesterday = today - timedelta(days=1)
        await books.run(lambda tx: soft_close_period(tx, books.context, "2026-01-01", last_day=yesterday))
        await change_tenant(books.app, books.tenant_id, settings={"recognition_point": "capture"})
        # It counts on the first open day, as what is of a closed period does.
        known["late"] = (await books.create(charge(on, "70"))).id
        known["billed_late"] = (await books.create(charge(on, "80"))).id
        # One invoice has charges of both points.
        await books.create(invoice(on, line(known["billed_late"]), line(known["run_off"]), status="issued"))
        yield books


async def test_charges_of_both_points_are_sound(deferring_books: Books) -> None:
    assert await deferring_books.findings() == []


def _entry(charge_name: LiteralString, kind: LiteralString) -> LiteralString:
    return (
        "(SELECT entry_id FROM billing.journal_entry WHERE tenant_id = %(tenant)s"
        f" AND source_id = %({charge_name})s AND kind = '{kind}')"
    )


def _without(charge_name: LiteralString, kind: LiteralString) -> LiteralString:
    return (
        "WITH e AS (DELETE FROM billing.journal_entry WHERE tenant_id = %(tenant)s"
        f" AND source_id = %({charge_name})s AND kind = '{kind}' RETURNING entry_id)"
        " DELETE FROM billing.posting AS p USING e WHERE p.tenant_id = %(tenant)s AND p.entry_id = e.entry_id"
    )


def _posting(
    charge_name: LiteralString, kind: LiteralString, change: LiteralString, more: LiteralString = ""
) -> LiteralString:
    return (
        f"UPDATE billing.posting SET {change} WHERE tenant_id = %(tenant)s AND entry_id = {_entry(charge_name, kind)}"
        f" {more}"
    )


_RECOGNISED: LiteralString = "revenue-recognised"

RECOGNITION = [
    Planted(
        "revenue of a billed charge that stays deferred",
        _without("billed", _RECOGNISED),
        "deferred-revenue-differs recognition-wrong",
    ),
    Planted(
        "revenue that is recognised though the invoice was cancelled",
        _without("freed", "recognition-reversed"),
        "deferred-revenue-differs recognition-wrong",
    ),
    Planted(
        "revenue that is recognised before there is an invoice",
        "WITH e AS (INSERT INTO billing.journal_entry (tenant_id, entry_id, kind, effective_at, recorded_at,"
        " source_type, source_id, created_by) SELECT tenant_id, gen_random_uuid(), 'revenue-recognised', effective_at,"
        " recorded_at + interval '1 microsecond', source_type, source_id, 'x' FROM billing.journal_entry"
        f" WHERE tenant_id = %(tenant)s AND entry_id = {_entry('charge', 'charge-captured')} RETURNING *)"
        " INSERT INTO billing.posting (tenant_id, entry_id, line, ledger_account, currency, amount_minor, effective_at,"
        " recorded_at, account_id, charge_item_id, detail) SELECT e.tenant_id, e.entry_id, v.line, v.account, 'AFN',"
        " v.amount, e.effective_at, e.recorded_at, NULL, e.source_id, v.detail FROM e CROSS JOIN"
        " (VALUES (1, 2400, 2000, '4000'), (2, 4000, -2000, NULL)) AS v(line, account, amount, detail)",
        "deferred-revenue-differs recognition-wrong",
    ),
    Planted(
        "revenue that was not captured so, recognised twice",
        _posting(
            "billed_late", "charge-captured", "ledger_account = 2400, detail = '4000'", "AND ledger_account = 4000"
        ),
        "deferred-revenue-differs recognition-point-wrong recognition-wrong",
    ),
    Planted(
        "a part of what is deferred, recognised",
        _posting("billed", _RECOGNISED, "amount_minor = amount_minor / 2"),
        "deferred-revenue-differs recognition-wrong",
    ),
    Planted(
        "revenue that is recognised as something else",
        _posting("billed", _RECOGNISED, "ledger_account = 4110", "AND ledger_account = 4000"),
        "recognition-wrong",
    ),
    Planted(
        "revenue that is recognised for another invoice",
        _posting("billed", _RECOGNISED, "invoice_id = %(invoice_of_other_billed)s"),
        "recognition-wrong",
    ),
    Planted(
        "revenue that is recognised on another day than its invoice's",
        "WITH e AS (UPDATE billing.journal_entry SET effective_at = '2026-02-02' WHERE tenant_id = %(tenant)s"
        " AND source_id = %(billed)s AND kind = 'revenue-recognised' RETURNING entry_id)"
        " UPDATE billing.posting AS p SET effective_at = '2026-02-02' FROM e"
        " WHERE p.tenant_id = %(tenant)s AND p.entry_id = e.entry_id",
        "recognition-wrong",
    ),
    Planted(
        "what a charge defers, moved to what it would go to",
        _posting("charge", "charge-captured", "ledger_account = 4000, detail = NULL", "AND ledger_account = 2400"),
        "recognition-point-wrong",
    ),
    Planted(
        "what a charge recognises, deferred",
        _posting("late", "charge-captured", "ledger_account = 2400, detail = '4000'", "AND ledger_account = 4000"),
        "recognition-point-wrong",
    ),
    Planted(
        "a captured charge that is reversed, by the other point",
        "UPDATE billing.posting SET ledger_account = 4000, detail = NULL WHERE tenant_id = %(tenant)s"
        " AND charge_item_id = %(aborted)s AND ledger_account = 2400",
        "recognition-point-wrong",
    ),
    Planted(
        "money that is put to deferred revenue and is of no charge",
        _posting(
            "late", "charge-captured", "ledger_account = 2400, charge_item_id = NULL", "AND ledger_account = 4000"
        ),
        "capture-differs deferred-revenue-differs recognition-point-wrong",
    ),
    Planted(
        "the point from which on revenue is recognised at capture, moved",
        "UPDATE billing.recognition_change SET first_day = '2026-01-05' WHERE tenant_id = %(tenant)s AND number = 2",
        "recognition-mixed recognition-point-wrong",
    ),
    Planted(
        "a change of the point that is gone",
        "DELETE FROM billing.recognition_change WHERE tenant_id = %(tenant)s AND number = 1",
        "recognition-change-broken recognition-point-wrong",
    ),
    Planted(
        "a gap in the changes of the point",
        "UPDATE billing.recognition_change SET number = 3 WHERE tenant_id = %(tenant)s AND number = 2",
        "recognition-change-broken",
    ),
    Planted(
        "a change of the point to what it was already",
        "INSERT INTO billing.recognition_change SELECT tenant_id, 3, first_day, point, changed_at + interval '1 hour',"
        " changed_by FROM billing.recognition_change WHERE tenant_id = %(tenant)s AND number = 2",
        "recognition-change-broken",
    ),
    Planted(
        "a change of the point to another one than was meant",
        "UPDATE billing.recognition_change SET point = 'issue' WHERE tenant_id = %(tenant)s AND number = 2",
        "recognition-change-broken recognition-point-wrong",
    ),
    Planted(
        "a change of the point that is recorded before the one that it follows",
        "UPDATE billing.recognition_change SET changed_at = changed_at - interval '1 day'"
        " WHERE tenant_id = %(tenant)s AND number = 2",
        "recognition-change-broken",
    ),
    Planted(
        "a setting that nobody put into force",
        "UPDATE billing.tenant_setting SET value = 'issue' WHERE tenant_id = %(tenant)s AND key = 'recognition_point'",
        "recognition-change-broken",
    ),
    Planted(
        "a period that was closed over the day on which the point changed",
        "UPDATE billing.posting_period_change SET last_day = last_day + 1, soft_closed_through = last_day + 1"
        " WHERE tenant_id = %(tenant)s",
        "entry-date-wrong recognition-mixed",
    ),
]


@pytest.mark.parametrize("planted", RECOGNITION, ids=lambda planted: planted.what)
async def test_planted_corruption_is_found_under_its_name(deferring_books: Books, planted: Planted) -> None:
    assert await deferring_books.codes_after(planted.statement) == set(planted.codes.split())


async def test_the_guards_of_the_changes_are_looked_after(deferring_books: Books) -> None:
    statement: LiteralString = "GRANT UPDATE ON billing.recognition_change TO billing_app"
    assert await deferring_books.codes_after(statement) == {"grant-too-wide"}
