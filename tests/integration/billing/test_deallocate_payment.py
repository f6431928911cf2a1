"""Money is taken off invoices again, the latest allocation first, and the invoices are due (design section 4.7)."""

from __future__ import annotations

from tests.integration.billing.hospital import (
    CONFLICT,
    RULE_BROKEN,
    Hospital,
    detail,
    extension_of,
    money,
    own_extension,
    own_line,
    reference,
    refused,
    said,
    share,
)
from tests.integration.billing.payment_commands import PLACE, about, allocate, deallocate, details

ALLOCATED, DEALLOCATED = "payment-allocated", "payment-deallocated"
INSURER = {"reference": "Organization/insurer"}


async def test_all_of_a_payment_is_taken_off_by_exact_reversals(hospital: Hospital) -> None:
    account, invoice = await hospital.invoice_of("100")
    payment = (await hospital.pay(invoice, "100")).payment
    freed = await deallocate(hospital, payment)
    assert await hospital.booked(DEALLOCATED) == [(2100, -10000), (1100, 10000)]
    due = await hospital.read(invoice)
    assert (due["status"], extension_of(due, "invoice-due")) == ("issued", money("100.00"))
    assert (await hospital.balance(account)).unapplied.minor_units == 10000
    assert details(freed) == [("advance", about(account), "100.00")]
    assert "billing.payment.deallocated.v1" in await hospital.events()


async def test_a_part_is_taken_off_by_reversing_and_putting_the_rest_anew(hospital: Hospital) -> None:
    account, invoice = await hospital.invoice_of("100")
    payment = (await hospital.pay(invoice, "100")).payment
    freed = await deallocate(hospital, payment, (invoice, "30"))
    assert await hospital.booked(DEALLOCATED) == [(2100, -10000), (1100, 10000)]
    assert (await hospital.booked(ALLOCATED))[2:] == [(2100, 7000), (1100, -7000)]
    assert extension_of(await hospital.read(invoice), "invoice-due") == money("30.00")
    assert sorted(details(freed)) == [("advance", about(account), "30.00"), ("payment", about(invoice), "70.00")]


async def test_only_the_named_invoice_is_due_again(hospital: Hospital) -> None:
    account = await hospital.account()
    first, second = [await hospital.issued(account, own_line("50")) for _ in range(2)]
    payment = (await hospital.pay(account, "100")).payment
    await deallocate(hospital, payment, (second, None))
    assert [(await hospital.read(each))["status"] for each in (first, second)] == ["balanced", "issued"]
    assert (await hospital.read(payment))["meta"]["versionId"] == "2"


async def test_of_a_payer_s_money_the_patient_s_share_is_given_back_first(hospital: Hospital) -> None:
    account = await hospital.account()
    invoice = await hospital.issued(account, own_line("100"), extension=[share(INSURER, "60")])
    payment = (await hospital.pay(invoice, "100", method="bank-transfer", payer=INSURER)).payment
    freed = await deallocate(hospital, payment, (invoice, "50"))
    assert (await hospital.booked(ALLOCATED))[3:] == [(2110, 5000), (1110, -5000)]
    balance = await hospital.balance(account)
    assert (balance.billed_patient.minor_units, balance.billed_payer.minor_units) == (4000, 1000)
    assert details(freed) == [("payment", about(invoice), "50.00")]


async def test_what_is_taken_off_can_be_put_again_and_taken_off_again(hospital: Hospital) -> None:
    account, invoice = await hospital.invoice_of("100")
    payment = (await hospital.pay(invoice, "100")).payment
    for _ in range(2):
        await deallocate(hospital, payment, (invoice, "40"))
        await allocate(hospital, payment, (invoice, "15"))
    assert extension_of(await hospital.read(invoice), "invoice-settled") == money("50.00")
    assert (await hospital.balance(account)).unapplied.minor_units == 5000
    assert sum(float(amount) for kind, _, amount in details(await hospital.read(payment)) if kind == "payment") == 50


async def test_details_of_a_client_keep_what_else_they_say(hospital: Hospital) -> None:
    account, invoice = await hospital.invoice_of("100")
    said_so = detail("payment", invoice, "100") | {"identifier": {"value": "line 1"}}
    extension = [own_extension("payment-account", valueReference=reference(account))]
    payment = await hospital.create(hospital.payment_document("100", said_so, extension=extension))
    freed = await deallocate(hospital, payment, (invoice, "40"))
    assert freed["detail"][0] == said_so | {"amount": money("60.00")}


async def test_more_than_is_allocated_is_refused(hospital: Hospital) -> None:
    _, invoice = await hospital.invoice_of("100")
    _, other = await hospital.invoice_of("100")
    payment = (await hospital.pay(invoice, "60")).payment
    before = await hospital.journal()
    assert said(await refused(deallocate(hospital, payment, (invoice, "61")))) == [
        (RULE_BROKEN, "not-allocated", PLACE)
    ]
    assert (await refused(deallocate(hospital, payment, (other, None)))).code == "not-allocated"
    assert (await refused(deallocate(hospital, payment, (invoice, "10"), currency="USD"))).code == "currency-mismatch"
    assert (await refused(deallocate(hospital, payment, (invoice, "0")))).code == "amount-not-positive"
    assert await hospital.journal() == before


async def test_of_nothing_allocated_nothing_changes(hospital: Hospital) -> None:
    payment = (await hospital.pay(await hospital.account(), "60")).payment
    assert (await deallocate(hospital, payment))["meta"]["versionId"] == "1"


async def test_a_payment_that_posted_nothing_has_nothing_to_take_off(hospital: Hospital) -> None:
    draft = await hospital.create(hospital.payment_document("100", status="draft"))
    refusal = await refused(deallocate(hospital, draft))
    assert said(refusal) == [(CONFLICT, "invalid-state", "PaymentReconciliation.status")]
