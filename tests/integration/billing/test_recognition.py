"""Revenue that is recognised at issue: deferred by the capture of a charge, recognised when and while it is billed."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta

import pytest

from billing.close_period import close_period
from billing.create_resource import create_resource
from billing.posting_periods import list_periods, read_period
from billing.reopen_period import reopen_period
from billing.soft_close_period import soft_close_period
from billing.tenants import change_settings, change_tenant, replace_settings
from billing.transfer_charge import transfer_charge
from ledger.chart import LedgerAccount
from storage.posting_periods import recognition_changes
from storage.transaction import Database, Transaction
from tests.integration.billing.hospital import (
    CONFLICT,
    RULE_BROKEN,
    Document,
    Hospital,
    component,
    line_credit,
    line_of,
    money,
    own_line,
    refused,
    said,
    share,
)
from tests.integration.billing.price_lists import price, publish, rule

DEFERRED, REVENUE = LedgerAccount.DEFERRED_REVENUE, LedgerAccount.PATIENT_REVENUE
ONE = timedelta(days=1)


@pytest.fixture
async def deferring(connected: Database) -> Hospital:
    """A tenant that recognises revenue at issue, and always did."""
    return await Hospital.open(connected, recognition_point="issue")


async def set_point(hospital: Hospital, point: str | None) -> None:
    timezone = hospital.context.tenant.timezone
    changes = {"recognition_point": point}
    await hospital.run(lambda tx: change_settings(tx, changes, versions_required=None, timezone=timezone))


async def points(hospital: Hospital) -> list[tuple[date, str]]:
    changes = await recognition_changes(hospital.database, hospital.tenant_id)
    return [(change.first_day, change.point) for change in changes]


async def sums(hospital: Hospital) -> tuple[int, int]:
    """(deferred, recognised), both positive."""
    return -await hospital.sum_of(DEFERRED), -await hospital.sum_of(REVENUE)


async def days_of(hospital: Hospital, kind: str) -> list[date]:
    return sorted({line.effective_at for line in await hospital.journal() if line.kind == kind})


async def soft_closed(hospital: Hospital, first_day: date, last_day: date | None = None) -> None:
    await hospital.run(lambda tx: soft_close_period(tx, hospital.context, first_day.isoformat(), last_day=last_day))


async def reopened(hospital: Hospital, first_day: date) -> None:
    await hospital.run(lambda tx: reopen_period(tx, first_day.isoformat(), reason="a statement was missing"))


# What is booked.


async def test_a_charge_is_deferred_and_recognised_by_its_invoice(deferring: Hospital) -> None:
    account = await deferring.account()
    charge = await deferring.charge(account, "100")
    assert await deferring.booked("charge-captured") == [(1150, 10000), (2400, -10000)]
    balance = await deferring.balance(account)
    assert (balance.unbilled.minor_units, balance.total.minor_units) == (10000, 10000)
    today = await deferring.today()
    await deferring.issued(account, line_of(charge))
    assert await deferring.booked("revenue-recognised") == [(2400, 10000), (4000, -10000)]
    assert await days_of(deferring, "revenue-recognised") == [today]
    assert await deferring.booked("invoice-issued") == [(1100, 10000), (1150, -10000)]
    assert await sums(deferring) == (0, 10000)


async def test_a_draft_recognises_nothing_and_its_issue_does_on_its_day(deferring: Hospital) -> None:
    account = await deferring.account()
    draft = await deferring.draft(account, line_of(await deferring.charge(account, "100")))
    assert await sums(deferring) == (10000, 0)
    await deferring.issue(draft, on=date(2026, 2, 3))
    assert await sums(deferring) == (0, 10000)
    assert await days_of(deferring, "revenue-recognised") == [date(2026, 2, 3)]


async def test_a_draft_that_is_put_as_issued_recognises_too(deferring: Hospital) -> None:
    account = await deferring.account()
    draft = await deferring.draft(account, line_of(await deferring.charge(account, "100")))
    await deferring.update({**draft, "status": "issued"})
    assert await sums(deferring) == (0, 10000)


async def test_only_the_charges_of_an_invoice_are_recognised_by_it(deferring: Hospital) -> None:
    account = await deferring.account()
    billed, _ = await deferring.charge(account, "100"), await deferring.charge(account, "7")
    await deferring.issued(account, line_of(billed))
    assert await sums(deferring) == (700, 10000)


async def test_what_is_added_at_issue_is_recognised_at_once_under_either_point(deferring: Hospital) -> None:
    account = await deferring.account()
    charge = await deferring.charge(account, "100")
    extra = [component("surcharge", "10.00"), component("discount", factor="0.20"), component("tax", factor="0.05")]
    line = line_of(charge, component("base", "100.00"), *extra)
    insurer = share({"reference": "Organization/insurer"}, "50.00")
    await deferring.issued(account, line, own_line("30.00"), extension=[insurer])
    assert await sums(deferring) == (0, 14000)
    assert await deferring.sum_of(LedgerAccount.COURTESY_DISCOUNTS) == 2000
    assert await deferring.sum_of(LedgerAccount.RECEIVABLE_PAYER) == 5000


async def test_what_a_price_list_took_off_is_deferred_with_it(deferring: Hospital) -> None:
    off = [rule("everybody", "discount", "10"), rule("poor", "exemption", "50")]
    await publish(deferring, price("99213", 10000), *off)
    account = await deferring.account()
    charge = await deferring.charge(account, None)
    lines = [(line.account, line.amount, line.detail) for line in await deferring.journal()]
    assert lines == [(1150, 4500, None), (2400, -10000, "4000"), (2400, 1000, "4110"), (2400, 4500, "4120")]
    await deferring.issued(account, line_of(charge))
    recognised = sorted(await deferring.booked("revenue-recognised"))
    assert recognised == [(2400, -4500), (2400, -1000), (2400, 10000), (4000, -10000), (4110, 1000), (4120, 4500)]


async def test_what_is_exempt_from_all_is_deferred_and_recognised_though_its_invoice_books_nothing(
    deferring: Hospital,
) -> None:
    await publish(deferring, price("99213", 10000), rule("poor", "exemption", "100"))
    account = await deferring.account()
    charge = await deferring.charge(account, None)
    assert sorted(await deferring.booked("charge-captured")) == [(2400, -10000), (2400, 10000)]
    await deferring.issued(account, line_of(charge))
    assert await deferring.booked("invoice-issued") == []
    assert sorted(await deferring.booked("revenue-recognised")) == [
        (2400, -10000),
        (2400, 10000),
        (4000, -10000),
        (4120, 10000),
    ]


async def test_a_charge_that_is_corrected_stays_deferred(deferring: Hospital) -> None:
    account = await deferring.account()
    charge = await deferring.charge(account, "100")
    charge = await deferring.update(charge | {"priceOverride": money("120")})
    assert await deferring.booked("charge-reversed") == [(1150, -10000), (2400, 10000)]
    assert await sums(deferring) == (12000, 0)
    await deferring.update({**charge, "status": "entered-in-error"})
    assert await sums(deferring) == (0, 0)


async def test_a_charge_that_is_credited_before_its_issue_defers_nothing_any_more(deferring: Hospital) -> None:
    charge = await deferring.charge(await deferring.account(), "100")
    await deferring.credit_charge(charge)
    assert await sums(deferring) == (0, 0)


async def test_a_charge_that_moves_to_another_account_takes_what_is_deferred_with_it(deferring: Hospital) -> None:
    charge = await deferring.charge(await deferring.account(), "100")
    other = await deferring.account()
    await deferring.run(
        lambda tx: transfer_charge(tx, deferring.context, charge["id"], to_account=other["id"], reason="a mistake")
    )
    accounts = {line.patient_account: line.amount for line in await deferring.journal() if line.account == DEFERRED}
    assert accounts[other["id"]] == -10000
    assert await sums(deferring) == (10000, 0)


async def test_cancelling_defers_again_and_issuing_again_recognises_again(deferring: Hospital) -> None:
    account = await deferring.account()
    charge = await deferring.charge(account, "100")
    invoice = await deferring.issued(account, line_of(charge), date="2026-02-03")
    await deferring.cancel(invoice, reason="wrong payer")
    assert await sums(deferring) == (10000, 0)
    assert await deferring.booked("recognition-reversed") == [(2400, -10000), (4000, 10000)]
    assert await days_of(deferring, "recognition-reversed") == [await deferring.today()]
    await deferring.issued(account, line_of(charge))
    assert await sums(deferring) == (0, 10000)


async def test_a_cancelled_draft_takes_nothing_back(deferring: Hospital) -> None:
    account = await deferring.account()
    await deferring.cancel(await deferring.draft(account, line_of(await deferring.charge(account, "100"))))
    assert await sums(deferring) == (10000, 0)


async def test_a_credit_note_lowers_what_is_recognised_and_defers_nothing(deferring: Hospital) -> None:
    account = await deferring.account()
    charge = await deferring.charge(account, "100")
    invoice = await deferring.issued(account, line_of(charge), own_line("30.00"))
    await deferring.credit(invoice, line_credit(1, "40.00"))
    assert await sums(deferring) == (0, 9000)
    await deferring.credit_charge(charge)
    assert await sums(deferring) == (0, 3000)


async def test_what_is_billed_again_is_deferred_again_and_only_that(deferring: Hospital) -> None:
    account = await deferring.account()
    charges = [await deferring.charge(account, amount) for amount in ("100", "7")]
    invoice = await deferring.issued(account, *map(line_of, charges), own_line("30.00"))
    await deferring.credit(invoice, line_credit(1), rebill=True, on=await deferring.today())
    assert await sums(deferring) == (10000, 3700)
    await deferring.issued(account, line_of(charges[0]))
    assert await sums(deferring) == (0, 13700)


# When a change of the setting is in force.


async def test_a_charge_keeps_the_point_by_which_it_was_captured(hospital: Hospital) -> None:
    account, today = await hospital.account(), await hospital.today()
    at_capture = await hospital.charge(account, "100", occurrenceDateTime="2026-01-10")
    await soft_closed(hospital, date(2026, 1, 1), today - ONE)
    await set_point(hospital, "issue")
    assert await points(hospital) == [(today, "issue")]
    at_issue = await hospital.charge(account, "7")
    assert await sums(hospital) == (700, 10000)
    noted = await hospital.update({**at_capture, "note": [{"text": "seen"}]})
    assert await sums(hospital) == (700, 10000)
    await hospital.issued(account, line_of(noted), line_of(at_issue))
    assert await sums(hospital) == (0, 10700)


async def test_what_is_deferred_is_recognised_at_issue_though_the_setting_is_another_by_then(
    deferring: Hospital,
) -> None:
    account, today = await deferring.account(), await deferring.today()
    charges = [await deferring.charge(account, amount, occurrenceDateTime="2026-01-10") for amount in ("100", "7")]
    await soft_closed(deferring, date(2026, 1, 1), today - ONE)
    await set_point(deferring, None)
    assert await points(deferring) == [(date(1900, 1, 1), "issue"), (today, "capture")]
    invoice = await deferring.issued(account, *map(line_of, charges))
    assert await sums(deferring) == (0, 10700)
    await deferring.cancel(invoice)
    assert await sums(deferring) == (10700, 0)
    # Posted anew, a charge is of the period in which it counts then.
    await deferring.update(charges[0] | {"priceOverride": money("120")})
    assert await sums(deferring) == (700, 12000)


async def test_a_change_waits_for_the_next_period_where_charges_are_captured_in_this(hospital: Hospital) -> None:
    account, today = await hospital.account(), await hospital.today()
    await hospital.charge(account, "100", occurrenceDateTime=today.isoformat())
    await set_point(hospital, "issue")
    next_month = (today.replace(day=28) + 4 * ONE).replace(day=1)
    assert await points(hospital) == [(next_month, "issue")]
    await hospital.charge(account, "7", occurrenceDateTime=today.isoformat())
    await hospital.charge(account, "3", occurrenceDateTime=(next_month - ONE).isoformat())
    assert await sums(hospital) == (0, 11000)
    await hospital.charge(account, "5", occurrenceDateTime=next_month.isoformat())
    assert await sums(hospital) == (500, 11000)


async def test_a_change_that_is_not_in_force_yet_is_taken_back(hospital: Hospital) -> None:
    account, today = await hospital.account(), await hospital.today()
    await hospital.charge(account, "100", occurrenceDateTime=today.isoformat())
    await set_point(hospital, "issue")
    await set_point(hospital, "capture")
    next_month = (today.replace(day=28) + 4 * ONE).replace(day=1)
    await hospital.charge(account, "5", occurrenceDateTime=next_month.isoformat())
    assert await sums(hospital) == (0, 10500)


async def test_a_change_is_refused_while_charges_count_later_than_in_the_current_period(hospital: Hospital) -> None:
    account, today = await hospital.account(), await hospital.today()
    far = (today.replace(day=28) + 4 * ONE).replace(day=1).isoformat()
    charge = await hospital.charge(account, "100", occurrenceDateTime=far)
    refusal = await refused(set_point(hospital, "issue"))
    assert said(refusal) == [(CONFLICT, "recognition-point-in-use", "")]
    assert await points(hospital) == []
    # What was taken back counted there as well.
    await hospital.update({**charge, "status": "aborted"})
    assert (await refused(set_point(hospital, "issue"))).code == "recognition-point-in-use"


async def test_what_is_set_as_it_is_changes_nothing(hospital: Hospital, deferring: Hospital) -> None:
    account = await hospital.account()
    far = ((await hospital.today()).replace(day=28) + 4 * ONE).replace(day=1).isoformat()
    await hospital.charge(account, "100", occurrenceDateTime=far)
    await set_point(hospital, "capture")
    await set_point(deferring, "issue")
    assert (await points(hospital), await points(deferring)) == ([], [(date(1900, 1, 1), "issue")])


async def test_every_way_to_set_it_is_the_same(connected: Database, hospital: Hospital) -> None:
    timezone = hospital.context.tenant.timezone
    await change_tenant(connected, hospital.tenant_id, settings={"recognition_point": "issue"})
    await hospital.run(lambda tx: replace_settings(tx, {}, versions_required=None, timezone=timezone))
    await set_point(hospital, "issue")
    assert [point for _, point in await points(hospital)] == ["issue", "capture", "issue"]
    assert (await refused(set_point(hospital, "never"))).code == "setting-value"


async def test_no_period_is_closed_that_has_both(hospital: Hospital) -> None:
    account, today = await hospital.account(), await hospital.today()
    first_day = today - 40 * ONE
    await hospital.charge(account, "1", occurrenceDateTime=first_day.isoformat())
    await soft_closed(hospital, first_day, today - 2 * ONE)
    await reopened(hospital, first_day)
    await soft_closed(hospital, first_day, today - 10 * ONE)
    await set_point(hospital, "issue")
    turn = today - 9 * ONE
    assert await points(hospital) == [(turn, "issue")]
    await reopened(hospital, first_day)
    refusal = await refused(soft_closed(hospital, first_day, today - ONE))
    assert said(refusal) == [(RULE_BROKEN, "recognition-mixed", "/last_day")]
    await soft_closed(hospital, first_day, turn - ONE)
    await soft_closed(hospital, turn, today - ONE)
    shown = {each.first_day: each.recognition_point for each in await list_periods(hospital.database, hospital.context)}
    assert (shown[first_day], shown[turn]) == ("capture", "issue")
    read = await read_period(hospital.database, hospital.context, turn.isoformat())
    assert read.period.recognition_point == "issue"


async def test_a_period_that_is_open_again_may_have_both_until_it_is_closed(hospital: Hospital) -> None:
    account, today = await hospital.account(), await hospital.today()
    first_day = today - 40 * ONE
    await hospital.charge(account, "100", occurrenceDateTime=first_day.isoformat())
    await soft_closed(hospital, first_day, today - 2 * ONE)
    await reopened(hospital, first_day)
    await set_point(hospital, "issue")
    turn = (first_day.replace(day=28) + 4 * ONE).replace(day=1)
    assert await points(hospital) == [(turn, "issue")]
    await hospital.charge(account, "7", occurrenceDateTime=turn.isoformat())
    await hospital.charge(account, "3", occurrenceDateTime=(turn - ONE).isoformat())
    assert await sums(hospital) == (700, 10300)


async def test_a_change_that_was_taken_back_keeps_no_period_from_closing(hospital: Hospital) -> None:
    today = await hospital.today()
    first_day = today - 40 * ONE
    await soft_closed(hospital, first_day, today - 10 * ONE)
    await set_point(hospital, "issue")
    await set_point(hospital, "capture")
    await reopened(hospital, first_day)
    await soft_closed(hospital, first_day, today - ONE)


async def test_what_comes_late_is_captured_by_the_point_of_the_period_in_which_it_counts(hospital: Hospital) -> None:
    account, today = await hospital.account(), await hospital.today()
    first_day = today - 40 * ONE
    await soft_closed(hospital, first_day, today - ONE)
    await hospital.run(lambda tx: close_period(tx, first_day.isoformat()))
    await set_point(hospital, "issue")
    await hospital.charge(account, "7", occurrenceDateTime=first_day.isoformat())
    assert await sums(hospital) == (700, 0)


async def test_nothing_is_recognised_before_its_charge_counts(hospital: Hospital, deferring: Hospital) -> None:
    account, today = await deferring.account(), await deferring.today()
    charge = await deferring.charge(account, "7", occurrenceDateTime=None)
    draft = await deferring.draft(account, line_of(charge))
    invoice = await deferring.issue(draft, on=today - 3 * ONE)
    assert await days_of(deferring, "revenue-recognised") == [today]
    await deferring.credit(invoice, rebill=True, on=today - 2 * ONE)
    assert await days_of(deferring, "recognition-reversed") == [today]


async def test_a_change_waits_for_what_is_being_posted_and_counts_it(hospital: Hospital) -> None:
    account, today = await hospital.account(), await hospital.today()
    posted, may_end = asyncio.Event(), asyncio.Event()

    async def slow(tx: Transaction) -> None:
        document = hospital.charge_document(account, "5", occurrenceDateTime=today.isoformat())
        await create_resource(tx, hospital.context, "ChargeItem", document)
        await tx.flush()
        posted.set()
        await may_end.wait()

    posting = asyncio.create_task(hospital.run(slow))
    await posted.wait()
    changing = asyncio.create_task(set_point(hospital, "issue"))
    await asyncio.sleep(0.1)
    assert not changing.done()
    may_end.set()
    await asyncio.gather(posting, changing)
    (change,) = await points(hospital)
    assert change[0] > today
    assert await sums(hospital) == (0, 500)


async def test_a_journal_that_changed_meanwhile_is_looked_at_by_who_changes_the_point(hospital: Hospital) -> None:
    account, today = await hospital.account(), await hospital.today()
    month = today.replace(day=1)

    async def charge() -> Document:
        return await hospital.charge(account, "1", occurrenceDateTime=today.isoformat())

    await asyncio.gather(*(charge() for _ in range(6)), set_point(hospital, "issue"), *(charge() for _ in range(6)))
    ((first_day, _),) = await points(hospital)
    deferred, recognised = await sums(hospital)
    assert deferred + recognised == 1200
    # Either nothing was captured when it changed, and all came after it, or nothing is deferred in this month.
    assert (deferred == 0) == (first_day > month)
