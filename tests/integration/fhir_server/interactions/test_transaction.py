"""Transactions: all or nothing. https://hl7.org/fhir/R4/http.html#transaction"""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
from uuid import UUID

import pytest

from mappers.r4.json_text import decode
from mappers.r4.validate import validate
from tests.integration.serving import (
    PATIENT,
    Hospital,
    Json,
    Server,
    body,
    charge_item,
    code,
    codes_of,
    draft_invoice,
    expressions_of,
    hospital_of,
    money,
    row_counts,
)


def temporary(number: int) -> str:
    return f"urn:uuid:00000000-0000-4000-8000-{number:012d}"


ACCOUNT, CHARGE, INVOICE = temporary(1), temporary(2), temporary(3)


def entry(method: str, url: str, resource: Json | None = None, full_url: str | None = None, **request: str) -> Json:
    made: Json = {"request": {"method": method, "url": url, **request}}
    if resource is not None:
        made["resource"] = resource
    if full_url is not None:
        made["fullUrl"] = full_url
    return made


def account(**changed: object) -> Json:
    return {"resourceType": "Account", "status": "active", "subject": [PATIENT], **changed}


def bundle(*entries: Json, type_: str = "transaction") -> Json:
    return {"resourceType": "Bundle", "type": type_, "entry": list(entries)}


def visit() -> list[Json]:
    """An account, a charge on it and a draft of it, in the worst order: each refers to what comes behind."""
    draft = draft_invoice(ACCOUNT)
    draft["lineItem"] = [{"chargeItemReference": {"reference": CHARGE}}]
    return [
        entry("POST", "Invoice", draft, INVOICE),
        entry("POST", "ChargeItem", charge_item(ACCOUNT), CHARGE),
        entry("POST", "Account", account(), ACCOUNT),
    ]


async def send(hospital: Hospital, *entries: Json, **headers: str) -> Json:
    answer = await hospital.http.post("", json=bundle(*entries), headers=headers)
    assert answer.status_code == 200, answer.text
    return body(answer)


async def refused(hospital: Hospital, *entries: Json, status: int, **headers: str) -> Json:
    """The outcome of a transaction that is refused and leaves everything as it was."""
    before = row_counts(hospital.server.access)
    answer = await hospital.http.post("", json=bundle(*entries), headers=headers)
    assert answer.status_code == status, answer.text
    assert row_counts(hospital.server.access) == before
    outcome = body(answer)
    assert outcome["resourceType"] == "OperationOutcome"
    return outcome


async def test_a_whole_visit_is_made_at_once_whatever_the_order_of_its_entries(hospital: Hospital) -> None:
    answer = await hospital.http.post("", json=bundle(*visit()))
    assert answer.status_code == 200, answer.text
    assert validate(decode(answer.content)) == []
    response = body(answer)
    assert response["type"] == "transaction-response"
    invoice, charge, opened = (item["resource"] for item in response["entry"])
    assert invoice["account"]["reference"] == f"Account/{opened['id']}"
    assert invoice["lineItem"][0]["chargeItemReference"]["reference"] == f"ChargeItem/{charge['id']}"
    assert charge["account"][0]["reference"] == f"Account/{opened['id']}"
    for item in response["entry"]:
        resource = item["resource"]
        assert item["response"]["status"] == "201 Created"
        assert item["response"]["location"] == f"{resource['resourceType']}/{resource['id']}/_history/1"
        assert item["response"]["etag"] == 'W/"1"'
        assert item["response"]["lastModified"] == resource["meta"]["lastUpdated"]
        assert await hospital.read(f"{resource['resourceType']}/{resource['id']}") == resource


async def test_what_a_bundle_makes_is_issued_and_paid_in_order_and_read_at_the_end(hospital: Hospital) -> None:
    response = await send(
        hospital,
        entry("GET", f"Invoice/{INVOICE}"),
        *visit(),
        entry("POST", f"Invoice/{INVOICE}/$issue"),
        entry(
            "POST",
            f"Invoice/{INVOICE}/$post-payment",
            {"resourceType": "Parameters", "parameter": [money("amount", 100), code("method", "cash")]},
        ),
        **{"idempotency-key": secrets.token_hex(8)},
    )
    read, *_, issued, paid = response["entry"]
    assert issued["resource"]["status"] == "issued"
    assert paid["resource"]["resourceType"] == "Parameters"
    assert read["resource"]["status"] == "balanced"
    assert read["resource"] == await hospital.read(f"Invoice/{read['resource']['id']}")


