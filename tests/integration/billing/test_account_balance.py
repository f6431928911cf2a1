"""The balance of an account as of any date and as known at any moment (design sections 4.2, 4.6 and 4.7)."""

from __future__ import annotations

from datetime import date, timedelta

from billing.account_balance import BalanceSheet
from tests.integration.billing.hospital import (
    RULE_BROKEN,
    Hospital,
    days_ago,
    own_extension,
    own_line,
    refused,
    said,
    share,
)


def amounts(sheet: BalanceSheet) -> tuple[int, ...]:
    """Unbilled, billed patient, billed payer, unapplied, total."""
    names = ("unbilled", "billed_patient", "billed_payer", "unapplied", "total")
    return tuple(getattr(sheet, name).minor_units for name in names)


def aging(sheet: BalanceSheet) -> dict[str, int]:
    return {bucket: amount.minor_units for bucket, amount in sheet.aging}


async def test_a_new_account_has_nothing_and_six_buckets(hospital: Hospital) -> None:
    sheet = await hospital.balance(await hospital.account())
    assert amounts(sheet) == (0, 0, 0, 0, 0)
    assert aging(sheet) == {"current": 0, "1-30": 0, "31-60": 0, "61-90": 0, "91-120": 0, "121+": 0}


async def test_the_total_is_what_is_owed_less_what_lies_unapplied(hospital: Hospital) -> None:
    account = await hospital.account()
    await hospital.charge(account, "40")
    shares = [share({"reference": "Organization/insurer"}, "60")]
    await hospital.issued(account, own_line("100"), extension=shares)
    await hospital.pay(account, "45")
    sheet = await hospital.balance(account)
    assert amounts(sheet) == (4000, 0, 6000, 500, 9500)
    assert sum(aging(sheet).values()) == 6000


async def test_aging_counts_from_the_due_date(hospital: Hospital) -> None:
    account = await hospital.account()
    today = await hospital.today()
    for days, price in ((0, "1"), (1, "2"), (30, "4"), (31, "8"), (61, "16"), (120, "32"), (121, "64"), (-9, "128")):
        due = own_extension("invoice-due-date", valueDate=days_ago(today, days).isoformat())
        await hospital.issued(account, own_line(price), extension=[due])
    sheet = await hospital.balance(account)
    assert aging(sheet) == {"current": 12900, "1-30": 600, "31-60": 800, "61-90": 1600, "91-120": 3200, "121+": 6400}


async def test_as_of_a_date_counts_what_was_effective(hospital: Hospital) -> None:
    account = await hospital.account()
    await hospital.charge(account, "100", occurrenceDateTime="2026-01-10")
    invoice = await hospital.issued(account, own_line("50"), date="2026-02-01")
    await hospital.pay(invoice, "20", on=date(2026, 3, 1))
    assert amounts(await hospital.balance(account, on=date(2026, 1, 9))) == (0, 0, 0, 0, 0)
    assert amounts(await hospital.balance(account, on=date(2026, 1, 10))) == (10000, 0, 0, 0, 10000)
    assert amounts(await hospital.balance(account, on=date(2026, 2, 28))) == (10000, 5000, 0, 0, 15000)
    then = await hospital.balance(account, on=date(2026, 3, 5))
    assert amounts(then) == (10000, 3000, 0, 0, 13000)
    # Due on 3 March: two days late on the 5th.
    assert aging(then)["1-30"] == 3000
    assert amounts(await hospital.balance(account)) == amounts(then)


async def test_as_known_at_a_moment_never_changes(hospital: Hospital) -> None:
    account, invoice = await hospital.invoice_of("100")
    moment = await hospital.now()
    before = await hospital.balance(account, recorded=moment)
    assert amounts(before) == (0, 10000, 0, 0, 10000)
    await hospital.pay(invoice, "100", on=date(2026, 2, 1))
    await hospital.charge(account, "5")
    assert await hospital.balance(account, recorded=moment) == before
    assert amounts(await hospital.balance(account, recorded=await hospital.now())) == (500, 0, 0, 0, 500)


async def test_what_is_not_known_yet_is_refused(hospital: Hospital) -> None:
    account = await hospital.account()
    refusal = await refused(hospital.balance(account, recorded=await hospital.now() + timedelta(hours=1)))
    assert said(refusal) == [(RULE_BROKEN, "recorded-in-future", "Parameters.parameter.where(name='recorded').value")]


async def test_an_account_that_does_not_exist_has_no_balance(hospital: Hospital) -> None:
    assert (await refused(hospital.balance({"id": "nowhere"}))).code == "not-found"


async def test_a_sum_in_another_currency_stays_in_it(hospital: Hospital) -> None:
    dinars = await hospital.account("KWD")
    await hospital.charge(dinars, "1.234", currency="KWD")
    sheet = await hospital.balance(dinars)
    assert str(sheet.total) == "1.234 KWD"
