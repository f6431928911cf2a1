"""Refunds and adjustments that are not as their decisions and the journal say, planted as the owner can, are found."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.database_server import DatabaseAccess
from tests.integration.billing.check.approval_books import approval_books
from tests.integration.billing.check.books import Books
from tests.integration.billing.check.planted import Planted

_DECISION = (
    "INSERT INTO billing.decision (tenant_id, subject, subject_id, sequence, decision, status, decided_by, decided_at)"
    " VALUES (%(tenant)s, 'refund', "
)

REFUNDS = [
    Planted(
        "money held that nobody asked for",
        "UPDATE billing.account_balance SET held = held + 5 WHERE tenant_id = %(tenant)s AND account_id = %(account)s",
        "held-wrong",
    ),
    Planted(
        "a pending refund removed",
        "DELETE FROM billing.refund WHERE tenant_id = %(tenant)s AND id = %(pending)s",
        "held-wrong",
    ),
    Planted(
        "a payer's money that is held and not there",
        "UPDATE billing.refund SET amount_minor = 9001, counted_minor = 9001, second_limit_minor = NULL"
        " WHERE tenant_id = %(tenant)s AND id = %(of_payer)s",
        "held-wrong",
    ),
    Planted(
        "a refund that is approved by a stroke of the pen",
        f"{_DECISION} %(pending)s, 1, 'approved', 'approved', 'chief', now())",
        "approvals-lacking decisions-broken held-wrong payment-refunded-differs refund-booking-wrong",
    ),
    Planted(
        "one that needs two approvals and went through with one",
        "DELETE FROM billing.decision WHERE tenant_id = %(tenant)s AND subject_id = %(paid)s AND decided_by = 'chief'",
        "approvals-lacking decisions-broken",
    ),
    Planted(
        "an approval by its requester",
        "UPDATE billing.decision SET decided_by = 'ann' WHERE tenant_id = %(tenant)s AND subject_id = %(approved)s",
        "approvals-lacking approver-wrong",
    ),
    Planted(
        "fewer approvals needed than the limits say",
        "UPDATE billing.refund SET approvals_needed = 1 WHERE tenant_id = %(tenant)s AND id = %(half)s",
        "approvals-lacking decisions-broken",
    ),
    Planted(
        "an amount that was not counted",
        "UPDATE billing.refund SET counted_minor = amount_minor WHERE tenant_id = %(tenant)s AND id = %(approved)s",
        "counted-wrong",
    ),
    Planted(
        "a decision after the last one",
        f"{_DECISION} %(rejected)s, 2, 'approved', 'approved', 'chief', now())",
        "decisions-broken payment-refunded-differs refund-booking-wrong",
    ),
    Planted(
        "a decision about nothing",
        f"{_DECISION} 'gone', 1, 'rejected', 'rejected', 'chief', now())",
        "decisions-broken",
    ),
    Planted(
        "an entry of a refund removed with its postings",
        "WITH e AS (DELETE FROM billing.journal_entry WHERE tenant_id = %(tenant)s AND source_id = %(paid)s"
        " AND kind = 'refund-paid' RETURNING entry_id)"
        " DELETE FROM billing.posting AS p USING e WHERE p.tenant_id = %(tenant)s AND p.entry_id = e.entry_id",
        "balance-stale refund-booking-wrong",
    ),
    Planted(
        "a refund that is paid of another payment",
        "UPDATE billing.posting AS p SET payment_id = %(remittance)s FROM billing.journal_entry AS e"
        " WHERE e.tenant_id = %(tenant)s AND e.source_id = %(at_once)s AND e.kind = 'refund-approved'"
        " AND p.tenant_id = e.tenant_id AND p.entry_id = e.entry_id",
        "payment-over-allocated refund-booking-wrong",
    ),
    Planted(
        "a payment that says that more is refunded",
        "UPDATE billing.payment_reconciliation SET refunded_minor = refunded_minor + 1"
        " WHERE tenant_id = %(tenant)s AND id = %(payment)s",
        "payment-refunded-differs rendering-differs",
    ),
]

ADJUSTMENTS = [
    Planted(
        "an adjustment that went to nothing",
        "INSERT INTO billing.adjustment (tenant_id, id, currency, amount_minor, reason, requested_by, requested_at,"
        " approvals_needed, counted_minor, first_limit_minor, window_days, type, account_id)"
        " VALUES (%(tenant)s, 'new', 'AFN', 5, 'x', 'x', now(), 0, 5, 10, 30, 'write-off', %(account)s)",
        "adjustment-booking-wrong",
    ),
    Planted(
        "an entry of a write-off removed with its postings",
        "WITH e AS (DELETE FROM billing.journal_entry WHERE tenant_id = %(tenant)s AND source_id = %(written_off)s"
        " RETURNING entry_id)"
        " DELETE FROM billing.posting AS p USING e WHERE p.tenant_id = %(tenant)s AND p.entry_id = e.entry_id",
        "adjustment-booking-wrong balance-stale invoice-settlement-wrong invoice-status-wrong",
    ),
    Planted(
        "a write-off that says it went elsewhere",
        "UPDATE billing.adjustment_part SET invoice_id = %(new)s"
        " WHERE tenant_id = %(tenant)s AND adjustment_id = %(written_off)s",
        "adjustment-booking-wrong",
    ),
    Planted(
        "a credit note that is another's",
        "UPDATE billing.adjustment_part SET credit_note_id = %(new)s"
        " WHERE tenant_id = %(tenant)s AND adjustment_id = %(courtesy)s",
        "adjustment-booking-wrong",
    ),
    Planted(
        "a write-off that says it was one of a contract",
        "UPDATE billing.adjustment SET type = 'contractual' WHERE tenant_id = %(tenant)s AND id = %(written_off)s",
        "adjustment-booking-wrong",
    ),
    Planted(
        "a provision of another amount",
        "UPDATE billing.adjustment SET amount_minor = 401 WHERE tenant_id = %(tenant)s AND id = %(provided)s",
        "adjustment-booking-wrong",
    ),
    Planted(
        "a recovery of another payment",
        "UPDATE billing.adjustment SET payment_id = %(payment)s WHERE tenant_id = %(tenant)s AND id = %(recovered)s",
        "adjustment-booking-wrong",
    ),
    Planted(
        "an adjustment that went through without its approval",
        "DELETE FROM billing.decision WHERE tenant_id = %(tenant)s AND subject_id = %(approved_off)s",
        "adjustment-booking-wrong",
    ),
    Planted(
        "a write-off that needed an approval and says it did not",
        "UPDATE billing.adjustment SET approvals_needed = 0 WHERE tenant_id = %(tenant)s AND id = %(approved_off)s",
        "approvals-lacking decisions-broken",
    ),
]

PLANTED = [*REFUNDS, *ADJUSTMENTS]


@pytest_asyncio.fixture(scope="module")
async def books(database: DatabaseAccess) -> AsyncIterator[Books]:
    async with approval_books(database) as opened:
        yield opened


async def test_refunds_and_adjustments_of_every_fate_are_sound(books: Books) -> None:
    assert await books.findings() == []


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.what)
async def test_what_is_wrong_with_an_approval_is_found(books: Books, planted: Planted) -> None:
    assert await books.codes_after(planted.statement) == set(planted.codes.split())
