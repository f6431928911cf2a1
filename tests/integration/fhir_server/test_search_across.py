"""Searches across types over HTTP: of the whole system, and in the compartment of a patient."""

from __future__ import annotations

import pytest

from mappers.r4.json_text import decode
from mappers.r4.validate import validate
from tests.integration.serving import BASE, Hospital, Json, Server, body, codes_of, hospital_of


def found(bundle: Json) -> list[str]:
    return [f"{entry['resource']['resourceType']}/{entry['resource']['id']}" for entry in bundle.get("entry", [])]


def links(bundle: Json) -> dict[str, str]:
    return {link["relation"]: link["url"] for link in bundle["link"]}


def name(resource: Json) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


async def some_of_each(hospital: Hospital) -> list[str]:
    """Accounts, charges and invoices of p1, some with one id for several types; in the order of type and id."""
    made = []
    for number in range(3):
        account = body(
            await hospital.http.put(
                f"Account/same-{number}",
                json={
                    "resourceType": "Account",
                    "id": f"same-{number}",
                    "status": "active",
                    "subject": [{"reference": "Patient/p1"}],
                },
            )
        )
        made.append(name(account))
        for resource_type, more in (
            ("ChargeItem", {"code": {"text": "x"}}),
            ("Invoice", {}),
        ):
            resource = {
                "resourceType": resource_type,
                "id": f"same-{number}",
                "status": "planned" if resource_type == "ChargeItem" else "draft",
                "subject": {"reference": "Patient/p1"},
                **more,
            }
            answer = await hospital.http.put(name(resource), json=resource)
            assert answer.status_code == 201, answer.text
            made.append(name(resource))
    return sorted(made)


@pytest.mark.parametrize("query", ["_type=Invoice,Account", "_type=Account,Invoice&_id=same-0,same-1,same-2"])
async def test_the_types_that_are_named_are_searched(hospital: Hospital, query: str) -> None:
    wanted = [each for each in await some_of_each(hospital) if not each.startswith("ChargeItem")]
    answer = await hospital.http.get(f"?{query}")
    assert answer.status_code == 200, answer.text
    assert validate(decode(answer.content)) == []
    assert (found(body(answer)), body(answer)["total"]) == (wanted, 6)
    assert links(body(answer))["self"] == f"{BASE}?{query}"
    posted = await hospital.http.post("_search", data=dict(pair.split("=") for pair in query.split("&")))
    assert found(body(posted)) == wanted
    for entry in body(answer)["entry"]:
        assert entry["resource"] == await hospital.read(entry["fullUrl"])


@pytest.mark.parametrize("sort", ["", "_sort=_id", "_sort=-_id", "_sort=_lastUpdated", "_sort=-_lastUpdated"])
@pytest.mark.parametrize("path", ["", "Patient/p1/*"])
async def test_pages_across_types_bring_everything_once_in_order_and_lead_back(
    hospital: Hospital, sort: str, path: str
) -> None:
    everything = await some_of_each(hospital)
    whole = found(body(await hospital.http.get(f"{path}?{sort}")))
    assert sorted(whole) == everything
    if not sort:
        assert whole == everything
    page = body(await hospital.http.get(f"{path}?_count=2&_total=accurate&{sort}"))
    pages = [page]
    while "next" in links(page):
        page = body(await hospital.http.get(links(page)["next"]))
        pages.append(page)
    assert [each for page in pages for each in found(page)] == whole
    assert {page["total"] for page in pages} == {9}
    for before in reversed(pages[:-1]):
        page = body(await hospital.http.get(links(page)["prev"]))
        assert found(page) == found(before)
    assert "prev" not in links(page)


async def test_a_compartment_has_what_is_the_patients_own(hospital: Hospital) -> None:
    account = await hospital.account()
    charge = await hospital.charge(account)
    own = await hospital.draft(account, charge)
    other: Json = {"reference": "Patient/p2"}
    paid = await hospital.create(
        {"resourceType": "Invoice", "status": "draft", "subject": other, "recipient": {"reference": "Patient/p1"}}
    )
    await hospital.create({"resourceType": "Invoice", "status": "draft", "subject": other, "recipient": other})
    await hospital.create({"resourceType": "Account", "status": "active", "subject": [other]})
    bundle = body(await hospital.http.get("Patient/p1/Invoice?_sort=_lastUpdated"))
    assert found(bundle) == [name(own), name(paid)]
    assert links(bundle)["self"] == f"{BASE}/Patient/p1/Invoice?_sort=_lastUpdated"
    assert found(body(await hospital.http.get("Patient/p1/Account?status=active"))) == [name(account)]
    assert found(body(await hospital.http.get("Patient/p1/Account?status=inactive"))) == []
    everything = body(await hospital.http.get("Patient/p1/*"))
    assert sorted(found(everything)) == sorted(map(name, [account, charge, own, paid]))
    typed = body(await hospital.http.get("Patient/p1/*?_type=ChargeItem,Account"))
    assert sorted(found(typed)) == sorted(map(name, [account, charge]))
    assert body(await hospital.http.get("Patient/nobody/*"))["total"] == 0
    included = body(await hospital.http.get("Patient/p1/ChargeItem?_include=ChargeItem:account"))
    assert found(included) == [name(charge), name(account)]


