"""$allocate and $deallocate on payments, over HTTP."""

from __future__ import annotations

import pytest

from tests.integration.serving import Hospital, Json, body, code, codes_of, expressions_of, money, row_counts


def allocation(invoice: Json | str, amount: int | None) -> Json:
    literal = invoice if isinstance(invoice, str) else f"Invoice/{invoice['id']}"
    parts = [{"name": "invoice", "valueReference": {"reference": literal}}]
    if amount is not None:
        parts.append(money("amount", amount))
    return {"name": "allocation", "part": parts}


async def deposit(hospital: Hospital, account: Json, amount: int = 100) -> Json:
    answer = await hospital.operate(
        f"Account/{account['id']}/$post-payment", money("amount", amount), code("method", "cash")
    )
    payment: Json = body(answer)["parameter"][0]["resource"]
    return payment


async def with_money_and_debt(hospital: Hospital) -> tuple[Json, Json]:
    """(a payment of which all is unapplied, an invoice of the same account)"""
    account = await hospital.account()
    payment = await deposit(hospital, account)
    draft = await hospital.draft(account, await hospital.charge(account, 100))
    return payment, body(await hospital.operate(f"Invoice/{draft['id']}/$issue"))


async def test_allocating_and_deallocating_answer_the_payment_bare(hospital: Hospital) -> None:
    payment, invoice = await with_money_and_debt(hospital)
    url = f"PaymentReconciliation/{payment['id']}"
    answer = await hospital.operate(f"{url}/$allocate", allocation(invoice, 60))
    assert (answer.status_code, answer.headers["etag"]) == (200, 'W/"2"')
    assert body(answer) == await hospital.read(url)
    answer = await hospital.operate(f"{url}/$deallocate", allocation(invoice, 10))
    assert body(answer)["meta"]["versionId"] == "3"
    answer = await hospital.operate(f"{url}/$deallocate", allocation(invoice, None))
    assert [each["type"]["coding"][0]["code"] for each in body(answer)["detail"]] == ["advance"]
    assert (await hospital.read(f"Invoice/{invoice['id']}"))["status"] == "issued"


async def test_a_replayed_allocation_happens_once(hospital: Hospital) -> None:
    payment, invoice = await with_money_and_debt(hospital)
    url = f"PaymentReconciliation/{payment['id']}/$allocate"
    first, again = [await hospital.operate(url, allocation(invoice, 60), key="the same") for _ in range(2)]
    assert (first.content, again.headers["idempotency-replayed"]) == (again.content, "true")


@pytest.mark.parametrize(
    ("parameters", "status", "said", "place"),
    [
        ([], 400, "parameter-missing", "Parameters.parameter"),
        ([{"name": "allocation", "valueString": "all"}], 400, "parameter-type", "Parameters.parameter[0].value"),
        (
            [{"name": "allocation", "part": [money("amount", 1)]}],
            400,
            "parameter-missing",
            "Parameters.parameter[0].part",
        ),
        (
            [allocation("Invoice/nothing", 1)],
            422,
            "reference-not-found",
            "Parameters.parameter.where(name='allocation')[0]",
        ),
        ([allocation("Claim/1", 1)], 400, "parameter-reference", "Parameters.parameter.where(name='allocation')[0]"),
        (
            [{"name": "allocation", "part": [*allocation("Invoice/1", 1)["part"], code("method", "cash")]}],
            400,
            "parameter-unknown",
            "Parameters.parameter[0].part[2].name",
        ),
    ],
)
async def test_what_cannot_be_read_names_its_place_and_writes_nothing(
    hospital: Hospital, parameters: list[Json], status: int, said: str, place: str
) -> None:
    payment, _ = await with_money_and_debt(hospital)
    before = row_counts(hospital.server.access)
    answer = await hospital.operate(f"PaymentReconciliation/{payment['id']}/$allocate", *parameters)
    assert (answer.status_code, codes_of(body(answer)), expressions_of(body(answer))) == (status, [said], [place])
    assert row_counts(hospital.server.access) == before


async def test_a_payment_that_is_not_there_is_404(hospital: Hospital) -> None:
    _, invoice = await with_money_and_debt(hospital)
    for operation in ("$allocate", "$deallocate"):
        answer = await hospital.operate(f"PaymentReconciliation/nothing/{operation}", allocation(invoice, 1))
        assert answer.status_code == 404


async def test_allocating_in_a_transaction(hospital: Hospital) -> None:
    payment, invoice = await with_money_and_debt(hospital)
    parameters = {"resourceType": "Parameters", "parameter": [allocation(invoice, 100)]}
    entry = {
        "resource": parameters,
        "request": {"method": "POST", "url": f"PaymentReconciliation/{payment['id']}/$allocate"},
    }
    answer = await hospital.http.post("", json={"resourceType": "Bundle", "type": "transaction", "entry": [entry]})
    assert answer.status_code == 200, answer.text
    assert (await hospital.read(f"Invoice/{invoice['id']}"))["status"] == "balanced"