async def test_an_invoice_may_be_posted_as_issued(hospital: Hospital) -> None:
    entries = visit()
    entries[0]["resource"]["status"] = "issued"
    response = await send(hospital, *entries)
    assert response["entry"][0]["resource"]["status"] == "issued"


async def test_one_entry_that_is_not_valid_refuses_all_and_is_named(hospital: Hospital) -> None:
    entries = visit()
    entries[1]["resource"]["status"] = "foo"
    entries[2]["resource"]["unknown"] = 1
    outcome = await refused(hospital, *entries, status=400)
    assert set(expressions_of(outcome)) == {"Bundle.entry[1].resource.status", "Bundle.entry[2].resource.unknown"}


async def test_one_entry_that_breaks_a_rule_refuses_all_and_is_named(hospital: Hospital) -> None:
    entries = [*visit(), entry("POST", "ChargeItem", charge_item("Account/nothing"))]
    outcome = await refused(hospital, *entries, status=422)
    assert expressions_of(outcome) == ["Bundle.entry[3].resource.account[0].reference"]


async def test_one_operation_that_fails_refuses_all(hospital: Hospital) -> None:
    twice = entry("POST", f"Invoice/{INVOICE}/$issue")
    outcome = await refused(hospital, *visit(), twice, twice, status=409)
    assert expressions_of(outcome)[0].startswith("Bundle.entry[4]")


async def test_a_read_of_what_is_not_there_refuses_all(hospital: Hospital) -> None:
    await refused(hospital, *visit(), entry("GET", "Account/nothing"), status=404)


async def test_deletions_come_first_and_updates_behind_creations(hospital: Hospital) -> None:
    old = await hospital.account()
    response = await send(
        hospital,
        entry("PUT", "Account/chosen", account(id="chosen", name="chosen")),
        entry("POST", "ChargeItem", charge_item("Account/chosen")),
        entry("DELETE", f"Account/{old['id']}"),
        entry("GET", "Account/chosen"),
    )
    statuses = [item["response"]["status"] for item in response["entry"]]
    assert statuses == ["201 Created", "201 Created", "204 No Content", "200 OK"]
    assert response["entry"][3]["resource"]["name"] == "chosen"
    assert (await hospital.http.get(f"Account/{old['id']}")).status_code == 410


async def test_an_identifier_s_value_is_no_reference(hospital: Hospital) -> None:
    identifier = {"system": "urn:ietf:rfc:3986", "value": ACCOUNT}
    response = await send(hospital, entry("POST", "Account", account(identifier=[identifier]), ACCOUNT))
    made = response["entry"][0]["resource"]
    assert made["identifier"] == [identifier]
    assert str(UUID(made["id"])) != ACCOUNT.removeprefix("urn:uuid:")


async def test_two_entries_do_not_write_the_same_resource(hospital: Hospital) -> None:
    put = entry("PUT", "Account/a", account(id="a"))
    outcome = await refused(hospital, put, put, status=400)
    assert codes_of(outcome) == ["entry-repeated"]
    outcome = await refused(hospital, put, entry("DELETE", "Account/a"), status=400)
    assert expressions_of(outcome) == ["Bundle.entry[1].request.url"]


async def test_if_match_holds_in_entries(hospital: Hospital) -> None:
    made = await hospital.account()
    put = entry("PUT", f"Account/{made['id']}", made | {"name": "x"}, ifMatch='W/"7"')
    outcome = await refused(hospital, *visit(), put, status=412)
    assert expressions_of(outcome)[0].startswith("Bundle.entry[3]")
    response = await send(hospital, put | {"request": put["request"] | {"ifMatch": 'W/"1"'}})
    assert response["entry"][0]["response"]["etag"] == 'W/"2"'


async def test_if_none_exist_gives_what_is_there_to_those_who_refer_to_it(hospital: Hospital) -> None:
    identifier = [{"system": "http://his", "value": "a-1"}]
    there = await hospital.account(identifier=identifier)
    entries = visit()
    entries[2]["request"]["ifNoneExist"] = "identifier=http://his|a-1"
    entries[2]["resource"]["identifier"] = identifier
    response = await send(hospital, *entries)
    invoice, charge, existing = response["entry"]
    assert existing["response"]["status"] == "200 OK"
    assert existing["resource"] == there
    assert charge["resource"]["account"][0]["reference"] == f"Account/{there['id']}"
    assert invoice["resource"]["account"]["reference"] == f"Account/{there['id']}"


