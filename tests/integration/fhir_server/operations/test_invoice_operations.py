"""$issue, $cancel and $post-payment on invoices and accounts, over HTTP."""

from __future__ import annotations

import pytest

from mappers.r4.json_text import decode
from mappers.r4.validate import validate
from tests.integration.serving import (
    Hospital,
    Json,
    Server,
    body,
    code,
    codes_of,
    expressions_of,
    money,
    row_counts,
)


def parameter(answer: Json, name: str) -> list[Json]:
    return [item for item in answer["parameter"] if item["name"] == name]


async def test_issuing_answers_the_invoice_bare(hospital: Hospital) -> None:
    account = await hospital.account()
    draft = await hospital.draft(account, await hospital.charge(account))
    answer = await hospital.http.post(f"Invoice/{draft['id']}/$issue", headers={"prefer": "return=minimal"})
    assert answer.status_code == 200
    assert body(answer)["status"] == "issued"
    assert answer.headers["etag"] == 'W/"2"'
    assert body(answer) == await hospital.read(f"Invoice/{draft['id']}")


async def test_issuing_on_a_date(hospital: Hospital) -> None:
    account = await hospital.account()
    draft = await hospital.draft(account, await hospital.charge(account))
    answer = await hospital.operate(f"Invoice/{draft['id']}/$issue", {"name": "date", "valueDate": "2026-03-05"})
    assert body(answer)["date"] == "2026-03-05"


async def test_issuing_twice_is_409(hospital: Hospital) -> None:
    _, invoice = await hospital.issued()
    answer = await hospital.operate(f"Invoice/{invoice['id']}/$issue")
    assert answer.status_code == 409
    assert codes_of(body(answer)) == ["invalid-state"]


async def test_an_invoice_that_is_not_there_is_404(hospital: Hospital) -> None:
    assert (await hospital.operate("Invoice/nothing/$issue")).status_code == 404
    reason = {"name": "reason", "valueString": "wrong patient"}
    assert (await hospital.operate("Invoice/nothing/$cancel", reason)).status_code == 404
    paid = await hospital.operate("Invoice/nothing/$post-payment", money("amount", 1), code("method", "cash"))
    assert paid.status_code == 404
    assert (await hospital.http.get("Account/nothing/$balance")).status_code == 404


async def test_cancelling_says_why(hospital: Hospital) -> None:
    _, invoice = await hospital.issued()
    answer = await hospital.operate(
        f"Invoice/{invoice['id']}/$cancel", {"name": "reason", "valueString": "Wrong patient"}
    )
    assert answer.status_code == 200
    assert (body(answer)["status"], body(answer)["cancelledReason"]) == ("cancelled", "Wrong patient")


async def test_a_payment_answers_payment_notice_and_invoices(hospital: Hospital) -> None:
    _, invoice = await hospital.issued(100)
    answer = await hospital.operate(
        f"Invoice/{invoice['id']}/$post-payment",
        money("amount", 100),
        code("method", "cash"),
        money("tendered", 150),
    )
    assert answer.status_code == 200, answer.text
    assert validate(decode(answer.content)) == []
    output = body(answer)
    (payment,), (notice,), (settled,), (change,) = (
        parameter(output, name) for name in ("payment", "notice", "invoice", "change")
    )
    assert payment["resource"] == await hospital.read(f"PaymentReconciliation/{payment['resource']['id']}")
    assert notice["resource"]["payment"]["reference"] == f"PaymentReconciliation/{payment['resource']['id']}"
    assert settled["resource"] == await hospital.read(f"Invoice/{invoice['id']}")
    assert settled["resource"]["status"] == "balanced"
    assert change["valueMoney"] == {"value": 50, "currency": "AFN"}


async def test_a_payment_on_an_account_settles_the_named_invoices(hospital: Hospital) -> None:
    account, first = await hospital.issued(100)
    draft = await hospital.draft(account, await hospital.charge(account, 40))
    second = body(await hospital.operate(f"Invoice/{draft['id']}/$issue"))
    answer = await hospital.operate(
        f"Account/{account['id']}/$post-payment",
        money("amount", 50),
        code("method", "mobile-money"),
        {"name": "invoice", "valueReference": {"reference": f"Invoice/{second['id']}"}},
    )
    assert answer.status_code == 200, answer.text
    assert [item["resource"]["id"] for item in parameter(body(answer), "invoice")] == [second["id"]]
    assert (await hospital.read(f"Invoice/{first['id']}"))["status"] == "issued"
    balance = await hospital.read(f"Account/{account['id']}/$balance")
    assert parameter(balance, "unapplied")[0]["valueMoney"]["value"] == 10
    assert parameter(balance, "total")[0]["valueMoney"]["value"] == 90