async def test_a_compartment_is_searched_by_a_form_as_well(hospital: Hospital) -> None:
    account = await hospital.account()
    charge = await hospital.charge(account)
    await hospital.create({"resourceType": "Account", "status": "active", "subject": [{"reference": "Patient/p2"}]})
    one = await hospital.http.post("Patient/p1/Account/_search", data={"status": "active"})
    assert (one.status_code, found(body(one))) == (200, [name(account)])
    # What the links lead to is asked by GET.
    assert links(body(one))["self"] == f"{BASE}/Patient/p1/Account?status=active"
    every = await hospital.http.post("Patient/p1/_search?_type=Account", data={"_count": "5"})
    assert found(body(every)) == [name(account)]
    assert sorted(found(body(await hospital.http.post("Patient/p1/_search")))) == sorted(map(name, [account, charge]))
    assert (await hospital.http.post("Patient/p1/PaymentNotice/_search")).status_code == 404
    assert (await hospital.http.get("Patient/p1/Account/_search")).status_code == 405


async def test_parameters_that_all_types_have_apply_to_all(hospital: Hospital) -> None:
    await some_of_each(hospital)
    bundle = body(await hospital.http.get("?_type=ChargeItem,Invoice&patient=p1&status=draft"))
    assert found(bundle) == ["Invoice/same-0", "Invoice/same-1", "Invoice/same-2"]
    counted = body(await hospital.http.get("?_summary=count"))
    assert (counted["total"], "entry" in counted) == (9, False)
    lenient = body(
        await hospital.http.get("?_type=ChargeItem,Invoice&date=2000", headers={"prefer": "handling=lenient"})
    )
    assert lenient["total"] == 6
    assert codes_of(lenient["entry"][-1]["resource"]) == ["unknown-search-parameter"]
    assert links(lenient)["self"] == f"{BASE}?_type=ChargeItem,Invoice"


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("?_type=Patient", 400, "search-value-invalid"),
        ("?_type=", 400, "search-value-invalid"),
        ("?_type=Invoice,Account&date=2026", 400, "unknown-search-parameter"),
        ("?_sort=status", 400, "search-value-invalid"),
        ("?_type=Invoice&_type=Account", 400, "parameter-repeated"),
        ("?_cursor=x", 400, "cursor-invalid"),
        ("Patient/p1/*?_type=PaymentNotice", 400, "search-value-invalid"),
        ("Patient/p1/PaymentNotice", 404, "type-not-served"),
        ("Patient/p1", 404, "type-not-served"),
        ("Patient/a_b/Invoice", 404, "not-found"),
        ("Organization/o1/Invoice", 404, "type-not-served"),
        ("Invoice?_type=Invoice", 400, "search-not-supported"),
    ],
)
async def test_what_cannot_be_searched_across_types_is_refused(
    hospital: Hospital, path: str, status: int, code: str
) -> None:
    answer = await hospital.http.get(path)
    assert (answer.status_code, codes_of(body(answer))[0]) == (status, code), answer.text


async def test_what_the_token_may_not_search_is_not_searched(hospital: Hospital, server: Server) -> None:
    await some_of_each(hospital)
    async with server.client(server.token(hospital.tenant_id, "system/Invoice.rs system/Account.r")) as reader:
        for path in ("", "Patient/p1/*"):
            assert {each.split("/")[0] for each in found(body(await reader.get(path)))} == {"Invoice"}
        for path in ("?_type=Invoice,Account", "Patient/p1/Account", "Patient/p1/*?_type=Account"):
            answer = await reader.get(path)
            assert (answer.status_code, codes_of(body(answer))) == (403, ["insufficient-scope"])
    async with server.client(server.token(hospital.tenant_id, "billing:payment:post")) as cashier:
        assert (await cashier.get("")).status_code == 403
    async with server.client(None) as nobody:
        assert (await nobody.get("Patient/p1/Invoice")).status_code == 401


async def test_a_cursor_belongs_to_its_compartment_and_tenant(hospital: Hospital, server: Server) -> None:
    await some_of_each(hospital)
    cursor = links(body(await hospital.http.get("Patient/p1/Invoice?_count=1")))["next"].partition("?")[2]
    for path in ("Patient/p2/Invoice", "Patient/p1/Account", "Patient/p1/*", "Invoice", ""):
        answer = await hospital.http.get(f"{path}?{cursor}")
        assert (answer.status_code, codes_of(body(answer))) == (400, ["cursor-invalid"]), path
    async with hospital_of(server) as other:
        assert body(await other.http.get("Patient/p1/*"))["total"] == 0