async def test_if_none_exist_creates_where_nothing_matches_once_under_contention(hospital: Hospital) -> None:
    entries = visit()
    entries[2]["request"]["ifNoneExist"] = "identifier=http://his|b-1"
    entries[2]["resource"]["identifier"] = [{"system": "http://his", "value": "b-1"}]
    responses = await asyncio.gather(*(send(hospital, *entries) for _ in range(12)))
    accounts = [response["entry"][2] for response in responses]
    assert len({item["resource"]["id"] for item in accounts}) == 1
    assert sorted(item["response"]["status"] for item in accounts) == ["200 OK"] * 11 + ["201 Created"]


async def test_two_entries_do_not_create_on_the_same_condition(hospital: Hospital) -> None:
    conditional = entry("POST", "Account", account(), ifNoneExist="identifier=http://his|c-1")
    outcome = await refused(hospital, conditional, conditional, status=400)
    assert codes_of(outcome) == ["entry-repeated"]


async def test_a_conditional_reference_becomes_what_it_matches(hospital: Hospital) -> None:
    there = await hospital.account(identifier=[{"system": "http://his", "value": "d-1"}])
    response = await send(hospital, entry("POST", "ChargeItem", charge_item("Account?identifier=http://his|d-1")))
    assert response["entry"][0]["resource"]["account"][0]["reference"] == f"Account/{there['id']}"


@pytest.mark.parametrize(
    ("reference", "status", "code_"),
    [
        ("Account?identifier=http://his|none", 412, "conditional-reference"),
        ("Account?identifier=http://his|two", 412, "conditional-reference"),
        ("Account?unknown=1", 400, None),
    ],
)
async def test_a_conditional_reference_that_matches_not_one_refuses_all(
    hospital: Hospital, reference: str, status: int, code_: str | None
) -> None:
    for _ in range(2):
        await hospital.account(identifier=[{"system": "http://his", "value": "two"}])
    outcome = await refused(hospital, entry("POST", "ChargeItem", charge_item(reference)), status=status)
    if code_ is not None:
        assert codes_of(outcome) == [code_]
        assert expressions_of(outcome) == ["Bundle.entry[0].resource.account[0].reference"]


async def test_what_is_not_kept_here_cannot_be_referred_to_by_a_search(hospital: Hospital) -> None:
    charge = charge_item(ACCOUNT, subject={"reference": "Patient?identifier=http://his|1"})
    outcome = await refused(
        hospital, entry("POST", "Account", account(), ACCOUNT), entry("POST", "ChargeItem", charge), status=400
    )
    assert codes_of(outcome) == ["conditional-reference-type"]
    assert expressions_of(outcome) == ["Bundle.entry[1].resource.subject.reference"]


async def test_relative_references_follow_the_base_of_their_entry(hospital: Hospital) -> None:
    his = "https://his.example.org/fhir"
    response = await send(
        hospital,
        entry("POST", "ChargeItem", charge_item("Account/7"), f"{his}/ChargeItem/8"),
        entry("POST", "Account", account(), f"{his}/Account/7"),
    )
    charge, made = (item["resource"] for item in response["entry"])
    assert charge["account"][0]["reference"] == f"Account/{made['id']}"


@pytest.mark.parametrize(
    "wrong",
    [
        {"resource": {"resourceType": "Account", "status": "active"}},
        entry("POST", "Account"),
        entry("PATCH", "Account/1", account()),
        entry("POST", "Account/1", account()),
        entry("POST", "Patient", {"resourceType": "Patient"}),
        entry("GET", "https://other.example.org/fhir/Account/1"),
        entry("GET", "/Account/1"),
        entry("PUT", "Account", account()),
        entry("POST", "", {"resourceType": "Bundle", "type": "batch"}),
        entry("PUT", "Account/a", account()),
        entry("PUT", "Account/a", account(id="b")),
        entry("POST", "Account", charge_item("Account/1")),
        entry("GET", "Account/1", ifMatch="1"),
        entry("GET", "Account?unknown=1"),
        entry("FETCH", "Account/1"),
    ],
)
async def test_an_entry_that_asks_for_nothing_possible_is_refused_with_its_place(
    hospital: Hospital, wrong: Json
) -> None:
    outcome = await refused(hospital, entry("POST", "Account", account()), wrong, status=400)
    assert all(place.startswith("Bundle.entry[1]") for place in expressions_of(outcome))
    assert expressions_of(outcome)