async def test_the_balance_is_read_with_get_and_post_alike(hospital: Hospital) -> None:
    account, _ = await hospital.issued(100)
    url = f"Account/{account['id']}/$balance"
    by_get = await hospital.http.get(url)
    assert body(by_get) == body(await hospital.http.post(url))
    assert validate(decode(by_get.content)) == []
    output = body(by_get)
    assert [item["name"] for item in output["parameter"]] == [
        "currency",
        "unbilled",
        "billed-patient",
        "billed-payer",
        "unapplied",
        "held",
        "refund-payable",
        "total",
        *["aging"] * 6,
    ]
    buckets = [part["part"][0]["valueCode"] for part in parameter(output, "aging")]
    assert buckets == ["current", "1-30", "31-60", "61-90", "91-120", "121+"]
    assert '"value":100.00,"currency":"AFN"' in by_get.text


async def test_the_balance_as_of_a_date_and_as_it_was_known(hospital: Hospital) -> None:
    account, invoice = await hospital.issued(100)
    url = f"Account/{account['id']}/$balance"
    before_all = await hospital.read(f"{url}?date=2026-02-28")
    assert parameter(before_all, "total")[0]["valueMoney"]["value"] == 0
    known = invoice["meta"]["lastUpdated"]
    await hospital.operate(f"Invoice/{invoice['id']}/$post-payment", money("amount", 100), code("method", "cash"))
    assert parameter(await hospital.read(url), "total")[0]["valueMoney"]["value"] == 0
    for moment in (known, known.replace("Z", "+00:00")):
        as_known = await hospital.read(f"{url}?recorded={moment}")
        assert parameter(as_known, "total")[0]["valueMoney"]["value"] == 100, moment
    posted = await hospital.operate(url, {"name": "recorded", "valueInstant": known})
    assert parameter(body(posted), "total")[0]["valueMoney"]["value"] == 100


@pytest.mark.parametrize(
    ("sent", "error", "place"),
    [
        ([code("method", "cash")], "parameter-missing", "Parameters.parameter"),
        ([money("amount", 1)], "parameter-missing", "Parameters.parameter"),
        ([money("amount", 1), code("method", "gold")], "parameter-code", "Parameters.parameter[1].value"),
        (
            [money("amount", 1), {"name": "method", "valueString": "cash"}],
            "parameter-type",
            "Parameters.parameter[1].value",
        ),
        (
            [{"name": "amount", "valueDecimal": 1}, code("method", "cash")],
            "parameter-type",
            "Parameters.parameter[0].value",
        ),
        (
            [money("amount", 1), money("amount", 1), code("method", "cash")],
            "parameter-repeated",
            "Parameters.parameter[1]",
        ),
        (
            [money("amount", 1), code("method", "cash"), {"name": "amuont", "valueString": "x"}],
            "parameter-unknown",
            "Parameters.parameter[2].name",
        ),
        ([money("amount", 1, "XXY"), code("method", "cash")], None, "Parameters.parameter[0].value.currency"),
        (
            [{"name": "amount", "valueMoney": {"currency": "AFN"}}, code("method", "cash")],
            "money-incomplete",
            "Parameters.parameter[0].value",
        ),
        (
            [money("amount", 1), code("method", "cash"), {"name": "date", "valueDate": "2026-03"}],
            "date-partial",
            "Parameters.parameter[2].value",
        ),
        (
            [money("amount", 1), code("method", "cash"), {"name": "date", "valueDate": "2026-02-30"}],
            None,
            "Parameters.parameter[2].value",
        ),
        (
            [money("amount", 1), code("method", "cash"), {"name": "reference", "valueString": " "}],
            None,
            "Parameters.parameter[2].value",
        ),
    ],
)
async def test_parameters_that_are_wrong_are_refused_with_their_place(
    hospital: Hospital, sent: list[Json], error: str | None, place: str
) -> None:
    _, invoice = await hospital.issued(100)
    before = row_counts(hospital.server.access)
    answer = await hospital.operate(f"Invoice/{invoice['id']}/$post-payment", *sent)
    assert answer.status_code == 400, answer.text
    assert place in expressions_of(body(answer))
    if error is not None:
        assert error in codes_of(body(answer))
    assert row_counts(hospital.server.access) == before


