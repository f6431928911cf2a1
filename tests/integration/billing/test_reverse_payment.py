"""$reverse undoes all that a payment posted, from where the money is now (design sections 4.7 and 5)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from billing.request_refund import RefundRequest, request_refund
from ledger.chart import LedgerAccount
from ledger.money import Money
from storage.transaction import Database
from tests.integration.billing.hospital import (
    CANONICAL,
    CONFLICT,
    Hospital,
    detail,
    extension_of,
    money,
    own_line,
    refused,
    said,
    share,
)
from tests.integration.billing.payment_commands import allocate, deallocate, reverse

INSURER = {"reference": "Organization/insurer"}
REVERSED = "payment-reversed"


async def test_a_bounced_cheque_leaves_the_invoice_due_and_a_fee(hospital: Hospital) -> None:
    account, invoice = await hospital.invoice_of("100")
    payment = (await hospital.pay(invoice, "120", method="cheque")).payment
    cancelled = await reverse(hospital, payment, fee="5")
    assert cancelled["status"] == "cancelled"
    assert await hospital.booked("payment-deallocated") == [(2100, -10000), (1100, 10000)]
    assert await hospital.booked(REVERSED) == [(2100, 12000), (1030, -12000)]
    assert await hospital.booked("bank-fee") == [(5200, 500), (1020, -500)]
    assert extension_of(await hospital.read(invoice), "invoice-due") == money("100.00")
    balance = await hospital.balance(account)
    assert (balance.unapplied.minor_units, balance.total.minor_units) == (0, 10000)
    assert "billing.payment.reversed.v1" in await hospital.events()


async def test_the_bank_gives_it_back_once_it_has_it(hospital: Hospital) -> None:
    _, invoice = await hospital.invoice_of("100")
    payment = (await hospital.pay(invoice, "100", method="card")).payment
    notice = await hospital.create(hospital.notice_document(payment))
    await reverse(hospital, payment, "chargeback", fee="5")
    assert await hospital.booked(REVERSED) == [(2100, 10000), (1020, -10000)]
    assert await hospital.booked("bank-fee") == [(5200, 500), (1020, -500)]
    refusal = await refused(hospital.update({**notice, "status": "cancelled"}))
    assert said(refusal) == [(CONFLICT, "invalid-state", "PaymentNotice.payment")]


async def test_a_gateway_keeps_its_fee_of_what_lies_there(hospital: Hospital) -> None:
    payment = (await hospital.pay(await hospital.account(), "100", method="card")).payment
    await reverse(hospital, payment, "chargeback", fee="5")
    assert await hospital.booked("bank-fee") == [(5200, 500), (1030, -500)]


async def test_cash_goes_out_of_its_drawer(hospital: Hospital) -> None:
    payment = (await hospital.pay(await hospital.account(), "100")).payment
    await reverse(hospital, payment, "mis-keyed")
    lines = [line for line in await hospital.journal() if line.kind == REVERSED]
    assert [(line.account, line.amount, line.detail) for line in lines] == [(2100, 10000, None), (1010, -10000, "main")]
    assert await hospital.sum_of(LedgerAccount.CASH) == 0


async def test_allocations_of_several_versions_are_undone(hospital: Hospital) -> None:
    account = await hospital.account()
    first, second = [await hospital.issued(account, own_line("50")) for _ in range(2)]
    payment = (await hospital.pay(first, "80")).payment
    await deallocate(hospital, payment, (first, "20"))
    await allocate(hospital, payment, (second, "45"))
    await reverse(hospital, payment)
    assert [(await hospital.read(each))["status"] for each in (first, second)] == ["issued", "issued"]
    balance = await hospital.balance(account)
    assert (balance.unapplied.minor_units, balance.billed_patient.minor_units) == (0, 10000)


async def test_what_a_remittance_said_is_undone_and_patient_money_beyond_is_taken_off_first(hospital: Hospital) -> None:
    account = await hospital.account()
    invoice = await hospital.issued(account, own_line("1000"), extension=[share(INSURER, "800")])
    system = f"{CANONICAL}/CodeSystem/remittance-detail"
    remittance = await hospital.create(
        hospital.payment_document(
            "600",
            detail("payment", invoice, "600"),
            detail("contractual", invoice, "100", system=system),
            detail("patient-responsibility", invoice, "100", system=system),
            paymentIssuer=INSURER,
        )
    )
    patient = (await hospital.pay(invoice, "300")).payment
    assert (await hospital.read(invoice))["status"] == "balanced"
    before = len(await hospital.journal())
    await reverse(hospital, remittance, "mis-keyed")
    kinds = [line.kind for line in (await hospital.journal())[before:]]
    assert kinds.index("payment-deallocated") < kinds.index("remittance-reversed") < kinds.index(REVERSED)
    balance = await hospital.balance(account)
    assert (balance.billed_patient.minor_units, balance.billed_payer.minor_units) == (0, 80000)
    assert balance.unapplied.minor_units == 10000
    assert extension_of(await hospital.read(invoice), "invoice-settled") == money("200.00")
    assert (await hospital.read(patient))["meta"]["versionId"] == "2"
    assert await hospital.sum_of(LedgerAccount.CONTRACTUAL_ALLOWANCE) == 0


async def test_a_take_back_is_undone_and_who_paid_meanwhile_gets_it_back(hospital: Hospital) -> None:
    account = await hospital.account()
    invoice = await hospital.issued(account, own_line("800"), extension=[share(INSURER, "800")])
    await hospital.create(hospital.payment_document("800", detail("payment", invoice, "800"), paymentIssuer=INSURER))
    back = hospital.payment_document("1", detail("adjustment", invoice, "-300"), paymentIssuer=INSURER)
    taken = await hospital.create(back)
    again = hospital.payment_document("300", detail("payment", invoice, "300"), paymentIssuer=INSURER)
    paid_again = await hospital.create(again)
    await reverse(hospital, taken, "mis-keyed")
    assert (await hospital.read(invoice))["status"] == "balanced"
    assert "detail" not in await hospital.read(paid_again)


async def test_a_remittance_without_money_is_reversed(hospital: Hospital) -> None:
    account = await hospital.account()
    invoice = await hospital.issued(account, own_line("800"), extension=[share(INSURER, "800")])
    said_so = detail("contractual", invoice, "50", system=f"{CANONICAL}/CodeSystem/remittance-detail")
    remittance = await hospital.create(hospital.payment_document("0", said_so, paymentIssuer=INSURER))
    assert (await reverse(hospital, remittance, "mis-keyed"))["status"] == "cancelled"
    assert (await hospital.balance(account)).billed_payer.minor_units == 80000


async def test_a_reversal_is_dated(hospital: Hospital) -> None:
    today = await hospital.today()
    payment = (await hospital.pay(await hospital.account(), "100", on=today - timedelta(days=9))).payment
    for on, code in (
        (today + timedelta(days=1), "date-in-future"),
        (today - timedelta(days=10), "date-before-payment"),
    ):
        assert (await refused(reverse(hospital, payment, on=on))).code == code
    await reverse(hospital, payment, on=today - timedelta(days=3))
    assert {line.effective_at for line in await hospital.journal() if line.kind == REVERSED} == {
        today - timedelta(days=3)
    }


@pytest.mark.parametrize("status", ["draft", "active"])
async def test_only_money_that_is_there_is_reversed_and_only_once(hospital: Hospital, status: str) -> None:
    document = hospital.payment_document("100", detail("advance", await hospital.account(), "100"), status=status)
    payment = await hospital.create(document)
    if status == "active":
        await reverse(hospital, payment)
    refusal = await refused(reverse(hospital, payment))
    assert said(refusal) == [(CONFLICT, "invalid-state", "PaymentReconciliation.status")]
    assert (await refused(reverse(hospital, {"id": "nothing"}))).code == "not-found"


async def test_a_reversed_payment_is_final(hospital: Hospital) -> None:
    account = await hospital.account()
    payment = await hospital.create(hospital.payment_document("100", detail("advance", account, "100")))
    cancelled = await reverse(hospital, payment)
    for status in ("active", "draft", "entered-in-error"):
        assert (await refused(hospital.update({**cancelled, "status": status}))).code == "posted"
    assert (await refused(hospital.update({**cancelled, "paymentDate": "2026-01-01"}))).code == "payment-immutable"
    assert (await hospital.update({**cancelled, "disposition": "no cover"}))["status"] == "cancelled"
    assert (await refused(hospital.delete(payment))).code == "posted"


@pytest.mark.parametrize(("refunded", "code"), [("5", "payment-refunded"), ("50", "payment-held")])
async def test_what_is_held_or_refunded_is_not_reversed(connected: Database, refunded: str, code: str) -> None:
    """Above the tenant's limit a refund waits for somebody else, and holds the money."""
    hospital = await Hospital.open(connected, refund_approval_above__AFN="10")
    payment = (await hospital.pay(await hospital.account(), "100")).payment
    wanted = RefundRequest(payment_id=payment["id"], amount=Money("AFN", int(refunded) * 100), reason="paid twice")
    await hospital.run(lambda tx: request_refund(tx, hospital.context, wanted))
    before = await hospital.journal()
    assert said(await refused(reverse(hospital, payment))) == [(CONFLICT, code, "PaymentReconciliation")]
    assert await hospital.journal() == before


async def test_a_fee_is_in_the_payment_s_currency(hospital: Hospital) -> None:
    payment = (await hospital.pay(await hospital.account(), "100")).payment
    assert (await refused(reverse(hospital, payment, fee="5", currency="USD"))).code == "currency-mismatch"
