"""`/periods`: a month is soft-closed, looked at, closed for ever, and read with the balance that it was closed with."""

from __future__ import annotations

import pytest

from tests.integration.rest_client import amount, pointers, post, problem_codes, rest_client
from tests.integration.serving import Hospital, Json, Server, body, charge_item

CLOSER = "system/*.cruds billing:period:close billing:check:read"
CLERK = "system/*.cruds billing:payment:post"


async def charge(server: Server, hospital: Hospital, account: Json, day: str, scope: str) -> None:
    document = charge_item(f"Account/{account['id']}", 10, occurrenceDateTime=day)
    async with server.client(server.token(hospital.tenant_id, scope)) as client:
        answer = await client.post("ChargeItem", json=document)
    assert answer.status_code == 201, answer.text


async def test_a_month_end(server: Server, hospital: Hospital) -> None:
    account = await hospital.account()
    await charge(server, hospital, account, "2026-01-10", CLERK)
    async with rest_client(server, hospital.tenant_id, CLOSER, subject="accountant") as http:
        soft_closed = body(await post(http, "periods/2026-01-01/soft-close", {}))
        assert soft_closed["changed_by"] == "accountant"
        assert {name: soft_closed[name] for name in ("id", "first_day", "last_day", "status")} == {
            "id": "2026-01-01",
            "first_day": "2026-01-01",
            "last_day": "2026-01-31",
            "status": "soft-closed",
        }
        await charge(server, hospital, account, "2026-01-11", CLERK)
        await charge(server, hospital, account, "2026-01-12", CLOSER)
        closed = await post(http, "periods/2026-01-01/close", {}, key="close-january")
        again = await post(http, "periods/2026-01-01/close", {}, key="close-january")
        assert (closed.status_code, again.json()) == (200, closed.json())
        read = body(await http.get("periods/2026-01-01"))
        as_of = body(await http.get("trial-balance?date=2026-01-31"))
    assert read == closed.json()
    assert [change["status"] for change in read["changes"]] == ["soft-closed", "closed"]
    assert read["closing_balance"] == as_of["items"]
    assert [line["balance"] for line in read["closing_balance"]] == [amount(2000), amount(-2000)]


async def test_periods_are_listed_from_todays_back(server: Server, hospital: Hospital) -> None:
    async with rest_client(server, hospital.tenant_id, CLOSER) as http:
        await post(http, "periods/2026-01-01/soft-close", {"last_day": "2026-01-20"})
        await post(http, "periods/2026-01-01/close", {})
        await post(http, "periods/2026-01-21/soft-close", {})
        listed = body(await http.get("periods?limit=100"))["items"]
        assert [(each["id"], each["status"]) for each in listed[-3:]] == [
            ("2026-02-01", "open"),
            ("2026-01-21", "soft-closed"),
            ("2026-01-01", "closed"),
        ]
        of_status = body(await http.get("periods?status=closed"))["items"]
        assert [each["id"] for each in of_status] == ["2026-01-01"]
        page = body(await http.get("periods?limit=2"))
        paged = page["items"]
        while "next" in page:
            page = body(await http.get("periods", params={"limit": 2, "cursor": page["next"]}))
            paged += page["items"]
    assert paged == listed


async def test_a_period_reopens_with_a_reason_that_stays(server: Server, hospital: Hospital) -> None:
    async with rest_client(server, hospital.tenant_id, CLOSER) as http:
        await post(http, "periods/2026-01-01/soft-close", {})
        refused = await post(http, "periods/2026-01-01/reopen", {"reason": " "})
        assert (refused.status_code, pointers(refused)) == (400, ["/reason"])
        reopened = body(await post(http, "periods/2026-01-01/reopen", {"reason": "a statement was missing"}))
        assert (reopened["status"], reopened["reason"]) == ("open", "a statement was missing")
        read = body(await http.get("periods/2026-01-01"))
    assert (read["status"], [each["status"] for each in read["changes"]]) == ("open", ["soft-closed", "open"])


@pytest.mark.parametrize(
    ("path", "document", "status", "code"),
    [
        ("periods/2999-01-01/soft-close", {}, 422, "period-not-over"),
        ("periods/2026-01-01/soft-close", {"last_day": "2025-12-31"}, 422, "period-range"),
        ("periods/2026-01-01/soft-close", {"last_day": "9999-12-31"}, 422, "period-not-over"),
        ("periods/9999-12-31/soft-close", {}, 422, "period-not-over"),
        ("periods/0001-01-01/close", {}, 409, "invalid-state"),
        ("periods/2026-01-01/reopen", {"reason": "x"}, 409, "invalid-state"),
        ("periods/january/close", {}, 404, "not-found"),
        ("periods/20260101/soft-close", {}, 404, "not-found"),
    ],
)
async def test_what_cannot_be_done_is_refused(
    server: Server, hospital: Hospital, path: str, document: dict[str, str], status: int, code: str
) -> None:
    async with rest_client(server, hospital.tenant_id, CLOSER) as http:
        answer = await post(http, path, document)
    assert (answer.status_code, problem_codes(answer)) == (status, [code])


async def test_only_who_may_close_periods_closes_them(server: Server, hospital: Hospital) -> None:
    async with rest_client(server, hospital.tenant_id, CLERK + " billing:check:read") as http:
        answer = await post(http, "periods/2026-01-01/soft-close", {})
        assert (answer.status_code, problem_codes(answer)) == (403, ["insufficient-scope"])
        assert (await http.get("periods")).status_code == 200
    async with rest_client(server, hospital.tenant_id, CLERK) as http:
        assert (await http.get("periods")).status_code == 403


async def test_a_period_says_by_which_point_its_revenue_is_recognised(server: Server, hospital: Hospital) -> None:
    async with rest_client(server, hospital.tenant_id) as http:
        closed = body(await post(http, "periods/2026-01-01/soft-close", {}))
        await http.patch("settings", json={"settings": {"recognition_point": "issue"}})
        listed = body(await http.get("periods?limit=100"))["items"]
        read = body(await http.get("periods/2026-02-01"))
        next_one = body(await post(http, "periods/2026-02-01/soft-close", {}))
        await post(http, "periods/2026-02-01/reopen", {"reason": "too early"})
        await post(http, "periods/2026-01-01/reopen", {"reason": "too early"})
        mixed = await post(http, "periods/2026-01-01/soft-close", {"last_day": "2026-02-01"})
    assert [each["recognition_point"] for each in (closed, read, next_one)] == ["capture", "issue", "issue"]
    assert [each["recognition_point"] for each in listed[-2:]] == ["issue", "capture"]
    assert (mixed.status_code, problem_codes(mixed), pointers(mixed)) == (422, ["recognition-mixed"], ["/last_day"])