async def test_a_payment_in_a_bundle_needs_the_bundle_s_key(hospital: Hospital) -> None:
    _, invoice = await hospital.issued()
    pay = entry(
        "POST",
        f"Invoice/{invoice['id']}/$post-payment",
        {"resourceType": "Parameters", "parameter": [money("amount", 10), code("method", "cash")]},
    )
    outcome = await refused(hospital, pay, status=400)
    assert codes_of(outcome) == ["idempotency-key-required"]
    await send(hospital, pay, **{"idempotency-key": "a" * 255})


async def test_a_transaction_that_is_repeated_with_its_key_happens_once(hospital: Hospital) -> None:
    key = {"idempotency-key": secrets.token_hex(8)}
    first = await hospital.http.post("", json=bundle(*visit()), headers=key)
    counts = row_counts(hospital.server.access)
    second = await hospital.http.post("", json=bundle(*visit()), headers=key)
    assert second.content == first.content
    assert second.headers["idempotency-replayed"] == "true"
    assert row_counts(hospital.server.access) == counts
    other = await hospital.http.post("", json=bundle(*visit()[2:]), headers=key)
    assert (other.status_code, codes_of(body(other))) == (409, ["IDEMPOTENCY_CONFLICT"])


async def test_prefer_says_what_the_entries_of_the_response_hold(hospital: Hospital) -> None:
    minimal = await send(hospital, *visit(), prefer="return=minimal")
    assert all("resource" not in item for item in minimal["entry"])
    outcomes = await send(hospital, *visit(), prefer="return=OperationOutcome")
    assert all(item["response"]["outcome"]["resourceType"] == "OperationOutcome" for item in outcomes["entry"])


async def test_a_bundle_of_500_entries_is_carried_out_and_one_of_501_is_not(hospital: Hospital) -> None:
    opened = await hospital.account()
    charges = [entry("POST", "ChargeItem", charge_item(f"Account/{opened['id']}", 2)) for _ in range(501)]
    outcome = await refused(hospital, *charges, status=413)
    assert codes_of(outcome) == ["bundle-too-large"]
    response = await send(hospital, *charges[:500], prefer="return=minimal")
    assert len(response["entry"]) == 500
    balance = await hospital.read(f"Account/{opened['id']}/$balance")
    assert balance["parameter"][1]["valueMoney"]["value"] == 1000


async def test_an_empty_transaction_does_nothing(hospital: Hospital) -> None:
    answer = await hospital.http.post("", json={"resourceType": "Bundle", "type": "transaction"})
    assert (answer.status_code, body(answer)) == (200, {"resourceType": "Bundle", "type": "transaction-response"})


@pytest.mark.parametrize("type_", ["collection", "history", "searchset", "nonsense"])
async def test_other_bundles_are_not_taken(hospital: Hospital, type_: str) -> None:
    answer = await hospital.http.post("", json={"resourceType": "Bundle", "type": type_})
    assert answer.status_code == 400


async def test_what_a_token_does_not_allow_refuses_all(server: Server, hospital: Hospital) -> None:
    async with server.client(server.token(hospital.tenant_id, "system/Account.c system/ChargeItem.c")) as http:
        answer = await http.post("", json=bundle(*visit()))
        assert answer.status_code == 403
        assert expressions_of(body(answer)) == ["Bundle.entry[0]"]
        assert (await http.post("", json=bundle(*visit()[1:]))).status_code == 200


async def test_transactions_on_the_same_accounts_in_opposite_orders_all_succeed(hospital: Hospital) -> None:
    first, second = [await hospital.account() for _ in range(2)]

    def charges(*accounts: Json) -> list[Json]:
        return [entry("POST", "ChargeItem", charge_item(f"Account/{one['id']}", 1)) for one in accounts]

    await asyncio.gather(
        *(send(hospital, *(charges(first, second) if number % 2 else charges(second, first))) for number in range(20))
    )
    for one in (first, second):
        balance = await hospital.read(f"Account/{one['id']}/$balance")
        assert balance["parameter"][1]["valueMoney"]["value"] == 20


