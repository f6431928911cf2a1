"""`/price-lists`, `/price-quotes` and the worklists of charges, over HTTP."""

from __future__ import annotations

import secrets
from typing import Any

import httpx

from tests.integration.rest_client import amount, problem_codes, rest_client
from tests.integration.serving import Hospital, Json, Server, body, charge_item

CPT = "http://www.ama-assn.org/go/cpt"


def version(**more: Any) -> Json:
    return {
        "valid_from": "2020-01-01",
        "prices": [{"system": CPT, "code": "99213", "amount": amount(50000)}],
        "rules": [{"id": "staff", "kind": "discount", "percent": "12.5", "modifier": "STAFF"}],
        **more,
    }


async def published(http: httpx.AsyncClient, list_id: str = "standard", **more: Any) -> Json:
    await http.post("price-lists", json={"id": list_id, "name": "Standard"})
    written = body(await http.post(f"price-lists/{list_id}/versions", json=version(**more)))
    return body(await http.post(f"price-lists/{list_id}/versions/{written['version']}/activate"))


async def test_a_list_is_written_activated_read_and_renamed(server: Server) -> None:
    async with rest_client(server, await server.add_tenant()) as http:
        made = await http.post("price-lists", json={"id": "kabul", "name": "Kabul", "facility": "kabul-central"})
        assert (made.status_code, made.headers["location"]) == (201, "/api/v1/billing/price-lists/kabul")
        written = await http.post("price-lists/kabul/versions", json=version())
        assert (written.status_code, body(written)["status"]) == (201, "draft")
        again = body(await http.get("price-lists/kabul/versions/1"))
        assert again == body(written)
        assert again["rules"][0]["percent"] == "12.5"
        assert body(await http.post("price-lists/kabul/versions/1/activate"))["status"] == "active"
        renamed = body(await http.put("price-lists/kabul", json={"name": "Kabul Central"}))
        assert renamed == {
            "id": "kabul",
            "name": "Kabul Central",
            "level": "facility",
            "facility": "kabul-central",
            "versions": [{"version": 1, "status": "active", "valid_from": "2020-01-01"}],
        }
        assert [each["id"] for each in body(await http.get("price-lists"))["items"]] == ["kabul"]


async def test_csv_goes_in_and_comes_out_the_same(server: Server) -> None:
    async with rest_client(server, await server.add_tenant()) as http:
        await published(http)
        text = body(await http.get("price-lists/standard/versions/1/csv"))["csv"]
        sent = {"valid_from": "2030-01-01", "csv": text}
        second = body(await http.post("price-lists/standard/versions", json=sent))
        assert second["prices"] == version()["prices"] or second["prices"][0]["amount"] == amount(50000)
        assert body(await http.get("price-lists/standard/versions/2/csv"))["csv"] == text
        broken = await http.post("price-lists/standard/versions", json={**sent, "csv": "kind,code\nprice\n"})
        assert (broken.status_code, problem_codes(broken)) == (400, ["price-list-csv"])


async def test_what_overlaps_is_refused_and_a_version_is_ended(server: Server) -> None:
    async with rest_client(server, await server.add_tenant()) as http:
        await published(http)
        await http.post("price-lists", json={"id": "other", "name": "Other"})
        await http.post("price-lists/other/versions", json=version())
        answer = await http.post("price-lists/other/versions/1/activate")
        assert (answer.status_code, problem_codes(answer)) == (409, ["price-list-overlap"])
        ended = await http.post("price-lists/standard/versions/1/end", json={"valid_to": "2019-12-31"})
        assert body(ended)["valid_to"] == "2019-12-31"
        assert (await http.post("price-lists/other/versions/1/activate")).status_code == 200
        discarded = await http.post("price-lists/other/versions/1/discard")
        assert (discarded.status_code, problem_codes(discarded)) == (409, ["price-list-active"])


async def test_what_is_not_there_is_not_found(server: Server) -> None:
    async with rest_client(server, await server.add_tenant()) as http:
        await http.post("price-lists", json={"id": "empty", "name": "Empty"})
        for method, path in (
            ("GET", "price-lists/none"),
            ("PUT", "price-lists/none"),
            ("GET", "price-lists/empty/versions/1"),
            ("GET", "price-lists/empty/versions/first"),
            ("GET", "price-lists/empty/versions/1/csv"),
            ("POST", "price-lists/none/versions/1/activate"),
            ("POST", "price-lists/empty/versions/99999999999/discard"),
        ):
            answer = await http.request(method, path, json={"name": "x"} if method == "PUT" else None)
            assert (answer.status_code, problem_codes(answer)) == (404, ["price-list-unknown"]), path


async def test_lists_of_another_tenant_are_not_seen(server: Server) -> None:
    async with rest_client(server, await server.add_tenant()) as http:
        await published(http)
    async with rest_client(server, await server.add_tenant()) as http:
        assert body(await http.get("price-lists"))["items"] == []
        assert (await http.get("price-lists/standard")).status_code == 404


async def test_a_quote_says_what_the_charge_will_cost_and_writes_nothing(server: Server, hospital: Hospital) -> None:
    async with rest_client(server, hospital.tenant_id) as http:
        await published(http)
        asked = {
            "services": [
                {
                    "codes": [{"system": CPT, "code": "99213"}],
                    "quantity": "2",
                    "factor": "0.5",
                    "modifiers": [{"code": "STAFF"}],
                },
                {"codes": [{"system": CPT, "code": secrets.token_hex(4)}]},
            ]
        }
        first, second = body(await http.post("price-quotes", json=asked))["quotes"]
        assert (first["priced"], first["base"], first["discount"], first["amount"]) == (
            True,
            amount(50000),
            amount(6250),
            amount(43750),
        )
        assert (first["price_list"], first["level"], first["version"], first["rules"]) == (
            "standard",
            "tenant",
            1,
            ["staff"],
        )
        assert second == {"priced": False}


async def test_waiting_charges_are_listed_and_priced_when_a_list_comes_into_force(
    server: Server, hospital: Hospital
) -> None:
    account = await hospital.account()
    document = charge_item(f"Account/{account['id']}")
    del document["priceOverride"], document["overrideReason"]
    waiting = await hospital.create(document)
    async with rest_client(server, hospital.tenant_id) as http:
        (listed,) = body(await http.get("worklists/unpriced-charges"))["items"]
        assert (listed["id"], listed["account"]) == (waiting["id"], f"Account/{account['id']}")
        assert listed["codes"][0]["code"] == waiting["code"]["coding"][0]["code"]
        coding = waiting["code"]["coding"][0]
        price = {"system": coding["system"], "code": coding["code"], "amount": amount(700)}
        await published(http, prices=[price])
        assert body(await http.get("worklists/unpriced-charges"))["items"] == []
        balance = body(await http.get(f"accounts/{account['id']}/balance"))
        assert balance["unbilled"] == amount(700)
        settled = body(await http.post("worklists/unpriced-charges/settle", json={}))
        assert settled == {"looked_at": 0, "settled": 0}
        assert body(await http.get("worklists/charges-without-account"))["items"] == []


async def test_a_national_list_cannot_be_made_over_rest(server: Server) -> None:
    async with rest_client(server, await server.add_tenant()) as http:
        answer = await http.post("price-lists", json={"id": "n", "name": "N", "country": "AF"})
        assert (answer.status_code, problem_codes(answer)) == (400, ["unknown-element"])
