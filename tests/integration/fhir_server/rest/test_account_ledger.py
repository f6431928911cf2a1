"""`/accounts/{id}/ledger-lines` and `/statement`: every posting, and what changed the balance between two evenings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest_asyncio

from tests.integration.rest_client import amount, problem_codes, rest_client
from tests.integration.serving import Hospital, Json, Server, body, code, money


@pytest_asyncio.fixture
async def rest(server: Server, hospital: Hospital) -> AsyncIterator[httpx.AsyncClient]:
    async with rest_client(server, hospital.tenant_id) as http:
        yield http


async def paid_account(hospital: Hospital) -> tuple[Json, Json]:
    """An account with a charge of 1 March, its invoice of today, and more than that paid on it."""
    account, invoice = await hospital.issued(100)
    await hospital.operate(f"Invoice/{invoice['id']}/$post-payment", money("amount", 120), code("method", "cash"))
    return account, invoice


async def pages_of(rest: httpx.AsyncClient, path: str, **query: Any) -> list[Json]:
    pages = [body(await rest.get(path, params=query))]
    while "next" in pages[-1]:
        pages.append(body(await rest.get(path, params={**query, "cursor": pages[-1]["next"]})))
    return pages


def minor(items: list[Json], member: str = "amount") -> list[int]:
    return [item[member]["minor_units"] for item in items]


async def test_every_posting_is_a_line_with_its_source_and_the_balance_after_it(
    rest: httpx.AsyncClient, hospital: Hospital
) -> None:
    account, invoice = await paid_account(hospital)
    page = body(await rest.get(f"accounts/{account['id']}/ledger-lines"))
    lines = [
        (line["kind"], line["ledger_account"], *minor([line]), *minor([line], "balance")) for line in page["items"]
    ]
    assert lines == [
        ("charge-captured", 1150, 10000, 10000),
        ("charge-captured", 4000, -10000, 10000),
        ("invoice-issued", 1100, 10000, 20000),
        ("invoice-issued", 1150, -10000, 10000),
        ("payment-received", 2100, -12000, -2000),
        ("payment-allocated", 2100, 10000, 8000),
        ("payment-allocated", 1100, -10000, -2000),
    ]
    assert page["opening"] == amount(0)
    assert page["items"][2]["source"] == f"Invoice/{invoice['id']}/_history/2"
    assert page["items"][2]["invoice"] == f"Invoice/{invoice['id']}"
    assert page["items"][0]["date"] == "2026-03-01"
    balance = body(await rest.get(f"accounts/{account['id']}/balance"))
    assert page["items"][-1]["balance"] == balance["total"]


async def test_pages_go_on_where_the_one_before_ended_and_see_nothing_that_came_since(
    rest: httpx.AsyncClient, hospital: Hospital
) -> None:
    account, _ = await paid_account(hospital)
    path = f"accounts/{account['id']}/ledger-lines"
    whole = body(await rest.get(path))["items"]
    first = body(await rest.get(path, params={"limit": 3}))
    # Before all that is there, by the day that counts.
    await hospital.charge(account, 7, occurrenceDateTime="2026-01-01")
    seen, page = list(first["items"]), first
    while "next" in page:
        page = body(await rest.get(path, params={"limit": 3, "cursor": page["next"]}))
        seen += page["items"]
    assert seen == whole
    now = body(await rest.get(path))["items"]
    assert minor(now) == [700, -700, *minor(whole)]
    assert minor(now, "balance")[-1] == minor(whole, "balance")[-1] + 700


async def test_a_cursor_of_one_account_is_none_of_another(rest: httpx.AsyncClient, hospital: Hospital) -> None:
    account, _ = await paid_account(hospital)
    other, _ = await paid_account(hospital)
    cursor = body(await rest.get(f"accounts/{account['id']}/ledger-lines?limit=1"))["next"]
    answer = await rest.get(f"accounts/{other['id']}/ledger-lines?limit=1&cursor={cursor}")
    assert (answer.status_code, problem_codes(answer)) == (400, ["cursor-invalid"])


async def test_a_statement_goes_from_one_evening_to_another(rest: httpx.AsyncClient, hospital: Hospital) -> None:
    account, _ = await paid_account(hospital)
    await hospital.charge(account, 5, occurrenceDateTime="2026-02-27")
    path = f"accounts/{account['id']}/statement"
    pages = await pages_of(rest, path, date_from="2026-02-28", limit=1)
    items = [item for page in pages for item in page["items"]]
    # Issuing and allocating move what is owed from one place to another: they are no lines of a statement.
    assert [item["kind"] for item in items] == ["charge-captured", "payment-received"]
    assert (minor(items), minor(items, "balance")) == ([10000, -12000], [10500, -1500])
    for page in pages:
        assert page["opening"]["total"] == amount(500)
        assert (page["closing"]["total"], page["closing"]["unapplied"]) == (amount(-1500), amount(2000))
    march = body(await rest.get(path, params={"date_from": "2026-03-01", "date_to": "2026-03-01"}))
    assert (march["opening"]["total"], march["closing"]["total"]) == (amount(500), amount(10500))
    assert march["closing"]["unbilled"] == amount(10500)


async def test_a_statement_of_a_past_day_can_be_made_again(rest: httpx.AsyncClient, hospital: Hospital) -> None:
    account, _ = await paid_account(hospital)
    path, days = f"accounts/{account['id']}/statement", {"date_from": "2026-02-01", "date_to": "2026-03-31"}
    first = body(await rest.get(path, params=days))
    await hospital.charge(account, 7, occurrenceDateTime="2026-02-02")
    later = body(await rest.get(path, params=days))
    assert later["closing"] != first["closing"]
    assert body(await rest.get(path, params={**days, "recorded": first["recorded"]})) == first


async def test_what_cannot_be_asked_is_refused(rest: httpx.AsyncClient, hospital: Hospital) -> None:
    account = await hospital.account()
    for path in ("ledger-lines", "statement"):
        asked = f"accounts/{account['id']}/{path}"
        nothing = body(await rest.get(asked))
        assert nothing["items"] == []
        backward = await rest.get(asked, params={"date_from": "2026-03-02", "date_to": "2026-03-01"})
        assert (backward.status_code, problem_codes(backward)) == (422, ["period-backward"])
        future = await rest.get(asked, params={"recorded": "2100-01-01T00:00:00Z"})
        assert (future.status_code, problem_codes(future)) == (422, ["recorded-in-future"])
        unknown = await rest.get(f"accounts/nowhere/{path}")
        assert (unknown.status_code, problem_codes(unknown)) == (404, ["not-found"])
        for edge in ("0001-01-01", "9999-12-31"):
            assert (await rest.get(asked, params={"date_from": edge})).status_code == 200
            assert (await rest.get(asked, params={"date_to": edge})).status_code == 200