async def test_what_a_business_key_finds_is_what_the_other_entries_speak_of(server: Server) -> None:
    system = "http://his.example.org/orders"
    async with hospital_of(server, settings={"business_keys.ChargeItem": system}) as hospital:
        opened = await hospital.account()
        charge = charge_item(f"Account/{opened['id']}", identifier=[{"system": system, "value": "o-1"}])
        there = await hospital.create(charge)
        draft = draft_invoice(f"Account/{opened['id']}")
        draft["lineItem"] = [{"chargeItemReference": {"reference": CHARGE}}]
        response = await send(
            hospital,
            entry("POST", "Invoice", draft, INVOICE),
            entry("POST", "ChargeItem", charge, CHARGE),
            entry("POST", f"Invoice/{INVOICE}/$issue"),
            entry("GET", f"ChargeItem/{CHARGE}"),
        )
    drafted, existing, _, read = response["entry"]
    assert existing["response"]["status"] == "200 OK"
    assert existing["resource"] == there
    assert drafted["resource"]["lineItem"][0]["chargeItemReference"]["reference"] == f"ChargeItem/{there['id']}"
    assert (read["resource"]["id"], read["resource"]["status"]) == (there["id"], "billed")


async def test_an_operation_on_what_if_none_exist_finds_is_on_what_is_there(hospital: Hospital) -> None:
    there = await hospital.account(identifier=[{"system": "http://his", "value": "e-1"}])
    response = await send(
        hospital,
        entry("POST", "Account", account(), ACCOUNT, ifNoneExist="identifier=http://his|e-1"),
        entry(
            "POST",
            f"Account/{ACCOUNT}/$post-payment",
            {"resourceType": "Parameters", "parameter": [money("amount", 70), code("method", "cash")]},
        ),
        entry("GET", f"Account/{ACCOUNT}"),
        **{"idempotency-key": secrets.token_hex(8)},
    )
    assert response["entry"][2]["resource"]["id"] == there["id"]
    balance = await hospital.read(f"Account/{there['id']}/$balance")
    assert balance["parameter"][4]["valueMoney"]["value"] == 70


KEYS = "http://his.example.org/keys"
KEYED = {f"business_keys.{each}": KEYS for each in ("Account", "ChargeItem", "Invoice")}


def keyed(value: str) -> Json:
    return {"identifier": [{"system": KEYS, "value": value}]}


def keyed_visit() -> list[Json]:
    draft = draft_invoice(ACCOUNT, **keyed("i-1"))
    draft["lineItem"] = [{"chargeItemReference": {"reference": CHARGE}}]
    return [
        entry("POST", "Invoice", draft, INVOICE),
        entry("POST", "ChargeItem", charge_item(ACCOUNT, **keyed("c-1")), CHARGE),
        entry("POST", "Account", account(**keyed("a-1")), ACCOUNT),
    ]


def ids_of(response: Json) -> list[str]:
    return [each["resource"]["id"] for each in response["entry"]]


async def test_a_transaction_of_business_keys_that_is_sent_again_finds_what_it_made(server: Server) -> None:
    async with hospital_of(server, settings=KEYED) as hospital:
        first = await send(hospital, *keyed_visit())
        before = row_counts(server.access)
        again = await asyncio.gather(*(send(hospital, *keyed_visit()) for _ in range(4)))
        assert row_counts(server.access) == before
    for response in again:
        assert ids_of(response) == ids_of(first)
        assert {each["response"]["status"] for each in response["entry"]} == {"200 OK"}


async def test_the_same_transaction_many_times_at_once_makes_everything_once(server: Server) -> None:
    async with hospital_of(server, settings=KEYED) as hospital:
        responses = await asyncio.gather(*(send(hospital, *keyed_visit()) for _ in range(8)))
    assert len({tuple(ids_of(response)) for response in responses}) == 1


