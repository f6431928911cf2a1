"""Unapplied money goes to invoices, from where it lies (design sections 4.6 and 4.7)."""

from __future__ import annotations

import pytest

from tests.integration.billing.hospital import (
    CONFLICT,
    RULE_BROKEN,
    Document,
    Hospital,
    extension_of,
    line_of,
    money,
    own_line,
    refused,
    said,
    share,
)
from tests.integration.billing.payment_commands import PLACE, about, allocate, deallocate, details

ALLOCATED = "payment-allocated"
INSURER = {"reference": "Organization/insurer"}


async def deposit(hospital: Hospital, account: Document, amount: str) -> Document:
    return (await hospital.pay(account, amount)).payment


async def test_a_deposit_goes_to_an_invoice_that_came_later(hospital: Hospital) -> None:
    account = await hospital.account()
    payment = await deposit(hospital, account, "250")
    invoice = await hospital.issued(account, line_of(await hospital.charge(account, "100")))
    allocated = await allocate(hospital, payment, (invoice, "100"))
    assert await hospital.booked(ALLOCATED) == [(2100, 10000), (1100, -10000)]
    assert (await hospital.read(invoice))["status"] == "balanced"
    assert (await hospital.balance(account)).unapplied.minor_units == 15000
    assert details(allocated) == [("advance", about(account), "150.00"), ("payment", about(invoice), "100.00")]
    assert {"billing.payment.allocated.v1", "billing.invoice.balanced.v1"} <= set(await hospital.events())


async def test_several_allocations_come_in_one_version(hospital: Hospital) -> None:
    account = await hospital.account()
    payment = await deposit(hospital, account, "100")
    first, second = [await hospital.issued(account, own_line("50")) for _ in range(2)]
    allocated = await allocate(hospital, payment, (first, "20"), (second, "50"), (first, "30"))
    assert allocated["meta"]["versionId"] == "2"
    assert [(await hospital.read(each))["status"] for each in (first, second)] == ["balanced", "balanced"]
    assert "advance" not in [kind for kind, _, _ in details(allocated)]


async def test_money_of_a_payer_goes_to_its_share_first_and_then_to_the_patient_s(hospital: Hospital) -> None:
    account = await hospital.account()
    payment = (await hospital.pay(account, "100", method="bank-transfer", payer=INSURER)).payment
    invoice = await hospital.issued(account, own_line("100"), extension=[share(INSURER, "60")])
    await allocate(hospital, payment, (invoice, "70"))
    assert await hospital.booked(ALLOCATED) == [(2110, 7000), (1110, -6000), (1100, -1000)]


async def test_money_of_a_payer_goes_to_any_account(hospital: Hospital) -> None:
    payment = (await hospital.pay(await hospital.account(), "100", method="bank-transfer", payer=INSURER)).payment
    _, invoice = await hospital.invoice_of("100")
    await allocate(hospital, payment, (invoice, "100"))
    assert (await hospital.read(invoice))["status"] == "balanced"


async def test_it_counts_from_when_both_the_money_and_the_debt_were_there(hospital: Hospital) -> None:
    account = await hospital.account()
    today = await hospital.today()
    payment = (await hospital.pay(account, "100", on=today.replace(day=1))).payment
    invoice = await hospital.issued(account, own_line("100"), date=today.replace(month=1, day=5).isoformat())
    await allocate(hospital, payment, (invoice, "100"))
    (day,) = {line.effective_at for line in await hospital.journal() if line.kind == ALLOCATED}
    assert day == today.replace(day=1)


async def test_money_that_was_taken_off_again_counts_from_then(hospital: Hospital) -> None:
    account = await hospital.account()
    today = await hospital.today()
    invoice = await hospital.issued(account, own_line("100"), date="2026-01-05")
    payment = (await hospital.pay(invoice, "100", on=today.replace(month=2, day=1))).payment
    await deallocate(hospital, payment)
    await allocate(hospital, payment, (invoice, "100"))
    days = [line.effective_at for line in await hospital.journal() if line.kind == ALLOCATED and line.account == 2100]
    assert days == [today.replace(month=2, day=1), today]


@pytest.mark.parametrize(
    ("free", "due", "asked", "code"),
    [
        ("50", "100", "60", "not-unapplied"),
        ("100", "50", "60", "over-allocated"),
        ("100", "100", "0", "amount-not-positive"),
    ],
)
async def test_more_than_is_there_or_due_is_refused(
    hospital: Hospital, free: str, due: str, asked: str, code: str
) -> None:
    account = await hospital.account()
    payment = await deposit(hospital, account, free)
    invoice = await hospital.issued(account, own_line(due))
    before = await hospital.journal()
    assert said(await refused(allocate(hospital, payment, (invoice, asked)))) == [(RULE_BROKEN, code, PLACE)]
    assert await hospital.journal() == before
    assert extension_of(await hospital.read(invoice), "invoice-due") == money(f"{due}.00")


async def test_patient_money_pays_only_the_patient_s_share(hospital: Hospital) -> None:
    account = await hospital.account()
    payment = await deposit(hospital, account, "100")
    invoice = await hospital.issued(account, own_line("100"), extension=[share(INSURER, "60")])
    assert (await refused(allocate(hospital, payment, (invoice, "50")))).code == "over-allocated"
    await allocate(hospital, payment, (invoice, "40"))


async def test_patient_money_pays_only_invoices_of_its_account(hospital: Hospital) -> None:
    payment = await deposit(hospital, await hospital.account(), "100")
    _, invoice = await hospital.invoice_of("100")
    refusal = await refused(allocate(hospital, payment, (invoice, "50")))
    assert said(refusal) == [(RULE_BROKEN, "invoice-other-account", PLACE)]


async def test_only_issued_invoices_take_money(hospital: Hospital) -> None:
    account = await hospital.account()
    payment = await deposit(hospital, account, "100")
    draft = await hospital.draft(account, own_line("100"))
    assert (await refused(allocate(hospital, payment, (draft, "50")))).code == "invoice-not-issued"
    assert (await refused(allocate(hospital, payment, ({"id": "nothing"}, "50")))).code == "reference-not-found"


async def test_another_currency_is_refused(hospital: Hospital) -> None:
    account = await hospital.account()
    payment = await deposit(hospital, account, "100")
    _, invoice = await hospital.invoice_of("100")
    refusal = await refused(allocate(hospital, payment, (invoice, "50"), currency="USD"))
    assert refusal.code == "currency-mismatch"


async def test_a_payment_that_posted_nothing_has_nothing_to_allocate(hospital: Hospital) -> None:
    _, invoice = await hospital.invoice_of("100")
    draft = await hospital.create(hospital.payment_document("100", status="draft"))
    refusal = await refused(allocate(hospital, draft, (invoice, "50")))
    assert said(refusal) == [(CONFLICT, "invalid-state", "PaymentReconciliation.status")]
    assert (await refused(allocate(hospital, {"id": "nothing"}, (invoice, "50")))).code == "not-found"
