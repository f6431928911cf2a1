"""No face of the server takes an amount beyond its limit, or falls over one: in any currency, near 2^63 and past it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from ledger.money import AMOUNT_MINOR_MAX, exponent_of
from tests.integration.rest_client import pointers, post, problem_codes, rest_client
from tests.integration.serving import Hospital, Json, Server, charge_item, code, codes_of, row_counts

CURRENCIES = ("AFN", "AED", "USD", "JPY", "KWD")
TOO_MANY = (AMOUNT_MINOR_MAX + 1, 2**63 - 1, 2**63, 2**64 + 1)


@pytest_asyncio.fixture
async def rest(server: Server, hospital: Hospital) -> AsyncIterator[httpx.AsyncClient]:
    async with rest_client(server, hospital.tenant_id) as http:
        yield http


def _written(minor_units: int, currency: str) -> str:
    """As JSON has it, with all its digits."""
    exponent, digits = exponent_of(currency), str(minor_units)
    return f"{digits[:-exponent]}.{digits[-exponent:]}" if exponent else digits


def _money(name: str = "") -> Json:
    """A place for an amount; the amount is put there as text, for Python's JSON has no such decimals."""
    return {"value": "AMOUNT", "currency": "CURRENCY"} if not name else {"name": name, "valueMoney": _money()}


def _parameters(*parameters: Json) -> Json:
    return {"resourceType": "Parameters", "parameter": list(parameters)}


def _invoice(account: str, **more: Any) -> Json:
    line = {"chargeItemCodeableConcept": {"text": "ward"}, "priceComponent": [{"type": "base", "amount": _money()}]}
    return {
        "resourceType": "Invoice",
        "status": "issued",
        "account": {"reference": account},
        "lineItem": [line],
        **more,
    }


def _payment(account: str, **more: Any) -> Json:
    return {
        "resourceType": "PaymentReconciliation",
        "status": "active",
        "created": "2026-01-01",
        "paymentDate": "2026-01-01",
        "paymentAmount": _money(),
        "detail": [
            {
                "type": {"coding": [{"code": "advance"}]},
                "request": {"reference": account},
                "amount": _money(),
            }
        ],
        **more,
    }


def fhir_requests(account: str, payment: str, invoice: str) -> list[tuple[str, Json]]:
    """(path, body with places for the amount) of each face of FHIR that takes money."""
    charge = charge_item(account)
    notice = {
        "resourceType": "PaymentNotice",
        "status": "active",
        "created": "2026-01-01",
        "payment": {"reference": payment},
        "recipient": {"reference": "Organization/1"},
    }
    allocation = {
        "name": "allocation",
        "part": [{"name": "invoice", "valueReference": {"reference": invoice}}, _money("amount")],
    }
    line = {"name": "line", "part": [{"name": "sequence", "valuePositiveInt": 1}, _money("amount")]}
    reason = {"name": "reason", "valueString": "too much"}
    cash = code("method", "cash")
    small = {"name": "amount", "valueMoney": {"value": 1, "currency": "CURRENCY"}}
    surcharge = {"type": "surcharge", "amount": _money()}
    return [
        ("ChargeItem", {**charge, "priceOverride": _money()}),
        ("Invoice", _invoice(account)),
        ("Invoice", _invoice(account, status="draft")),
        ("Invoice", _invoice(account, status="draft", totalNet=_money(), totalGross=_money())),
        ("Invoice", _invoice(account, totalPriceComponent=[surcharge])),
        ("PaymentReconciliation", _payment(account)),
        ("PaymentReconciliation", _payment(account, status="draft")),
        ("PaymentNotice", {**notice, "amount": _money()}),
        (f"{invoice}/$post-payment", _parameters(_money("amount"), cash)),
        (f"{account}/$post-payment", _parameters(_money("amount"), cash)),
        (f"{account}/$post-payment", _parameters(small, _money("tendered"), cash)),
        (f"{account}/$adjust", _parameters(_money("amount"), code("type", "write-off"), reason)),
        (f"{payment}/$refund", _parameters(_money("amount"), reason)),
        (f"{payment}/$allocate", _parameters(allocation)),
        (f"{payment}/$deallocate", _parameters(allocation)),
        (f"{payment}/$reverse", _parameters(_money("fee"), code("reason", "bounced"))),
        (f"{invoice}/$credit", _parameters(reason, line)),
    ]


