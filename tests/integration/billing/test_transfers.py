"""Money and charges go to another account, and are taken where they lie afterwards (design sections 4.7 and 5)."""

from __future__ import annotations

from typing import Any

from billing.transfer_charge import transfer_charge
from billing.transfer_money import Transfer, transfer_money
from ledger.money import Money
from tests.integration.billing.hospital import (
    CONFLICT,
    RULE_BROKEN,
    Document,
    Hospital,
    line_of,
    own_line,
    refused,
    said,
)
from tests.integration.billing.payment_commands import about, allocate, details, reverse

WHY = "paid on the account of the brother"


async def transfer(hospital: Hospital, payment: Document, to: Document, amount: int | None = None) -> Transfer:
    wanted = None if amount is None else Money("AFN", amount)
    return await hospital.run(
        lambda tx: transfer_money(tx, hospital.context, payment["id"], to_account=to["id"], amount=wanted, reason=WHY)
    )


async def move(hospital: Hospital, charge: Document, to: Document) -> Any:
    return await hospital.run(
        lambda tx: transfer_charge(tx, hospital.context, charge["id"], to_account=to["id"], reason=WHY)
    )


async def test_money_changes_its_account_and_pays_there(hospital: Hospital) -> None:
    first, second = await hospital.account(), await hospital.account()
    payment = (await hospital.pay(first, "100")).payment
    done = await transfer(hospital, payment, second, 6000)
    assert done.from_accounts == {first["id"]: 6000}
    lines = [line for line in await hospital.journal() if line.kind == "money-transferred"]
    assert [(line.account, line.amount, line.patient_account) for line in lines] == [
        (2100, 6000, first["id"]),
        (2100, -6000, second["id"]),
    ]
    assert details(await hospital.read(payment)) == [
        ("advance", about(first), "40.00"),
        ("advance", about(second), "60.00"),
    ]
    assert "billing.payment.transferred.v1" in await hospital.events()
    invoice = await hospital.issued(second, own_line("50"))
    await allocate(hospital, payment, (invoice, "50"))
    assert [(await hospital.balance(each)).unapplied.minor_units for each in (first, second)] == [4000, 1000]


async def test_all_that_is_free_goes_where_no_amount_is_named_and_can_come_back(hospital: Hospital) -> None:
    first, second = await hospital.account(), await hospital.account()
    payment = (await hospital.pay(first, "100")).payment
    await transfer(hospital, payment, second)
    await transfer(hospital, payment, first)
    assert (await hospital.balance(first)).unapplied.minor_units == 10000
    assert details(await hospital.read(payment)) == [("advance", about(first), "100.00")]


async def test_a_reversal_takes_the_money_where_it_lies(hospital: Hospital) -> None:
    first, second = await hospital.account(), await hospital.account()
    payment = (await hospital.pay(first, "100", method="cheque")).payment
    await transfer(hospital, payment, second, 6000)
    await reverse(hospital, payment)
    assert sorted(await hospital.booked("payment-reversed")) == [(1030, -10000), (2100, 4000), (2100, 6000)]
    assert [(await hospital.balance(each)).unapplied.minor_units for each in (first, second)] == [0, 0]


async def test_money_that_is_not_there_or_not_free_or_in_another_currency_stays(hospital: Hospital) -> None:
    first, invoice = await hospital.invoice_of("70")
    second, dollars = await hospital.account(), await hospital.account("USD")
    payment = (await hospital.pay(invoice, "100")).payment
    before = await hospital.journal()
    assert said(await refused(transfer(hospital, payment, second, 3001))) == [(RULE_BROKEN, "not-unapplied", "/amount")]
    assert (await refused(transfer(hospital, payment, first))).code == "not-unapplied"
    assert (await refused(transfer(hospital, payment, dollars, 1))).code == "currency-mismatch"
    assert (await refused(transfer(hospital, payment, {"id": "nothing"}, 1))).code == "reference-not-found"
    assert (await refused(transfer(hospital, {"id": "nothing"}, second, 1))).code == "not-found"
    assert await hospital.journal() == before


async def test_money_of_a_payer_has_no_account_to_go_from(hospital: Hospital) -> None:
    first, second = await hospital.account(), await hospital.account()
    insurer = {"reference": "Organization/insurer"}
    payment = (await hospital.pay(first, "100", method="bank-transfer", payer=insurer)).payment
    assert (await refused(transfer(hospital, payment, second))).code == "not-unapplied"


async def test_a_charge_is_reversed_there_and_captured_here(hospital: Hospital) -> None:
    first, second = await hospital.account(), await hospital.account()
    charge = await hospital.charge(first, "100")
    await move(hospital, charge, second)
    assert await hospital.booked("charge-reversed") == [(1150, -10000), (4000, 10000)]
    assert [(await hospital.balance(each)).unbilled.minor_units for each in (first, second)] == [0, 10000]
    assert (await hospital.read(charge))["account"] == [{"reference": about(second)}]
    await hospital.issued(second, line_of(charge))


async def test_only_a_billable_charge_is_moved_and_to_another_account(hospital: Hospital) -> None:
    first, second = await hospital.account(), await hospital.account()
    billed, planned = await hospital.charge(first, "100"), await hospital.charge(first, "1", status="planned")
    await hospital.issued(first, line_of(billed))
    assert said(await refused(move(hospital, billed, second))) == [(CONFLICT, "charge-billed", "/charge")]
    assert said(await refused(move(hospital, planned, second))) == [(CONFLICT, "invalid-state", "/charge")]
    charge = await hospital.charge(first, "100")
    assert (await refused(move(hospital, charge, first))).code == "same-account"
    assert (await refused(move(hospital, charge, {"id": "nothing"}))).code == "reference-not-found"
    assert (await refused(move(hospital, {"id": "nothing"}, second))).code == "not-found"
