"""Unapplied money pays the next invoice by itself, where the tenant wants that: the oldest money first."""

from __future__ import annotations

from datetime import timedelta

import pytest_asyncio

from storage.transaction import Database
from tests.integration.billing.hospital import Hospital, extension_of, line_of, money, own_line, share
from tests.integration.billing.payment_commands import about, details

INSURER = {"reference": "Organization/insurer"}


@pytest_asyncio.fixture
async def hospital(connected: Database) -> Hospital:
    return await Hospital.open(connected, auto_allocate="on-issue")


async def test_the_oldest_money_pays_first_however_the_invoice_is_issued(hospital: Hospital) -> None:
    account, today = await hospital.account(), await hospital.today()
    late = (await hospital.pay(account, "60")).payment
    early = (await hospital.pay(account, "60", on=today - timedelta(days=3))).payment
    invoice = await hospital.issued(account, own_line("70"))
    assert (invoice["status"], invoice["meta"]["versionId"]) == ("balanced", "2")
    assert details(await hospital.read(early)) == [("payment", about(invoice), "60.00")]
    assert sorted(details(await hospital.read(late))) == [
        ("advance", about(account), "50.00"),
        ("payment", about(invoice), "10.00"),
    ]
    draft = await hospital.draft(account, line_of(await hospital.charge(account, "30")))
    assert (await hospital.issue(draft))["status"] == "balanced"
    by_update = await hospital.draft(account, own_line("25"))
    issued = await hospital.update({**by_update, "status": "issued"})
    assert extension_of(issued, "invoice-due") == money("5.00")
    assert (await hospital.balance(account)).unapplied.minor_units == 0


async def test_only_the_patient_s_share_is_paid_and_of_the_account_s_money_only(hospital: Hospital) -> None:
    account = await hospital.account()
    await hospital.pay(account, "50", method="bank-transfer", payer=INSURER)
    await hospital.pay(account, "100")
    await hospital.pay(await hospital.account(), "100")
    invoice = await hospital.issued(account, own_line("100"), extension=[share(INSURER, "60")])
    assert extension_of(invoice, "invoice-due") == money("60.00")
    assert (await hospital.balance(account)).unapplied.minor_units == 6000


async def test_it_is_off_unless_the_tenant_wants_it(connected: Database) -> None:
    hospital = await Hospital.open(connected)
    account = await hospital.account()
    await hospital.pay(account, "100")
    assert (await hospital.issued(account, own_line("70")))["status"] == "issued"