async def test_whatever_speaks_of_what_is_there_by_a_business_key_speaks_of_that(server: Server) -> None:
    async with hospital_of(server, settings=KEYED) as hospital:
        _, charge_id, account_id = ids_of(await send(hospital, *keyed_visit()))
        other = charge_item(
            ACCOUNT,
            partOf=[{"reference": CHARGE}],
            supportingInformation=[{"reference": ACCOUNT}],
            extension=[{"url": "http://example.org/x", "valueReference": {"reference": CHARGE}}],
            text={
                "status": "generated",
                "div": f'<div xmlns="http://www.w3.org/1999/xhtml"><a href="{CHARGE}">it</a></div>',
            },
        )
        label = {"name": "meta", "valueMeta": {"tag": [{"code": "again"}]}}
        response = await send(
            hospital,
            entry("POST", "ChargeItem", other, temporary(9)),
            *keyed_visit(),
            entry("POST", f"Account/{ACCOUNT}/$meta-add", {"resourceType": "Parameters", "parameter": [label]}),
            entry("GET", f"Account/{ACCOUNT}"),
            entry("GET", f"ChargeItem?account={ACCOUNT}&_sort=_lastUpdated"),
        )
    made, _, _, _, _, read, found = (each["resource"] for each in response["entry"])
    there = f"ChargeItem/{charge_id}"
    assert made["account"] == made["supportingInformation"] == [{"reference": f"Account/{account_id}"}]
    assert made["partOf"] == [made["extension"][0]["valueReference"]] == [{"reference": there}]
    assert f'href="{there}"' in made["text"]["div"]
    assert (read["id"], read["meta"]["tag"]) == (account_id, [{"code": "again"}])
    assert [each["resource"]["id"] for each in found["entry"]] == [charge_id, made["id"]]


async def test_entries_may_refer_to_one_another_and_to_themselves(server: Server) -> None:
    def ring() -> list[Json]:
        one = account(partOf={"reference": temporary(7)}, **keyed("r-1"))
        other = account(partOf={"reference": ACCOUNT}, guarantor=[{"party": PATIENT}], **keyed("r-2"))
        itself = account(partOf={"reference": temporary(8)})
        return [
            entry("POST", "Account", one, ACCOUNT),
            entry("POST", "Account", other, temporary(7)),
            entry("POST", "Account", itself, temporary(8)),
        ]

    async with hospital_of(server, settings=KEYED) as hospital:
        first, again = await send(hospital, *ring()), await send(hospital, *ring())
    one, other, itself = ids_of(first)
    assert ids_of(again)[:2] == [one, other]
    for response in (first, again):
        part_of = [each["resource"]["partOf"]["reference"] for each in response["entry"]]
        assert part_of == [f"Account/{other}", f"Account/{one}", f"Account/{ids_of(response)[2]}"]
    assert ids_of(again)[2] != itself


async def test_many_accounts_are_opened_and_changed_in_one_transaction(hospital: Hospital) -> None:
    opened = await send(hospital, *(entry("POST", "Account", account(name=f"n{at}")) for at in range(60)))
    ids = ids_of(opened)
    changed = [entry("PUT", f"Account/{id_}", account(id=id_, name="new")) for id_ in ids]
    removed = [entry("DELETE", f"Account/{id_}") for id_ in ids[:20]]
    assert [each["resource"]["name"] for each in (await send(hospital, *changed))["entry"]] == ["new"] * 60
    assert {each["response"]["status"] for each in (await send(hospital, *removed))["entry"]} == {"204 No Content"}


async def test_a_transaction_has_five_hundred_entries(hospital: Hospital) -> None:
    charges = [temporary(100 + at) for at in range(498)]
    draft = draft_invoice(ACCOUNT, status="issued")
    draft["lineItem"] = [{"chargeItemReference": {"reference": each}} for each in charges]
    response = await send(
        hospital,
        entry("POST", "Invoice", draft, INVOICE),
        *(entry("POST", "ChargeItem", charge_item(ACCOUNT), each) for each in charges),
        entry("POST", "Account", account(), ACCOUNT),
    )
    issued = response["entry"][0]["resource"]
    assert (issued["status"], len(issued["lineItem"])) == ("issued", 498)
    assert issued["totalGross"] == {"value": 49800, "currency": "AFN"}


async def test_the_definitions_can_be_asked_for_in_a_transaction(hospital: Hospital) -> None:
    answer = await send(hospital, entry("POST", "Account", account()), entry("GET", "metadata"))
    assert answer["entry"][1]["resource"]["resourceType"] == "CapabilityStatement"


