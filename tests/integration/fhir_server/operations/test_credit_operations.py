"""$credit of an invoice and of a charge over HTTP: parameters, scopes, replay and refusals."""

from __future__ import annotations

from mappers.r4.json_text import decode
from mappers.r4.validate import validate
from tests.integration.serving import Hospital, Json, body, codes_of, expressions_of

REASON: Json = {"name": "reason", "valueString": "billed twice"}


def line(sequence: int, amount: str | None = None, currency: str = "AFN") -> Json:
    parts: list[Json] = [{"name": "sequence", "valuePositiveInt": sequence}]
    if amount is not None:
        parts.append({"name": "amount", "valueMoney": {"value": float(amount), "currency": currency}})
    return {"name": "line", "part": parts}


async def test_crediting_answers_the_credit_note_bare(hospital: Hospital) -> None:
    _, invoice = await hospital.issued(100)
    answer = await hospital.operate(f"Invoice/{invoice['id']}/$credit", REASON, line(1, "30"))
    assert answer.status_code == 200, answer.text
    assert validate(decode(answer.content)) == []
    note = body(answer)
    assert (note["resourceType"], note["status"], note["totalGross"]["value"]) == ("Invoice", "balanced", -30)
    assert note == await hospital.read(f"Invoice/{note['id']}")
    again = await hospital.operate(f"Invoice/{invoice['id']}/$credit", REASON, {"name": "rebill", "valueBoolean": True})
    assert codes_of(body(again)) == ["rebill-of-part"]


async def test_a_charge_is_credited_by_its_note_or_aborted(hospital: Hospital) -> None:
    account = await hospital.account()
    charge = await hospital.charge(account)
    other = await hospital.charge(account)
    draft = await hospital.draft(account, charge)
    await hospital.operate(f"Invoice/{draft['id']}/$issue")
    note = body(await hospital.operate(f"ChargeItem/{charge['id']}/$credit", REASON))
    assert note["resourceType"] == "Invoice"
    aborted = body(await hospital.operate(f"ChargeItem/{other['id']}/$credit", REASON))
    assert (aborted["resourceType"], aborted["status"]) == ("ChargeItem", "aborted")


async def test_what_is_wrong_is_named_with_its_place(hospital: Hospital) -> None:
    _, invoice = await hospital.issued(100)
    where = f"Invoice/{invoice['id']}/$credit"
    missing = await hospital.operate(where, {"name": "line", "part": [{"name": "amount"}]})
    assert missing.status_code == 400
    unknown = {"name": "line", "part": [{"name": "number", "valueInteger": 1}]}
    refused = await hospital.operate(where, REASON, unknown)
    assert refused.status_code == 400
    assert codes_of(body(refused)) == ["parameter-unknown", "parameter-missing"]
    assert expressions_of(body(refused)) == ["Parameters.parameter[1].part[0].name", "Parameters.parameter[1].part"]
    exceeding = await hospital.operate(where, REASON, line(1, "100.01"))
    assert (exceeding.status_code, codes_of(body(exceeding))) == (422, ["credit-exceeds-line"])
    assert expressions_of(body(exceeding)) == ["Parameters.parameter.where(name='line')[0]"]
    assert (await hospital.operate("Invoice/nothing/$credit", REASON)).status_code == 404
    assert (await hospital.operate("ChargeItem/nothing/$credit", REASON)).status_code == 404


async def test_a_credit_that_comes_again_with_its_key_is_answered_and_not_made_again(hospital: Hospital) -> None:
    _, invoice = await hospital.issued(100)
    content = {"resourceType": "Parameters", "parameter": [REASON, line(1, "30")]}
    headers = {"idempotency-key": "credit-1"}
    first = await hospital.http.post(f"Invoice/{invoice['id']}/$credit", json=content, headers=headers)
    again = await hospital.http.post(f"Invoice/{invoice['id']}/$credit", json=content, headers=headers)
    assert (again.content, again.headers["idempotency-replayed"]) == (first.content, "true")
    found = body(await hospital.http.get("Invoice", params={"type": "credit-note"}))
    assert len(found["entry"]) == 1