def rest_requests(account: str, payment: str) -> list[tuple[str, Json]]:
    """(path, body with places for the amount) of each route of the REST API that takes money."""
    amount, small = {"currency": "CURRENCY", "minor_units": "MINOR"}, {"currency": "CURRENCY", "minor_units": 1}
    on_account = {"account": account, "amount": amount}
    return [
        ("payments", {**on_account, "method": "cash"}),
        ("payments", {**on_account, "amount": small, "tendered": amount, "method": "cash"}),
        ("gateway-payments", {**on_account, "method": "card", "token": "tok_12345678"}),
        ("refunds", {"payment": payment, "amount": amount, "reason": "x"}),
        ("adjustments", {**on_account, "type": "write-off", "reason": "x"}),
        ("provisions", {**on_account, "reason": "x"}),
        ("recoveries", {**on_account, "payment": payment, "reason": "x"}),
        ("transfers", {"payment": payment, "to_account": account, "amount": amount, "reason": "x"}),
        ("cash-sessions", {"drawer": "main", "float": amount}),
    ]


def _filled(document: Json, minor_units: int, currency: str) -> bytes:
    text = httpx.Request("POST", "http://x", json=document).content.decode()
    text = text.replace('"AMOUNT"', _written(minor_units, currency)).replace('"MINOR"', str(minor_units))
    return text.replace("CURRENCY", currency).encode()


async def _things(hospital: Hospital, currency: str) -> tuple[str, str, str]:
    url = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Account.currency"
    concept = {"coding": [{"system": "urn:iso:std:iso:4217", "code": currency}]}
    account = await hospital.account(extension=[{"url": url, "valueCodeableConcept": concept}])
    name = f"Account/{account['id']}"
    document = _filled(_invoice(name), 5000, currency)
    headers = {"content-type": "application/fhir+json"}
    invoice = (await hospital.http.post("Invoice", content=document, headers=headers)).json()
    paying = _filled(_parameters(_money("amount"), code("method", "cash")), 1000, currency)
    paid = await hospital.http.post(
        f"{name}/$post-payment", content=paying, headers={**headers, "idempotency-key": "p"}
    )
    (payment,) = [part["resource"] for part in paid.json()["parameter"] if part["name"] == "payment"]
    return name, f"PaymentReconciliation/{payment['id']}", f"Invoice/{invoice['id']}"


@pytest.mark.parametrize("currency", CURRENCIES)
async def test_no_face_takes_an_amount_that_no_amount_reaches(
    server: Server, hospital: Hospital, rest: httpx.AsyncClient, currency: str
) -> None:
    account, payment, invoice = await _things(hospital, currency)
    before = row_counts(server.access)
    for minor_units in TOO_MANY:
        for path, document in fhir_requests(account, payment, invoice):
            headers = {"content-type": "application/fhir+json", "idempotency-key": "once"}
            answer = await hospital.http.post(path, content=_filled(document, minor_units, currency), headers=headers)
            assert answer.status_code in (400, 422), (path, minor_units, answer.text)
            assert "amount-too-large" in codes_of(answer.json()), (path, document, answer.text)
        for path, document in rest_requests(account, payment):
            content = _filled(document, minor_units, currency)
            headers = {"content-type": "application/json", "idempotency-key": "once"}
            answer = await rest.post(path, content=content, headers=headers)
            assert answer.status_code == 400, (path, minor_units, answer.text)
            assert problem_codes(answer) == ["value-invalid"], (path, answer.text)
            assert pointers(answer)[0].endswith("/minor_units"), answer.text
    assert row_counts(server.access) == before


@pytest.mark.parametrize("currency", CURRENCIES)
async def test_the_greatest_amount_is_taken_and_given_back(
    hospital: Hospital, rest: httpx.AsyncClient, currency: str
) -> None:
    account, _, _ = await _things(hospital, currency)
    greatest = {"currency": currency, "minor_units": AMOUNT_MINOR_MAX - 1000}
    paid = await post(rest, "payments", {"account": account, "amount": greatest, "method": "bank-transfer"})
    assert paid.status_code == 201, paid.text
    balance = await hospital.read(f"{account}/$balance")
    unapplied = next(part["valueMoney"] for part in balance["parameter"] if part["name"] == "unapplied")
    # The first 1000 of 5000 that the account owed were paid before.
    assert round(unapplied["value"] * 10 ** exponent_of(currency)) == AMOUNT_MINOR_MAX - 1000 - 4000