async def test_all_wrong_parameters_are_told_at_once(hospital: Hospital) -> None:
    _, invoice = await hospital.issued(100)
    answer = await hospital.operate(
        f"Invoice/{invoice['id']}/$post-payment", {"name": "x", "valueCode": "y"}, code("method", "gold")
    )
    assert codes_of(body(answer)) == ["parameter-unknown", "parameter-code", "parameter-missing"]


@pytest.mark.parametrize(
    ("amount", "error"),
    [
        (0, None),
        (-5, None),
        (10.555, "amount-too-precise"),
        (10**17, "amount-too-large"),
    ],
)
async def test_an_amount_that_is_no_payment_is_422(hospital: Hospital, amount: float, error: str | None) -> None:
    _, invoice = await hospital.issued(100)
    answer = await hospital.operate(
        f"Invoice/{invoice['id']}/$post-payment", money("amount", amount), code("method", "cash")
    )
    assert answer.status_code == 422, answer.text
    if error is not None:
        assert codes_of(body(answer)) == [error]


async def test_parameters_of_a_post_do_not_stand_in_the_url(hospital: Hospital) -> None:
    account = await hospital.account()
    draft = await hospital.draft(account, await hospital.charge(account))
    answer = await hospital.http.post(f"Invoice/{draft['id']}/$issue?date=2026-03-05")
    assert answer.status_code == 400
    assert codes_of(body(answer)) == ["parameter-in-url"]
    assert (await hospital.read(f"Invoice/{draft['id']}"))["status"] == "draft"


async def test_unknown_parameters_of_a_get_are_refused(hospital: Hospital) -> None:
    account = await hospital.account()
    for query in ("dat=2026-01-01", "date=2026-01-01&date=2026-01-02", "date=yesterday", "recorded=2026-01-01"):
        answer = await hospital.http.get(f"Account/{account['id']}/$balance?{query}")
        assert answer.status_code == 400, query


async def test_a_moment_at_the_ends_of_the_calendar_is_refused(hospital: Hospital) -> None:
    account = await hospital.account()
    for moment in ("0001-01-01T00:00:00%2B14:00", "9999-12-31T23:59:60-12:00"):
        answer = await hospital.http.get(f"Account/{account['id']}/$balance?recorded={moment}")
        assert (answer.status_code, codes_of(body(answer))) == (422, ["date-out-of-range"])


async def test_a_body_of_another_type_is_refused(hospital: Hospital) -> None:
    _, invoice = await hospital.issued(100)
    answer = await hospital.http.post(f"Invoice/{invoice['id']}/$cancel", json={"resourceType": "Account"})
    assert answer.status_code == 400


async def test_a_payment_needs_all_that_it_does(server: Server, hospital: Hospital) -> None:
    account, invoice = await hospital.issued(100)
    enough = "system/Invoice.u system/PaymentReconciliation.c system/PaymentNotice.c billing:payment:post"
    sent = {"resourceType": "Parameters", "parameter": [money("amount", 1), code("method", "cash")]}
    for missing in enough.split():
        token = server.token(hospital.tenant_id, enough.replace(missing, ""))
        async with server.client(token, **{"idempotency-key": "k"}) as http:
            answer = await http.post(f"Invoice/{invoice['id']}/$post-payment", json=sent)
            assert answer.status_code == 403, missing
            assert codes_of(body(answer)) == ["insufficient-scope"]
    async with server.client(server.token(hospital.tenant_id, enough), **{"idempotency-key": "k"}) as http:
        assert (await http.post(f"Invoice/{invoice['id']}/$post-payment", json=sent)).status_code == 200
        assert (await http.post(f"Account/{account['id']}/$post-payment", json=sent)).status_code == 403
