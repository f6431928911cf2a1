"""Notices about payments: cleared moves the money to the bank, once (design section 4.5)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ledger.chart import LedgerAccount
from tests.integration.billing.hospital import (
    CONFLICT,
    PAYMENT_STATUS,
    RULE_BROKEN,
    Document,
    Hospital,
    money,
    refused,
    said,
)

PAID = {"coding": [{"system": PAYMENT_STATUS, "code": "paid"}]}


async def card_payment(hospital: Hospital, amount: str = "100") -> Document:
    return (await hospital.pay(await hospital.account(), amount, method="card")).payment


async def test_paid_books_nothing(hospital: Hospital) -> None:
    payment = await card_payment(hospital)
    await hospital.create(hospital.notice_document(payment, code="paid"))
    assert await hospital.booked("payment-cleared") == []


async def test_cleared_moves_the_whole_payment_to_the_bank(hospital: Hospital) -> None:
    payment = await card_payment(hospital)
    await hospital.create(hospital.notice_document(payment, amount=money("40"), paymentDate="2026-03-01"))
    assert await hospital.booked("payment-cleared") == [(1020, 10000), (1030, -10000)]
    days = {line.effective_at.isoformat() for line in await hospital.journal() if line.kind == "payment-cleared"}
    assert days == {"2026-03-01"}


async def test_a_payment_clears_once_and_cash_never(hospital: Hospital) -> None:
    payment = await card_payment(hospital)
    await hospital.create(hospital.notice_document(payment))
    cash = (await hospital.pay(await hospital.account(), "5")).payment
    unposted = await hospital.create(hospital.payment_document("5", status="draft"))
    for other in (payment, cash, unposted):
        refusal = await refused(hospital.create(hospital.notice_document(other)))
        assert said(refusal) == [(RULE_BROKEN, "nothing-to-clear", "PaymentNotice.paymentStatus")]


@pytest.mark.parametrize("change", [{"status": "cancelled"}, {"status": "entered-in-error"}, {"paymentStatus": PAID}])
async def test_what_is_no_longer_cleared_is_taken_back_and_may_be_cleared_again(
    hospital: Hospital, change: Document
) -> None:
    payment = await card_payment(hospital)
    notice = await hospital.create(hospital.notice_document(payment))
    await hospital.update(notice | change)
    assert await hospital.booked("payment-uncleared") == [(1020, -10000), (1030, 10000)]
    await hospital.create(hospital.notice_document(payment))
    assert await hospital.sum_of(LedgerAccount.BANK) == 10000


async def test_a_notice_becomes_cleared_by_an_update(hospital: Hospital) -> None:
    payment = await card_payment(hospital)
    notice = await hospital.create(hospital.notice_document(payment, code="paid"))
    await hospital.update(hospital.notice_document(payment) | {"id": notice["id"]})
    assert await hospital.sum_of(LedgerAccount.BANK) == 10000


async def test_a_notice_that_cleared_keeps_its_payment_and_amount(hospital: Hospital) -> None:
    payment, other = await card_payment(hospital), await card_payment(hospital)
    notice = await hospital.create(hospital.notice_document(payment))
    for change in (
        {"amount": money("1")},
        {"payment": {"reference": f"PaymentReconciliation/{other['id']}"}},
        {"payment": {"reference": f"PaymentReconciliation/{other['id']}"}, "status": "cancelled"},
    ):
        refusal = await refused(hospital.update(notice | change))
        assert said(refusal) == [(CONFLICT, "posted", "PaymentNotice")]
    noted = await hospital.update(notice | {"provider": {"reference": "Organization/bank"}})
    assert noted["provider"] == {"reference": "Organization/bank"}
    assert len(await hospital.booked("payment-cleared")) == 2


async def test_a_notice_is_of_no_more_than_its_payment_and_in_its_currency(hospital: Hospital) -> None:
    payment = await card_payment(hospital)
    for amount, code, place in (
        (money("100.01"), "amount-exceeds-payment", "PaymentNotice.amount.value"),
        (money("1", "USD"), "currency-mismatch", "PaymentNotice.amount.currency"),
    ):
        refusal = await refused(hospital.create(hospital.notice_document(payment, code="paid", amount=amount)))
        assert said(refusal) == [(RULE_BROKEN, code, place)]


async def test_a_payment_that_does_not_exist_is_refused_and_one_that_lives_elsewhere_cannot_be_cleared(
    hospital: Hospital,
) -> None:
    payment = await card_payment(hospital)
    missing = {"payment": {"reference": "PaymentReconciliation/nowhere"}}
    refusal = await refused(hospital.create(hospital.notice_document(payment) | missing))
    assert said(refusal) == [(RULE_BROKEN, "reference-not-found", "PaymentNotice.payment.reference")]
    elsewhere = {"payment": {"identifier": {"value": "7"}}}
    await hospital.create(hospital.notice_document(payment, code="paid") | elsewhere)
    refusal = await refused(hospital.create(hospital.notice_document(payment) | elsewhere))
    assert said(refusal) == [(RULE_BROKEN, "payment-elsewhere", "PaymentNotice.payment")]


async def test_clearing_is_not_dated_ahead(hospital: Hospital) -> None:
    tomorrow = (await hospital.today() + timedelta(days=1)).isoformat()
    notice = hospital.notice_document(await card_payment(hospital), paymentDate=tomorrow)
    assert said(await refused(hospital.create(notice))) == [
        (RULE_BROKEN, "date-in-future", "PaymentNotice.paymentDate")
    ]


async def test_entered_in_error_is_final(hospital: Hospital) -> None:
    payment = await card_payment(hospital)
    notice = await hospital.create(hospital.notice_document(payment, status="entered-in-error"))
    refusal = await refused(hospital.update(notice | {"status": "active"}))
    assert said(refusal) == [(CONFLICT, "invalid-state", "PaymentNotice.status")]
