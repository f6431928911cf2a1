"""What a remittance says beside the money: contractual, patient's responsibility, take-backs (design section 5)."""

from __future__ import annotations

from tests.integration.billing.hospital import (
    CANONICAL,
    RULE_BROKEN,
    Document,
    Hospital,
    detail,
    extension_of,
    money,
    own_line,
    refused,
    said,
    share,
)
from tests.integration.billing.payment_commands import deallocate

INSURER = {"reference": "Organization/insurer"}
REMITTANCE = f"{CANONICAL}/CodeSystem/remittance-detail"


def remitted(kind: str, invoice: Document, amount: str) -> Document:
    return detail(kind, invoice, amount, system=REMITTANCE)


async def insured(hospital: Hospital, total: str = "1000", payers: str = "800") -> tuple[Document, Document]:
    account = await hospital.account()
    return account, await hospital.issued(account, own_line(total), extension=[share(INSURER, payers)])


async def remit(hospital: Hospital, amount: str, *details: Document) -> Document:
    return await hospital.create(hospital.payment_document(amount, *details, paymentIssuer=INSURER))


async def test_what_is_agreed_not_to_be_owed_lowers_the_payer_s_share(hospital: Hospital) -> None:
    account, invoice = await insured(hospital)
    await remit(hospital, "700", detail("payment", invoice, "700"), remitted("contractual", invoice, "100"))
    assert await hospital.booked("contractual-adjusted") == [(4100, 10000), (1110, -10000)]
    balance = await hospital.balance(account)
    assert (balance.billed_patient.minor_units, balance.billed_payer.minor_units) == (20000, 0)
    assert extension_of(await hospital.read(invoice), "invoice-settled") == money("800.00")


async def test_what_is_the_patient_s_responsibility_moves_to_the_patient_s_share(hospital: Hospital) -> None:
    account, invoice = await insured(hospital)
    await remit(hospital, "700", detail("payment", invoice, "700"), remitted("patient-responsibility", invoice, "100"))
    assert await hospital.booked("patient-responsibility") == [(1100, 10000), (1110, -10000)]
    balance = await hospital.balance(account)
    assert (balance.billed_patient.minor_units, balance.billed_payer.minor_units) == (30000, 0)
    assert (await hospital.pay(invoice, "300")).invoices[0]["status"] == "balanced"


async def test_what_a_payer_takes_back_is_due_again_and_its_money(hospital: Hospital) -> None:
    account, invoice = await insured(hospital)
    await remit(hospital, "800", detail("payment", invoice, "800"))
    await remit(hospital, "50", detail("adjustment", invoice, "-300"))
    assert await hospital.booked("payment-taken-back") == [(1110, 30000), (2110, -30000)]
    assert (await hospital.balance(account)).billed_payer.minor_units == 30000
    assert extension_of(await hospital.read(invoice), "invoice-due") == money("500.00")
    assert await hospital.booked("payment-received") == [(1020, 80000), (2110, -80000), (1020, 5000), (2110, -5000)]


async def test_what_is_taken_back_of_one_invoice_pays_another(hospital: Hospital) -> None:
    _, first = await insured(hospital)
    _, second = await insured(hospital)
    await remit(hospital, "800", detail("payment", first, "800"))
    await remit(hospital, "500", detail("adjustment", first, "-300"), detail("payment", second, "800"))
    assert extension_of(await hospital.read(second), "invoice-settled") == money("800.00")


async def test_an_adjustment_upwards_is_money_that_is_put_to_the_invoice(hospital: Hospital) -> None:
    _, invoice = await insured(hospital)
    await remit(hospital, "30", detail("adjustment", invoice, "30"))
    assert await hospital.booked("payment-allocated") == [(2110, 3000), (1110, -3000)]


async def test_a_remittance_may_pay_nothing(hospital: Hospital) -> None:
    account, invoice = await insured(hospital)
    details = remitted("contractual", invoice, "500"), remitted("patient-responsibility", invoice, "300")
    await remit(hospital, "0", *details)
    assert await hospital.booked("payment-received") == []
    balance = await hospital.balance(account)
    assert (balance.billed_patient.minor_units, balance.billed_payer.minor_units) == (50000, 0)


async def test_details_about_a_claim_elsewhere_leave_the_money_unapplied(hospital: Hospital) -> None:
    await remit(hospital, "100", detail("payment", "Claim/77", "100"))
    assert await hospital.booked("payment-received") == [(1020, 10000), (2110, -10000)]


async def test_more_than_there_is_is_refused_with_each_place(hospital: Hospital) -> None:
    _, invoice = await insured(hospital)
    await remit(hospital, "100", detail("payment", invoice, "100"))
    before = await hospital.journal()
    refusal = await refused(
        remit(
            hospital,
            "1000",
            remitted("contractual", invoice, "901"),
            remitted("patient-responsibility", invoice, "901"),
            detail("adjustment", invoice, "-101"),
        )
    )
    assert sorted(place for _, code, place in said(refusal) if code == "over-allocated") == [
        f"PaymentReconciliation.detail[{at}].amount" for at in range(3)
    ]
    assert await hospital.journal() == before


async def test_only_a_payer_says_it_and_only_of_an_invoice(hospital: Hospital) -> None:
    account, invoice = await insured(hospital)
    payment = hospital.payment_document(
        "10",
        remitted("contractual", invoice, "1"),
        detail("adjustment", invoice, "-1"),
        detail("payment", invoice, "8"),
    )
    assert said(await refused(hospital.create(payment))) == [
        (RULE_BROKEN, "payer-required", "PaymentReconciliation.detail[0].type"),
        (RULE_BROKEN, "payer-required", "PaymentReconciliation.detail[1].type"),
    ]
    refusal = await refused(remit(hospital, "10", remitted("contractual", account, "1"), detail("gift", invoice, "1")))
    assert said(refusal) == [
        (RULE_BROKEN, "detail-type-unsupported", "PaymentReconciliation.detail[0].type"),
        (RULE_BROKEN, "detail-type-unsupported", "PaymentReconciliation.detail[1].type"),
    ]


async def test_money_that_a_payer_took_back_is_not_taken_off_again(hospital: Hospital) -> None:
    _, invoice = await insured(hospital)
    payment = await remit(hospital, "800", detail("payment", invoice, "800"))
    await remit(hospital, "1", detail("adjustment", invoice, "-300"))
    assert (await refused(deallocate(hospital, payment))).code == "settled-otherwise"
    await deallocate(hospital, payment, (invoice, "500"))
