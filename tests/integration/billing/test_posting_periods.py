"""Closed periods: nothing is posted into one, what is of one counts on the first open day, and its balance is kept."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta

import psycopg
import pytest

from billing.close_period import close_period
from billing.create_resource import create_resource
from billing.issue_invoice import issue_invoice
from billing.posting_periods import ShownPeriod, list_periods, read_period
from billing.reopen_period import reopen_period
from billing.soft_close_period import soft_close_period
from billing.trial_balance import trial_balance
from ledger.chart import LedgerAccount
from ledger.errors import Refusal
from ledger.journal import JournalEntry, transfer
from ledger.posting_period import PostingDays, PostingPeriod
from storage import account_balances, journal
from storage.transaction import Transaction
from tests.database_server import DatabaseAccess
from tests.integration.billing.hospital import CONFLICT, RULE_BROKEN, Document, Hospital, line_of, refused, said
from tests.integration.billing.payment_commands import reverse

JANUARY, FEBRUARY, MARCH = "2026-01-01", "2026-02-01", "2026-03-01"


async def soft_closed(hospital: Hospital, period_id: str, last_day: date | None = None) -> PostingPeriod:
    return await hospital.run(lambda tx: soft_close_period(tx, hospital.context, period_id, last_day=last_day))


async def closed(hospital: Hospital, period_id: str) -> PostingPeriod:
    await soft_closed(hospital, period_id)
    return await hospital.run(lambda tx: close_period(tx, period_id))


async def shown(hospital: Hospital, period_id: str) -> ShownPeriod:
    return await read_period(hospital.database, hospital.context, period_id)


async def days_of(hospital: Hospital, kind: str) -> list[date]:
    return sorted({line.effective_at for line in await hospital.journal() if line.kind == kind})


def of(day: str) -> Document:
    return {"occurrenceDateTime": day}


async def test_a_service_of_a_closed_period_counts_on_the_first_open_day(hospital: Hospital) -> None:
    account = await hospital.account()
    await hospital.charge(account, "100", **of("2026-01-10"))
    await closed(hospital, JANUARY)
    await hospital.charge(account, "70", **of("2026-01-20"))
    await hospital.charge(account, "30", **of("2025-12-31"))
    await hospital.charge(account, "5", **of("2026-02-03"))
    assert await days_of(hospital, "charge-captured") == [date(2026, 1, 10), date(2026, 2, 1), date(2026, 2, 3)]
    assert (await hospital.balance(account, on=date(2026, 1, 31))).unbilled.minor_units == 10000
    assert (await hospital.balance(account, on=date(2026, 2, 1))).unbilled.minor_units == 20000


async def test_what_is_booked_in_a_closed_period_is_taken_back_in_an_open_one(hospital: Hospital) -> None:
    account = await hospital.account()
    charge = await hospital.charge(account, "100", **of("2026-01-10"))
    await closed(hospital, JANUARY)
    await hospital.update({**charge, "status": "aborted"})
    assert await days_of(hospital, "charge-reversed") == [date(2026, 2, 1)]
    assert (await hospital.balance(account, on=date(2026, 1, 31))).unbilled.minor_units == 10000


async def test_money_of_a_closed_period_counts_later_and_keeps_its_date(hospital: Hospital) -> None:
    account, invoice = await hospital.invoice_of("100", date="2026-01-15")
    await closed(hospital, JANUARY)
    paid = await hospital.pay(invoice, "60", on=date(2026, 1, 20))
    assert paid.payment["paymentDate"] == "2026-01-20"
    assert await days_of(hospital, "payment-received") == await days_of(hospital, "payment-allocated")
    assert await days_of(hospital, "payment-received") == [date(2026, 2, 1)]
    await reverse(hospital, paid.payment, "mis-keyed", on=date(2026, 1, 25))
    assert await days_of(hospital, "payment-reversed") == [date(2026, 2, 1)]
    assert (await hospital.balance(account, on=date(2026, 1, 31))).billed_patient.minor_units == 10000


async def test_no_invoice_and_no_credit_note_is_dated_into_a_closed_period(hospital: Hospital) -> None:
    account, invoice = await hospital.invoice_of("100", date="2026-01-15")
    charge = await hospital.charge(account, "5", **of("2026-01-10"))
    draft = await hospital.draft(account, line_of(charge))
    await closed(hospital, JANUARY)
    refusal = await refused(hospital.issue(draft, on=date(2026, 1, 31)))
    assert said(refusal) == [(RULE_BROKEN, "period-closed", "Invoice.date")]
    assert "2026-02-01" in refusal.problems[0].message
    other = await hospital.charge(account, "5", **of("2026-01-10"))
    refusal = await refused(hospital.issued(account, line_of(other), date="2026-01-31"))
    assert said(refusal) == [(RULE_BROKEN, "period-closed", "Invoice.date")]
    refusal = await refused(hospital.credit(invoice, on=date(2026, 1, 31)))
    assert [code for _, code, _ in said(refusal)] == ["period-closed"]
    assert (await hospital.issue(draft, on=date(2026, 2, 1)))["date"] == "2026-02-01"
    await hospital.credit(invoice, on=date(2026, 2, 1))


async def test_who_may_close_periods_posts_into_one_that_is_soft_closed(hospital: Hospital) -> None:
    account = await hospital.account()
    charge = await hospital.charge(account, "5", **of("2026-01-10"))
    draft = await hospital.draft(account, line_of(charge))
    await soft_closed(hospital, JANUARY)
    await hospital.charge(account, "1", **of("2026-01-20"))
    assert [code for _, code, _ in said(await refused(hospital.issue(draft, on=date(2026, 1, 31))))] == [
        "period-closed"
    ]

    async def as_accountant(tx: Transaction) -> None:
        tx.posts_into_soft_closed = True
        document = hospital.charge_document(account, "2", **of("2026-01-21"))
        await create_resource(tx, hospital.context, "ChargeItem", document)
        await issue_invoice(tx, hospital.context, draft["id"], on=date(2026, 1, 31))

    await hospital.run(as_accountant)
    assert await days_of(hospital, "charge-captured") == [date(2026, 1, 10), date(2026, 1, 21), date(2026, 2, 1)]
    assert await days_of(hospital, "invoice-issued") == [date(2026, 1, 31)]


async def test_what_is_reopened_takes_everybodys_postings_again(hospital: Hospital) -> None:
    account = await hospital.account()
    await soft_closed(hospital, JANUARY)
    await hospital.charge(account, "1", **of("2026-01-20"))
    await hospital.run(lambda tx: reopen_period(tx, JANUARY, reason="a statement was missing"))
    await hospital.charge(account, "1", **of("2026-01-21"))
    assert await days_of(hospital, "charge-captured") == [date(2026, 1, 21), date(2026, 2, 1)]
    assert [(each.status, each.reason) for each in (await shown(hospital, JANUARY)).changes] == [
        ("soft-closed", None),
        ("open", "a statement was missing"),
    ]


async def test_the_closing_trial_balance_is_what_all_days_up_to_it_come_to(hospital: Hospital) -> None:
    account = await hospital.account()
    await hospital.charge(account, "100", **of("2026-01-10"))
    await hospital.charge(account, "7", **of("2026-02-10"))
    await closed(hospital, JANUARY)
    january = await shown(hospital, JANUARY)
    assert [(total.ledger_account, total.balance_minor) for total in january.closing_balance] == [
        (LedgerAccount.UNBILLED_RECEIVABLE, 10000),
        (LedgerAccount.PATIENT_REVENUE, -10000),
    ]
    await hospital.charge(account, "50", **of("2026-01-11"))
    now = await trial_balance(hospital.database, hospital.context, on=date(2026, 1, 31))
    assert tuple(now) == january.closing_balance == (await shown(hospital, JANUARY)).closing_balance
    await closed(hospital, FEBRUARY)
    assert [total.balance_minor for total in (await shown(hospital, FEBRUARY)).closing_balance] == [15700, -15700]


async def test_periods_close_in_order_and_for_ever(hospital: Hospital) -> None:
    await closed(hospital, JANUARY)
    for act, code in (
        (soft_closed(hospital, JANUARY), "invalid-state"),
        (soft_closed(hospital, MARCH), "period-order"),
        (hospital.run(lambda tx: close_period(tx, JANUARY)), "invalid-state"),
        (hospital.run(lambda tx: close_period(tx, FEBRUARY)), "invalid-state"),
        (hospital.run(lambda tx: reopen_period(tx, JANUARY, reason="x")), "invalid-state"),
        (hospital.run(lambda tx: reopen_period(tx, FEBRUARY, reason="x")), "invalid-state"),
    ):
        refusal = await refused(act)
        assert (refusal.category, refusal.code) == (CONFLICT, code)
    await soft_closed(hospital, FEBRUARY, date(2026, 2, 20))
    await soft_closed(hospital, "2026-02-21", date(2026, 3, 20))
    refusal = await refused(hospital.run(lambda tx: close_period(tx, "2026-02-21")))
    assert refusal.code == "period-order"
    refusal = await refused(hospital.run(lambda tx: reopen_period(tx, FEBRUARY, reason="x")))
    assert refusal.code == "period-order"
    statuses = [each.status for each in await list_periods(hospital.database, hospital.context)]
    assert statuses[:4] == ["closed", "soft-closed", "soft-closed", "open"]


@pytest.mark.parametrize("period_id", ["nothing", "2026-1-1", "20260101", "2026-W01-1", "2999-01-01"])
async def test_a_period_that_is_not_there_is_not_found(hospital: Hospital, period_id: str) -> None:
    assert (await refused(shown(hospital, period_id))).code == "not-found"


async def test_two_who_close_at_once_close_once(hospital: Hospital) -> None:
    answers = await asyncio.gather(*(soft_closed(hospital, JANUARY) for _ in range(4)), return_exceptions=True)
    lost = [answer for answer in answers if isinstance(answer, Refusal)]
    assert [each.code for each in lost] == ["invalid-state"] * 3


async def test_the_database_refuses_an_entry_into_a_closed_period_whatever_the_code_does(hospital: Hospital) -> None:
    account = await hospital.account()
    await closed(hospital, JANUARY)

    async def forgetful(tx: Transaction) -> None:
        await account_balances.lock(tx, [account["id"]])
        tx.posting_days = PostingDays()
        entry = JournalEntry(
            kind="charge-captured",
            currency="AFN",
            effective_at=date(2026, 1, 31),
            source_type="ChargeItem",
            source_id="x",
            postings=tuple(
                transfer(
                    LedgerAccount.UNBILLED_RECEIVABLE, LedgerAccount.PATIENT_REVENUE, 100, account_id=account["id"]
                )
            ),
        )
        journal.append(tx, entry)

    assert (await refused(hospital.run(forgetful))).code == "period-closed"
    assert await hospital.journal() == []


@pytest.mark.parametrize(
    ("number", "closed_through", "status"),
    [(3, "2025-12-31", "closed"), (3, None, "open"), (4, "2026-02-28", "closed"), (3, "2026-02-28", "open")],
)
async def test_the_database_refuses_to_open_what_is_closed(
    hospital: Hospital, database: DatabaseAccess, number: int, closed_through: str | None, status: str
) -> None:
    await closed(hospital, JANUARY)
    last_day = closed_through if status == "closed" else "2026-02-28"
    with psycopg.connect(database.superuser) as connection, pytest.raises(psycopg.errors.CheckViolation) as refusal:
        connection.execute(
            "INSERT INTO posting_period_change (tenant_id, number, first_day, last_day, status, closed_through,"
            " changed_at, changed_by) VALUES (%s, %s, '2025-01-01', %s, %s, %s, now() + interval '1 hour', 'x')",
            [hospital.tenant_id, number, last_day, status, closed_through],
        )
    assert refusal.value.diag.constraint_name == "posting_period_change_follows"


async def test_closing_waits_for_what_is_being_posted_and_counts_it(hospital: Hospital) -> None:
    account = await hospital.account()
    await soft_closed(hospital, JANUARY)
    posting, go_on = asyncio.Event(), asyncio.Event()

    async def slow(tx: Transaction) -> None:
        tx.posts_into_soft_closed = True
        document = hospital.charge_document(account, "9", **of("2026-01-20"))
        await create_resource(tx, hospital.context, "ChargeItem", document)
        await tx.flush()
        posting.set()
        await go_on.wait()

    slowly = asyncio.create_task(hospital.run(slow))
    await posting.wait()
    closing = asyncio.create_task(hospital.run(lambda tx: close_period(tx, JANUARY)))
    done, _ = await asyncio.wait([closing], timeout=0.2)
    assert not done
    go_on.set()
    await slowly
    await closing
    assert [total.balance_minor for total in (await shown(hospital, JANUARY)).closing_balance] == [900, -900]


async def test_a_period_that_is_not_over_is_not_closed(hospital: Hospital) -> None:
    today = await hospital.today()
    refusal = await refused(soft_closed(hospital, today.replace(day=1).isoformat(), today))
    assert said(refusal) == [(RULE_BROKEN, "period-not-over", "/last_day")]
    yesterday = today - timedelta(days=1)
    assert (await soft_closed(hospital, yesterday.isoformat(), yesterday)).last_day == yesterday
