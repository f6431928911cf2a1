"""Payment plans over invoices: made, paid, lowered, in default, cancelled; and what they make of aging."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date, timedelta

import pytest

from billing.account_balance import BalanceSheet
from billing.make_payment_plan import EqualInstalments, PlanRequest, make_payment_plan
from billing.payment_plan_state import PlanState
from ledger.errors import Refusal
from storage import payment_plans
from storage.transaction import Transaction
from tests.integration.billing.adjustment_commands import adjust, approve
from tests.integration.billing.hospital import (
    CONFLICT,
    RULE_BROKEN,
    Document,
    Hospital,
    line_credit,
    own_extension,
    own_line,
    refused,
    said,
    share,
)
from tests.integration.billing.payment_commands import deallocate, reverse
from tests.integration.billing.payment_plan_commands import (
    amounts_of,
    cancel_plan,
    note_defaults,
    plan,
    plan_now,
    with_grace,
)

INSURER = {"reference": "Organization/insurer"}


def aging(sheet: BalanceSheet) -> dict[str, int]:
    buckets = {bucket: amount.minor_units for bucket, amount in sheet.aging}
    assert len(buckets) == 6
    assert sum(buckets.values()) == sheet.billed_patient.minor_units + sheet.billed_payer.minor_units
    return {bucket: amount for bucket, amount in buckets.items() if amount}


async def old_invoice(hospital: Hospital, account: Document, price: str = "300", days: int = 45) -> Document:
    """One that is overdue by so many days."""
    due = (await hospital.today() - timedelta(days=days)).isoformat()
    extension = [own_extension("invoice-due-date", valueDate=due)]
    return await hospital.issued(account, own_line(price), extension=extension)


async def owing(hospital: Hospital, price: str = "300") -> tuple[Document, Document]:
    account = await hospital.account()
    return account, await old_invoice(hospital, account, price)


# Making.


async def test_equal_instalments_come_to_what_is_owed(hospital: Hospital) -> None:
    account, invoice = await owing(hospital, "100")
    other = await old_invoice(hospital, account, "0.01")
    made = await plan(hospital, account, invoice, other, equal=3, first=10)
    assert (made.status, amounts_of(made)) == ("active", [(3334, 0), (3334, 0), (3333, 0)])
    assert made.plan.instalments[1].due == await hospital.today() + timedelta(days=40)
    assert await plan_now(hospital, made.plan.id) == made
    assert (await hospital.events())[-1] == "billing.plan.made.v1"


@pytest.mark.parametrize(("currency", "price", "parts"), [("JPY", "100", [34, 33, 33]), ("KWD", "1", [334, 333, 333])])
async def test_a_plan_is_in_the_currency_of_its_account(
    hospital: Hospital, currency: str, price: str, parts: list[int]
) -> None:
    account = await hospital.account(currency)
    invoice = await hospital.issued(account, own_line(price, currency=currency))
    made = await plan(hospital, account, invoice, equal=3)
    assert [each.agreed_minor for each in made.instalments] == parts
    assert (await refused(plan(hospital, account, invoice, amounts=((0, 100),)))).code == "invoice-on-other-plan"


async def test_agreed_instalments_are_kept_as_they_are(hospital: Hospital) -> None:
    account, invoice = await owing(hospital)
    made = await plan(hospital, account, invoice, amounts=((0, 10000), (7, 5000), (100, 15000)))
    assert amounts_of(made) == [(10000, 0), (5000, 0), (15000, 0)]
    assert made.next_due is not None
    assert made.next_due.due == await hospital.today()


async def test_a_plan_is_about_the_patient_s_share_only(hospital: Hospital) -> None:
    account = await hospital.account()
    invoice = await hospital.issued(account, own_line("100"), extension=[share(INSURER, "60")])
    insured = await hospital.issued(account, own_line("50"), extension=[share(INSURER, "50")])
    assert amounts_of(await plan(hospital, account, invoice, equal=2)) == [(2000, 0), (2000, 0)]
    assert said(await refused(plan(hospital, account, insured, equal=2))) == [
        (RULE_BROKEN, "nothing-due", "/invoices/0")
    ]


async def test_what_cannot_be_on_a_plan_is_refused(hospital: Hospital) -> None:
    account, invoice = await owing(hospital)
    _, elsewhere = await owing(hospital)
    draft = await hospital.draft(account, own_line("1"))
    paid = await old_invoice(hospital, account, "5")
    await hospital.pay(paid, "5")
    for wanted, code in (
        (elsewhere, "invoice-other-account"),
        (draft, "invoice-not-issued"),
        (paid, "invoice-not-issued"),
        ({"id": "nowhere"}, "reference-not-found"),
    ):
        assert said(await refused(plan(hospital, account, invoice, wanted, equal=2))) == [
            (RULE_BROKEN, code, "/invoices/1")
        ]
    assert (await refused(plan(hospital, {"id": "nowhere"}, invoice, equal=2))).code == "not-found"
    refusal = await refused(plan(hospital, account, invoice, amounts=((0, 30000),), currency="USD"))
    assert said(refusal) == [(RULE_BROKEN, "currency-mismatch", "/instalments/0/amount/currency")]
    assert (await refused(plan(hospital, account, invoice, amounts=((0, 29999),)))).code == "instalments-mismatch"
    assert (await refused(plan(hospital, account, invoice, equal=2, first=-1))).code == "instalment-in-past"
    assert (await refused(plan(hospital, account, invoice, equal=100, every=366))).code == "plan-too-long"
    assert await payment_plans.live(hospital.database, hospital.tenant_id, "", 9) == []


async def test_of_many_plans_over_one_invoice_at_once_one_is_made(hospital: Hospital) -> None:
    account, invoice = await owing(hospital)
    other = await old_invoice(hospital, account)
    both = ((invoice, other), (other, invoice))
    done = await asyncio.gather(
        *(plan(hospital, account, *both[turn % 2], equal=2) for turn in range(6)), return_exceptions=True
    )
    assert sum(isinstance(each, PlanState) for each in done) == 1
    assert {each.code for each in done if isinstance(each, Refusal)} == {"invoice-on-other-plan"}


async def test_the_database_lets_one_live_plan_hold_an_invoice(hospital: Hospital) -> None:
    account, invoice = await owing(hospital)
    made = await plan(hospital, account, invoice, equal=2)

    async def hold_it_too(tx: Transaction) -> None:
        payment_plans.insert(tx, replace(made.plan, id="another"))

    assert (await refused(hospital.run(hold_it_too))).code == "invoice-on-other-plan"


# What became of it.


async def test_instalments_are_paid_in_order_by_what_is_settled(hospital: Hospital) -> None:
    account, invoice = await owing(hospital)
    other = await old_invoice(hospital, account)
    made = await plan(hospital, account, invoice, other, equal=4)
    payment = (await hospital.pay(other, "200")).payment
    assert amounts_of(await plan_now(hospital, made.plan.id)) == [
        (15000, 15000),
        (15000, 5000),
        (15000, 0),
        (15000, 0),
    ]
    await hospital.pay(invoice, "300")
    await deallocate(hospital, payment, (other, "150"))
    assert [paid for _, paid in amounts_of(await plan_now(hospital, made.plan.id))] == [15000, 15000, 5000, 0]
    await hospital.pay(other, "250")
    done = await plan_now(hospital, made.plan.id)
    assert (done.status, done.open_minor, done.next_due) == ("completed", 0, None)
    assert (await refused(cancel_plan(hospital, made.plan.id))).code == "invalid-state"
    # The money was not there after all.
    await reverse(hospital, payment)
    again = await plan_now(hospital, made.plan.id)
    assert (again.status, again.open_minor) == ("active", 5000)


async def test_what_was_paid_before_is_not_of_the_plan(hospital: Hospital) -> None:
    account, invoice = await owing(hospital)
    payment = (await hospital.pay(invoice, "100")).payment
    made = await plan(hospital, account, invoice, equal=2)
    assert amounts_of(made) == [(10000, 0), (10000, 0)]
    await reverse(hospital, payment)
    assert amounts_of(await plan_now(hospital, made.plan.id)) == [(10000, 0), (20000, 0)]


async def test_what_is_taken_off_lowers_the_last_instalments(hospital: Hospital) -> None:
    account, invoice = await owing(hospital)
    other = await old_invoice(hospital, account)
    made = await plan(hospital, account, invoice, other, equal=3)
    await hospital.pay(invoice, "100")
    await hospital.credit(invoice, line_credit(1, "50"))
    assert amounts_of(await plan_now(hospital, made.plan.id)) == [(20000, 10000), (20000, 0), (15000, 0)]
    await approve(hospital, await adjust(hospital, account, "write-off", "10", invoice=invoice), "chief")
    assert amounts_of(await plan_now(hospital, made.plan.id)) == [(20000, 10000), (20000, 0), (14000, 0)]
    await hospital.cancel(other)
    assert amounts_of(await plan_now(hospital, made.plan.id)) == [(20000, 10000), (4000, 0), (0, 0)]
    await hospital.pay(account, "140")
    assert (await plan_now(hospital, made.plan.id)).status == "completed"


async def test_a_plan_of_what_is_cancelled_or_credited_is_completed(hospital: Hospital) -> None:
    account, invoice = await owing(hospital)
    made = await plan(hospital, account, invoice, equal=3)
    await hospital.cancel(invoice)
    assert (await plan_now(hospital, made.plan.id)).status == "completed"


# Default.


async def test_a_plan_is_in_default_after_the_days_of_grace_and_recovers(hospital: Hospital) -> None:
    account, invoice = await owing(hospital)
    made = await plan(hospital, account, invoice, equal=3)
    id_, today = made.plan.id, await hospital.today()
    late = await plan_now(hospital, id_, days=5)
    assert (late.status, late.overdue and late.overdue.amount_minor, late.late) == ("active", 10000, None)
    assert (await note_defaults(hospital, days=7)).defaulted == 0
    assert (await note_defaults(hospital, days=8)).defaulted == 1
    assert (await note_defaults(hospital, days=9)).defaulted == 0
    state = await plan_now(hospital, id_, days=9)
    (event,) = state.plan.events
    assert (state.status, event.kind, event.on) == ("defaulted", "defaulted", today + timedelta(days=8))
    assert (event.overdue_minor, event.overdue_since, event.by) == (10000, today, "cashier")
    await hospital.pay(invoice, "60")
    assert (await plan_now(hospital, id_, days=9)).status == "defaulted"
    await hospital.pay(invoice, "40")
    # At once, and noted by whoever looks next.
    assert (await plan_now(hospital, id_, days=9)).status == "active"
    assert (await note_defaults(hospital, days=9)).recovered == 1
    assert (await note_defaults(hospital, days=38)).defaulted == 1
    await hospital.pay(invoice, "200")
    assert (await note_defaults(hospital, days=39)).recovered == 1
    done = await plan_now(hospital, id_, days=39)
    assert (done.status, [each.kind for each in done.plan.events]) == (
        "completed",
        ["defaulted", "recovered", "defaulted", "recovered"],
    )
    assert [name for name in await hospital.events() if ".plan." in name] == [
        "billing.plan.made.v1",
        *["billing.plan.defaulted.v1", "billing.plan.recovered.v1"] * 2,
    ]


async def test_the_tenant_says_how_many_days_of_grace_there_are(hospital: Hospital) -> None:
    await with_grace(hospital, 0)
    account, invoice = await owing(hospital)
    made = await plan(hospital, account, invoice, equal=1)
    assert (await note_defaults(hospital)).defaulted == 0
    assert (await note_defaults(hospital, days=1)).defaulted == 1
    await cancel_plan(hospital, made.plan.id)
    assert (await note_defaults(hospital, days=9)).looked_at == 0
    assert (await plan_now(hospital, made.plan.id, days=9)).status == "cancelled"


async def test_a_default_is_noted_once_by_many_who_look_at_once(hospital: Hospital) -> None:
    account, invoice = await owing(hospital)
    await plan(hospital, account, invoice, equal=1)
    noted = await asyncio.gather(*(note_defaults(hospital, days=20) for _ in range(5)))
    assert sum(each.defaulted for each in noted) == 1


# Cancelling.


async def test_a_cancelled_plan_stays_as_it_was_and_its_invoices_are_free(hospital: Hospital) -> None:
    account, invoice = await owing(hospital)
    made = await plan(hospital, account, invoice, equal=3)
    await hospital.pay(invoice, "150")
    ended = await cancel_plan(hospital, made.plan.id, "new terms")
    assert (ended.status, ended.plan.events[-1].reason) == ("cancelled", "new terms")
    assert said(await refused(cancel_plan(hospital, made.plan.id))) == [(CONFLICT, "invalid-state", "")]
    again = await plan(hospital, account, invoice, equal=2)
    assert amounts_of(again) == [(7500, 0), (7500, 0)]
    await hospital.pay(invoice, "100")
    assert amounts_of(await plan_now(hospital, made.plan.id)) == [(10000, 10000), (10000, 5000), (10000, 0)]
    assert (await refused(cancel_plan(hospital, "nowhere"))).code == "not-found"


# Aging.


async def test_what_is_on_a_plan_ages_by_its_instalments(hospital: Hospital) -> None:
    account, invoice = await owing(hospital)
    rest = await hospital.issued(account, own_line("7"))
    today = await hospital.today()
    assert aging(await hospital.balance(account)) == {"31-60": 30000, "current": 700}
    await plan(hospital, account, invoice, equal=3)
    assert aging(await hospital.balance(account)) == {"current": 30700}
    ahead = today + timedelta(days=31)
    assert aging(await hospital.balance(account, on=ahead)) == {"31-60": 10000, "1-30": 10700, "current": 10000}
    await hospital.pay(invoice, "110")
    assert aging(await hospital.balance(account, on=ahead)) == {"1-30": 9700, "current": 10000}
    await hospital.pay(rest, "7")
    assert aging(await hospital.balance(account)) == {"current": 19000}


async def test_the_payer_s_share_ages_by_the_invoice(hospital: Hospital) -> None:
    account = await hospital.account()
    today = await hospital.today()
    due = own_extension("invoice-due-date", valueDate=(today - timedelta(days=100)).isoformat())
    invoice = await hospital.issued(account, own_line("100"), extension=[due, share(INSURER, "60")])
    await plan(hospital, account, invoice, equal=2)
    assert aging(await hospital.balance(account)) == {"current": 4000, "91-120": 6000}
    assert aging(await hospital.balance(account, on=today)) == {"current": 4000, "91-120": 6000}


async def test_what_was_answered_for_a_day_and_a_moment_stays_answered_so(hospital: Hospital) -> None:
    account, invoice = await owing(hospital)
    today = await hospital.today()
    known: list[tuple[dict[str, date], BalanceSheet]] = []

    async def remember() -> None:
        moment = await hospital.now()
        for day in (None, today - timedelta(days=1), today, today + timedelta(days=70)):
            about = {"recorded": moment} | ({"on": day} if day else {})
            known.append((about, await hospital.balance(account, **about)))  # type: ignore[arg-type]

    await remember()
    made = await plan(hospital, account, invoice, equal=3)
    await remember()
    await hospital.pay(invoice, "120")
    await remember()
    await cancel_plan(hospital, made.plan.id)
    await remember()
    await plan(hospital, account, invoice, equal=2)
    await hospital.pay(invoice, "180")
    for about, sheet in known:
        assert await hospital.balance(account, **about) == sheet  # type: ignore[arg-type]
    assert [aging(sheet) for about, sheet in known if "on" not in about] == [
        {"31-60": 30000},
        {"current": 30000},
        {"current": 18000},
        {"31-60": 18000},
    ]
    # No plan is a plan of the days before it was made.
    assert aging(await hospital.balance(account, on=today - timedelta(days=1))) == {}


async def test_a_plan_that_is_made_today_changes_no_earlier_day(hospital: Hospital) -> None:
    account, today = await hospital.account(), await hospital.today()
    due = own_extension("invoice-due-date", valueDate=(today - timedelta(days=200)).isoformat())
    issued = (today - timedelta(days=230)).isoformat()
    invoice = await hospital.issued(account, own_line("90"), date=issued, extension=[due])
    before = {day: await hospital.balance(account, on=today - timedelta(days=day)) for day in (1, 100, 215)}
    await plan(hospital, account, invoice, equal=3)
    assert {day: await hospital.balance(account, on=today - timedelta(days=day)) for day in before} == before
    assert aging(await hospital.balance(account, on=today)) == {"current": 9000}


async def test_a_request_for_a_plan_says_where_it_is_wrong(hospital: Hospital) -> None:
    account, invoice = await owing(hospital, "0.02")
    request = PlanRequest(
        account_id=account["id"],
        invoice_ids=[invoice["id"]],
        schedule=EqualInstalments(3, await hospital.today(), "month"),
    )
    refusal = await refused(hospital.run(lambda tx: make_payment_plan(tx, hospital.context, request)))
    assert said(refusal) == [(RULE_BROKEN, "instalment-too-small", "/equal/count")]