async def test_a_transaction_that_begins_again_says_what_was_sent(hospital: Hospital) -> None:
    """The account of the last charge is only found, and so not locked, once the others are carried out."""
    patient = {"reference": "Patient/of-one-account"}
    elsewhere = await hospital.account(subject=[patient])
    known = await hospital.account(identifier=[{"system": "urn:his", "value": "known"}])
    by_identifier = charge_item("Account?identifier=urn:his|known")
    without = charge_item("none", subject=patient)
    del without["account"]
    operations = [{"op": "add", "path": "/description", "value": "once"}]
    data = base64.b64encode(json.dumps(operations).encode()).decode()
    patched = {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": data}
    entries = [
        entry("POST", "Account", account(), ACCOUNT),
        entry("POST", "ChargeItem", charge_item(ACCOUNT), CHARGE),
        entry("POST", "ChargeItem", by_identifier),
        entry("PATCH", f"Account/{known['id']}", patched),
        entry("POST", "ChargeItem", without),
    ]
    opened, on_new, on_known, changed, found = (item["resource"] for item in (await send(hospital, *entries))["entry"])
    assert [charge["account"][0]["reference"] for charge in (on_new, on_known, found)] == [
        f"Account/{opened['id']}",
        f"Account/{known['id']}",
        f"Account/{elsewhere['id']}",
    ]
    assert changed["description"] == "once"
    assert changed["meta"]["versionId"] == "2"


async def test_a_temporary_id_that_no_entry_has_is_refused(hospital: Hospital) -> None:
    lost = account(owner={"reference": temporary(9)})
    outcome = await refused(hospital, entry("POST", "Account", lost, ACCOUNT), status=422)
    assert codes_of(outcome) == ["reference-not-found"]
    assert expressions_of(outcome) == ["Bundle.entry[0].resource.owner.reference"]


async def test_what_a_transaction_patches_can_be_referred_to_by_its_full_url(hospital: Hospital) -> None:
    there = await hospital.account()
    operation = [{"name": "type", "valueCode": "add"}, {"name": "path", "valueString": "Account"}]
    patch = {
        "resourceType": "Parameters",
        "parameter": [
            {
                "name": "operation",
                "part": [*operation, {"name": "name", "valueString": "name"}, {"name": "value", "valueString": "x"}],
            }
        ],
    }
    answer = await send(
        hospital,
        entry("PATCH", f"Account/{there['id']}", patch, ACCOUNT),
        entry("POST", "ChargeItem", charge_item(ACCOUNT), CHARGE),
    )
    assert answer["entry"][1]["resource"]["account"] == [{"reference": f"Account/{there['id']}"}]


async def test_a_full_url_that_contradicts_the_resource_is_refused(hospital: Hospital) -> None:
    outcome = await refused(
        hospital, entry("PUT", "Account/a", account(id="a"), "http://his.example.org/Account/b"), status=400
    )
    assert (codes_of(outcome), expressions_of(outcome)) == (["full-url-differs"], ["Bundle.entry[0].fullUrl"])


def invoice_on(literal: str) -> Json:
    return {"resourceType": "Invoice", "status": "draft", "account": {"reference": literal}}


async def test_a_reference_to_a_version_is_to_one_that_is_there(hospital: Hospital) -> None:
    there = await hospital.account()
    versions = {number: f"Account/{there['id']}/_history/{number}" for number in ("1", "2", "01", "x")}
    await hospital.create(invoice_on(versions["1"]))
    for missing in ("2", "01", "x"):
        outcome = await refused(hospital, entry("POST", "Invoice", invoice_on(versions[missing])), status=422)
        assert codes_of(outcome) == ["reference-not-found"]
        assert expressions_of(outcome) == ["Bundle.entry[0].resource.account.reference"]


async def test_a_reference_to_a_version_that_is_the_deletion_leads_nowhere(hospital: Hospital) -> None:
    there = await hospital.account()
    await hospital.http.delete(f"Account/{there['id']}")
    await hospital.http.put(f"Account/{there['id']}", json=account(id=there["id"]))
    for version, status in (("1", 201), ("2", 422), ("3", 201)):
        literal = f"Account/{there['id']}/_history/{version}"
        answer = await hospital.http.post("Invoice", json=invoice_on(literal))
        assert answer.status_code == status, answer.text
