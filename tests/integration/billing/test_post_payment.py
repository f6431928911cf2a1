"""Paying at the counter, on an invoice or on an account (design sections 4.5 to 4.7)."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta

import psycopg

from ledger.money import Money
from tests.database_server import DatabaseAccess
from tests.integration.billing.hospital import (
    CONFLICT,
    RULE_BROKEN,
    Hospital,
    extension_of,
    money,
    own_extension,
    own_line,
    refused,
    said,
    share,
)

INSURER = {"reference": "Organization/insurer"}
TYPE = "http://hl7.org/fhir/5.0/StructureDefinition/extension-PaymentReconciliation."


def r5(document: dict[str, object], name: str) -> object:
    extensions = document["extension"]
    assert isinstance(extensions, list)
    return next((each for each in extensions if each["url"] == TYPE + name), None)


def parameter(name: str) -> str:
    return f"Parameters.parameter.where(name='{name}').value"


async def test_paying_an_invoice_settles_it_and_says_so_in_fhir(hospital: Hospital) -> None:
    account, invoice = await hospital.invoice_of("100")
    paid = await hospital.pay(invoice, "100", reference="receipt 7")
    assert paid.payment["detail"] == [
        {
            "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/payment-type", "code": "payment"}]},
            "request": {"reference": f"Invoice/{invoice['id']}"},
            "date": (await hospital.today()).isoformat(),
            "amount": money("100.00"),
        }
    ]
    assert paid.payment["paymentIdentifier"] == {"value": "receipt 7"}
    assert extension_of(paid.payment, "payment-method") == "cash"
    assert extension_of(paid.payment, "payment-account") == {"reference": f"Account/{account['id']}"}
    assert "patient" in str(r5(paid.payment, "issuerType"))
    assert paid.notice["request"] == {"reference": f"Invoice/{invoice['id']}"}
    assert paid.notice["payment"] == {"reference": f"PaymentReconciliation/{paid.payment['id']}"}
    assert [each["status"] for each in paid.invoices] == ["balanced"]
    assert paid.change is None
    assert await hospital.booked("payment-received") == [(1010, 10000), (2100, -10000)]
    assert await hospital.booked("payment-allocated") == [(2100, 10000), (1100, -10000)]
    assert {line.detail for line in await hospital.journal() if line.account == 1010} == {"main"}


async def test_change_is_what_was_tendered_beyond_the_amount(hospital: Hospital) -> None:
    _, invoice = await hospital.invoice_of("70")
    paid = await hospital.pay(invoice, "70", tendered=Money("AFN", 10000))
    assert paid.change == Money("AFN", 3000)
    assert await hospital.booked("payment-received") == [(1010, 7000), (2100, -7000)]


async def test_tendering_is_of_cash_in_the_currency_and_enough(hospital: Hospital) -> None:
    _, invoice = await hospital.invoice_of("70")
    for method, tendered, code in (
        ("card", Money("AFN", 7000), "tendered-not-cash"),
        ("cash", Money("USD", 7000), "currency-mismatch"),
        ("cash", Money("AFN", 6999), "tendered-too-little"),
    ):
        refusal = await refused(hospital.pay(invoice, "70", method=method, tendered=tendered))
        assert said(refusal) == [(RULE_BROKEN, code, parameter("tendered"))]


async def test_what_exceeds_the_due_amount_stays_unapplied(hospital: Hospital) -> None:
    account, invoice = await hospital.invoice_of("100")
    paid = await hospital.pay(invoice, "130")
    kinds = [each["type"]["coding"][0]["code"] for each in paid.payment["detail"]]
    assert kinds == ["payment", "advance"]
    assert (await hospital.balance(account)).unapplied.minor_units == 3000
    assert paid.invoices[0]["status"] == "balanced"


async def test_an_account_pays_its_oldest_due_invoice_first(hospital: Hospital) -> None:
    account = await hospital.account()
    due = [own_extension("invoice-due-date", valueDate=f"2026-0{month}-01") for month in (9, 3, 6)]
    late, early, middle = [await hospital.issued(account, own_line("100"), extension=[each]) for each in due]
    paid = await hospital.pay(account, "250")
    assert [each["id"] for each in paid.invoices] == [early["id"], middle["id"], late["id"]]
    assert [each["status"] for each in paid.invoices] == ["balanced", "balanced", "issued"]
    assert extension_of(paid.invoices[2], "invoice-due") == money("50.00")


async def test_an_account_pays_the_invoices_that_are_named_in_their_order(hospital: Hospital) -> None:
    account = await hospital.account()
    first, second, third = [await hospital.issued(account, own_line("100")) for _ in range(3)]
    paid = await hospital.pay(account, "150", invoice_ids=(third["id"], first["id"], third["id"]))
    assert [(each["id"], each["status"]) for each in paid.invoices] == [
        (third["id"], "balanced"),
        (first["id"], "issued"),
    ]
    assert (await hospital.read(second)) == second


async def test_an_account_without_invoices_takes_a_deposit(hospital: Hospital) -> None:
    owner = {"reference": "Organization/hospital"}
    account = await hospital.account(owner=owner)
    paid = await hospital.pay(account, "500", method="mobile-money")
    assert await hospital.booked("payment-received") == [(1030, 50000), (2100, -50000)]
    assert "deposit" in str(r5(paid.payment, "kind"))
    assert "request" not in paid.notice
    assert paid.notice["recipient"] == owner
    assert (await hospital.balance(account)).total.minor_units == -50000


async def test_the_recipient_of_the_notice_is_the_issuer_else_the_owner_else_the_tenant(hospital: Hospital) -> None:
    issuer = {"identifier": {"system": "s", "value": "the issuer"}, "display": "Kabul Hospital"}
    _, invoice = await hospital.invoice_of("100", issuer=issuer)
    assert (await hospital.pay(invoice, "1")).notice["recipient"] == issuer
    account, other = await hospital.invoice_of("100")
    tenant = (await hospital.pay(other, "1")).notice["recipient"]
    assert tenant["identifier"]["value"] == hospital.tenant_id
    await hospital.update(account | {"owner": {"reference": "Organization/owner"}})
    assert (await hospital.pay(other, "1")).notice["recipient"] == {"reference": "Organization/owner"}


async def test_an_organization_pays_from_its_own_unapplied_money(hospital: Hospital) -> None:
    account, invoice = await hospital.invoice_of("100", extension=[share(INSURER, "60")])
    absolute = {"reference": "https://billing.example.org/fhir/Organization/insurer"}
    paid = await hospital.pay(invoice, "70", method="bank-transfer", payer=absolute)
    assert await hospital.booked("payment-received") == [(1020, 7000), (2110, -7000)]
    assert await hospital.booked("payment-allocated") == [(2110, 7000), (1110, -6000), (1100, -1000)]
    assert paid.payment["paymentIssuer"] == absolute
    assert "insurance" in str(r5(paid.payment, "issuerType"))
    over = await hospital.pay(account, "50", method="bank-transfer", payer=INSURER)
    assert extension_of(over.payment, "payment-account") is None
    assert (await hospital.balance(account)).unapplied.minor_units == 0
    assert sum(line.amount for line in await hospital.journal() if line.account == 2110) == -2000


async def test_somebody_who_pays_for_the_patient_is_named(hospital: Hospital) -> None:
    account, invoice = await hospital.invoice_of("100")
    uncle = {"reference": "RelatedPerson/uncle"}
    paid = await hospital.pay(invoice, "100", payer=uncle)
    assert r5(paid.payment, "paymentIssuer") == {"url": f"{TYPE}paymentIssuer", "valueReference": uncle}
    assert "paymentIssuer" not in paid.payment
    assert (await hospital.balance(account)).total.minor_units == 0


async def test_a_payer_says_whether_it_is_an_organization(hospital: Hospital) -> None:
    _, invoice = await hospital.invoice_of("100")
    for payer, code in (
        ({"identifier": {"system": "s", "value": "7"}}, "payer-type-required"),
        ({"type": "Organization", "display": "an insurer"}, "payer-unknown"),
    ):
        refusal = await refused(hospital.pay(invoice, "1", payer=payer))
        assert said(refusal) == [(RULE_BROKEN, code, parameter("payer"))]


async def test_a_patient_leaves_the_payers_share_alone(hospital: Hospital) -> None:
    account, invoice = await hospital.invoice_of("100", recipient=INSURER)
    paid = await hospital.pay(invoice, "30")
    assert extension_of(paid.invoices[0], "invoice-due") == money("100.00")
    assert (await hospital.balance(account)).unapplied.minor_units == 3000


async def test_what_cannot_be_paid_is_refused(hospital: Hospital) -> None:
    account, invoice = await hospital.invoice_of("100")
    tomorrow = await hospital.today() + timedelta(days=1)
    for more, code, place in (
        ({"amount": "0"}, "amount-not-positive", "amount"),
        ({"amount": "-1"}, "amount-not-positive", "amount"),
        ({"amount": "1", "currency": "USD"}, "currency-mismatch", "amount"),
        ({"amount": "1", "method": "gold"}, "unknown-method", "method"),
        ({"amount": "1", "on": tomorrow}, "date-in-future", "date"),
    ):
        for where in (account, invoice):
            refusal = await refused(hospital.pay(where, **more))
            assert said(refusal) == [(RULE_BROKEN, code, parameter(place))]
    assert await hospital.booked("payment-received") == []


async def test_an_invoice_that_is_not_issued_takes_no_money(hospital: Hospital) -> None:
    account, invoice = await hospital.invoice_of("100")
    draft = await hospital.draft(account, own_line("1"))
    without_account = await hospital.draft(None)
    await hospital.pay(invoice, "100")
    cancelled = await hospital.cancel(await hospital.issued(account, own_line("1")))
    for each in (draft, invoice, cancelled, without_account):
        assert said(await refused(hospital.pay(each, "1"))) == [(CONFLICT, "invalid-state", "Invoice.status")]
    for each in (draft, invoice, cancelled):
        refusal = await refused(hospital.pay(account, "1", invoice_ids=(each["id"],)))
        assert said(refusal) == [(RULE_BROKEN, "invoice-not-issued", parameter("invoice"))]


async def test_the_invoices_that_are_named_are_on_the_account(hospital: Hospital) -> None:
    account = await hospital.account()
    _, other = await hospital.invoice_of("100")
    for invoice_id, code in ((other["id"], "invoice-other-account"), ("nowhere", "reference-not-found")):
        refusal = await refused(hospital.pay(account, "1", invoice_ids=(invoice_id,)))
        assert said(refusal) == [(RULE_BROKEN, code, parameter("invoice"))]


async def test_what_does_not_exist_or_is_an_error_cannot_be_paid(hospital: Hospital) -> None:
    for resource_type in ("Invoice", "Account"):
        missing = {"resourceType": resource_type, "id": "nowhere"}
        assert (await refused(hospital.pay(missing, "1"))).code == "not-found"
    error = await hospital.account(status="entered-in-error")
    assert said(await refused(hospital.pay(error, "1"))) == [(CONFLICT, "invalid-state", "Account.status")]


async def test_a_payment_is_dated_as_it_is_told(hospital: Hospital) -> None:
    account = await hospital.account()
    paid = await hospital.pay(account, "5", on=date(2026, 2, 3))
    assert paid.payment["paymentDate"] == paid.notice["paymentDate"] == "2026-02-03"
    assert {line.effective_at for line in await hospital.journal()} == {date(2026, 2, 3)}


async def test_two_cashiers_at_once_do_not_over_settle(hospital: Hospital) -> None:
    account, invoice = await hospital.invoice_of("100")
    done = await asyncio.gather(*(hospital.pay(invoice, "60") for _ in range(2)), return_exceptions=True)
    assert all(not isinstance(each, BaseException) for each in done), done
    balance = await hospital.balance(account)
    assert (balance.billed_patient.minor_units, balance.unapplied.minor_units) == (0, 2000)


async def test_a_balance_past_the_largest_number_is_refused_cleanly(
    hospital: Hospital, database: DatabaseAccess
) -> None:
    account = await hospital.account()
    await hospital.pay(account, "1")
    with psycopg.connect(database.superuser, autocommit=True) as connection:
        connection.execute(
            "UPDATE billing.account_balance SET unapplied = %s WHERE tenant_id = %s", (2**63 - 100, hospital.tenant_id)
        )
        assert (await refused(hospital.pay(account, "1"))).code == "amount-too-large"
        connection.execute(
            "UPDATE billing.account_balance SET unapplied = 100 WHERE tenant_id = %s", (hospital.tenant_id,)
        )
