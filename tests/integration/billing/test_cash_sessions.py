"""Drawers: opened with a float, closed against what was counted; cash is rounded to the smallest coin (section 5)."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
import pytest_asyncio

from billing.close_cash_session import close_cash_session
from billing.open_cash_session import open_cash_session
from billing.post_payment import PaymentRequest, post_payment
from ledger.cash_session import CashSession
from ledger.chart import LedgerAccount
from ledger.errors import Refusal
from ledger.money import Money
from storage.transaction import Database
from tests.integration.billing.hospital import CONFLICT, RULE_BROKEN, Document, Hospital, refused, said
from tests.integration.billing.payment_commands import reverse


async def opened(hospital: Hospital, drawer: str = "counter-1", float_: int = 5000, by: str = "cashier") -> CashSession:
    context = replace(hospital.context, actor=by)
    return await hospital.database.run(
        hospital.tenant_id,
        by,
        lambda tx: open_cash_session(tx, context, drawer=drawer, float_=Money("AFN", float_)),
    )


async def closed(hospital: Hospital, session: CashSession, declared: int, currency: str = "AFN") -> CashSession:
    return await hospital.run(
        lambda tx: close_cash_session(tx, hospital.context, session.id, declared=Money(currency, declared))
    )


async def pay(hospital: Hospital, account: Document, amount: int, drawer: str | None = None, tendered: int = 0) -> int:
    """The change, in minor units."""
    request = PaymentRequest(
        account_id=account["id"],
        amount=Money("AFN", amount),
        method="cash",
        drawer=drawer,
        tendered=Money("AFN", tendered) if tendered else None,
    )
    posted = await hospital.run(lambda tx: post_payment(tx, hospital.context, request))
    return posted.change.minor_units if posted.change else 0


@pytest_asyncio.fixture
async def hospital(connected: Database) -> Hospital:
    return await Hospital.open(connected, cash_sessions="required")


@pytest.mark.parametrize(("declared", "over"), [(15000, 0), (15200, 200), (14900, -100)])
async def test_what_is_over_or_short_is_booked(hospital: Hospital, declared: int, over: int) -> None:
    account, session = await hospital.account(), await opened(hospital)
    await pay(hospital, account, 10000)
    done = await closed(hospital, session, declared)
    assert (done.expected_minor, done.over_minor, done.closed_by) == (15000, over, "cashier")
    lines = [line for line in await hospital.journal() if line.kind == "cash-over-short"]
    assert [(line.account, line.amount, line.detail) for line in lines] == (
        [(1010, over, "counter-1"), (5300, -over, None)] if over else []
    )


async def test_cash_that_goes_out_counts_too(hospital: Hospital) -> None:
    account, session = await hospital.account(), await opened(hospital)
    payment = (await hospital.pay(account, "100")).payment
    await hospital.pay(account, "30")
    await reverse(hospital, payment, "mis-keyed")
    assert (await closed(hospital, session, 8000)).over_minor == 0
    assert await hospital.sum_of(LedgerAccount.CASH) == 3000


async def test_cash_goes_to_the_named_drawer_else_to_that_of_the_cashier(hospital: Hospital) -> None:
    account = await hospital.account()
    mine, other = await opened(hospital, "mine"), await opened(hospital, "other", by="colleague")
    await pay(hospital, account, 100)
    await pay(hospital, account, 200, drawer="other")
    assert (await closed(hospital, mine, 5100)).over_minor == 0
    assert (await closed(hospital, other, 5200)).over_minor == 0


async def test_other_money_is_in_no_drawer(hospital: Hospital) -> None:
    account, session = await hospital.account(), await opened(hospital)
    await hospital.pay(account, "100", method="card")
    assert (await closed(hospital, session, 5000)).over_minor == 0


async def test_without_an_open_session_cash_is_refused_where_one_is_required(hospital: Hospital) -> None:
    account = await hospital.account()
    assert said(await refused(pay(hospital, account, 100, drawer="x"))) == [
        (RULE_BROKEN, "cash-session-required", "/drawer")
    ]
    session = await opened(hospital)
    await closed(hospital, session, 5000)
    assert (await refused(pay(hospital, account, 100))).code == "cash-session-required"
    assert await hospital.journal() == []


async def test_where_sessions_are_optional_cash_is_taken_without_one(connected: Database) -> None:
    hospital = await Hospital.open(connected, cash_sessions="optional")
    account = await hospital.account()
    await pay(hospital, account, 100)
    session = await opened(hospital)
    await pay(hospital, account, 200)
    assert (await closed(hospital, session, 5200)).over_minor == 0


async def test_a_drawer_has_one_open_session_in_a_currency(hospital: Hospital) -> None:
    session = await opened(hospital)
    assert said(await refused(opened(hospital))) == [(CONFLICT, "cash-session-open", "/drawer")]
    await closed(hospital, session, 5000)
    await opened(hospital)


async def test_of_many_who_open_a_drawer_at_once_one_does(hospital: Hospital) -> None:
    done = await asyncio.gather(*(opened(hospital) for _ in range(6)), return_exceptions=True)
    assert sum(isinstance(each, CashSession) for each in done) == 1
    assert {each.category for each in done if isinstance(each, Refusal)} == {CONFLICT}


async def test_a_session_is_closed_once_and_in_its_currency(hospital: Hospital) -> None:
    session = await opened(hospital)
    assert (await refused(closed(hospital, session, 1, "USD"))).code == "currency-mismatch"
    await closed(hospital, session, 5000)
    assert (await refused(closed(hospital, session, 5000))).code == "invalid-state"
    assert (await refused(closed(hospital, replace(session, id="nothing"), 1))).code == "not-found"


async def test_a_tenant_without_sessions_opens_none(connected: Database) -> None:
    assert (await refused(opened(await Hospital.open(connected)))).code == "cash-sessions-off"


async def test_what_is_paid_while_a_drawer_is_closed_is_in_it_or_refused(hospital: Hospital) -> None:
    """Whoever comes first: a payment is counted by the session, or there is none to take it any more."""
    account, session = await hospital.account(), await opened(hospital)
    done = await asyncio.gather(
        *(pay(hospital, account, 100) for _ in range(5)), closed(hospital, session, 5000), return_exceptions=True
    )
    refusals = [each for each in done if isinstance(each, Refusal)]
    assert {each.code for each in refusals} <= {"cash-session-required"}
    (closing,) = [each for each in done if isinstance(each, CashSession)]
    paid = 5 - len(refusals)
    assert closing.expected_minor == 5000 + 100 * paid
    assert await hospital.sum_of(LedgerAccount.UNAPPLIED_PATIENT) == -100 * paid


# Rounding.


@pytest.mark.parametrize(
    ("amount", "tendered", "change", "rounding"),
    [(1003, 1100, 100, -3), (1003, 1000, 0, -3), (1005, 1100, 90, 5), (1010, 1010, 0, 0)],
)
async def test_cash_is_rounded_to_the_smallest_coin(
    connected: Database, amount: int, tendered: int, change: int, rounding: int
) -> None:
    hospital = await Hospital.open(connected, smallest_coin__AFN="0.10")
    assert await pay(hospital, await hospital.account(), amount, tendered=tendered) == change
    assert await hospital.sum_of(LedgerAccount.CASH) == amount + rounding
    assert await hospital.sum_of(LedgerAccount.CASH_ROUNDING) == -rounding
    assert await hospital.sum_of(LedgerAccount.UNAPPLIED_PATIENT) == -amount


async def test_less_than_the_rounded_amount_is_too_little_and_other_money_is_not_rounded(connected: Database) -> None:
    hospital = await Hospital.open(connected, smallest_coin__AFN="0.10")
    account = await hospital.account()
    assert (await refused(pay(hospital, account, 1005, tendered=1005))).code == "tendered-too-little"
    await hospital.pay(account, "10.03", method="card")
    assert await hospital.booked("cash-rounded") == []


async def test_a_reversed_payment_takes_its_rounding_back(connected: Database) -> None:
    hospital = await Hospital.open(connected, smallest_coin__AFN="0.10")
    payment = (await hospital.pay(await hospital.account(), "10.03")).payment
    await reverse(hospital, payment, "mis-keyed")
    assert [await hospital.sum_of(each) for each in (LedgerAccount.CASH, LedgerAccount.CASH_ROUNDING)] == [0, 0]
