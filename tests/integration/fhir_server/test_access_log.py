"""Who did what with whose data: every access is logged, and read as AuditEvent by those who may."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from fhir.resources.R4B.auditevent import AuditEvent
from psycopg.rows import dict_row

from fhir_server.access_log import AccessLog, Visit
from fhir_server.responses import Answer
from ledger.errors import Refusal
from storage.check_tenants import unregistered
from storage.transaction import Database
from tests.integration.serving import Hospital, Json, Server, body, codes_of

ACCOUNT = {"resourceType": "Account", "status": "active"}
CARD = "4111111111111111"


def logged(server: Server, tenant_id: str) -> list[dict[str, Any]]:
    """What has reached the table, in order."""
    with psycopg.connect(server.access.superuser, row_factory=dict_row) as connection:
        query = "SELECT * FROM billing.access_log WHERE tenant_id = %s ORDER BY recorded_at, id"
        return connection.execute(query, [tenant_id]).fetchall()


def access_log_of(server: Server) -> AccessLog:
    """The application's own, to have it written without waiting."""
    log: AccessLog = server.app.state.access_log
    return log


async def found(hospital: Hospital, query: str) -> list[Json]:
    await access_log_of(hospital.server).flush()
    bundle = await hospital.read(f"AuditEvent?{query}")
    return [entry["resource"] for entry in bundle.get("entry", [])]


async def test_a_write_is_logged_in_its_own_transaction(hospital: Hospital) -> None:
    answer = await hospital.http.post("Account", json=ACCOUNT, headers={"x-request-id": "r-1"})
    [row] = logged(hospital.server, hospital.tenant_id)
    assert (row["actor"], row["client"], row["interaction"], row["route"]) == (
        "tester",
        "tester",
        "create",
        "POST [type]",
    )
    assert (row["resource_type"], row["resource_id"], row["version"]) == ("Account", body(answer)["id"], 1)
    assert (row["http_status"], row["code"], row["request_id"]) == (201, None, "r-1")


async def test_each_entry_of_a_transaction_is_logged_and_of_one_that_fails_only_the_refusal(hospital: Hospital) -> None:
    entries = [{"request": {"method": "POST", "url": "Account"}, "resource": ACCOUNT} for _ in range(2)]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    assert (await hospital.http.post("", json=bundle)).status_code == 200
    rows = logged(hospital.server, hospital.tenant_id)
    assert [(row["interaction"], row["http_status"]) for row in rows] == [("create", 201), ("create", 201)]
    broken = {"request": {"method": "DELETE", "url": "Invoice?nothing=known"}}
    refused = await hospital.http.post("", json={**bundle, "entry": [*entries, broken]})
    assert refused.status_code == 400
    await access_log_of(hospital.server).flush()
    last = logged(hospital.server, hospital.tenant_id)[2:]
    assert [(row["interaction"], row["http_status"]) for row in last] == [("transaction", 400)]


async def test_a_denial_is_there_before_it_is_answered(hospital: Hospital) -> None:
    token = hospital.server.token(hospital.tenant_id, "system/Invoice.r", subject="nosy")
    async with hospital.server.client(token) as http:
        assert (await http.get("Account/a1")).status_code == 403
    [row] = logged(hospital.server, hospital.tenant_id)
    assert (row["actor"], row["http_status"], row["code"]) == ("nosy", 403, "insufficient-scope")
    assert (row["resource_type"], row["resource_id"]) == ("Account", "a1")


async def test_a_forged_token_is_logged_without_a_tenant(server: Server) -> None:
    async with server.client("forged", **{"x-request-id": "forgery-1"}) as http:
        assert (await http.get("Account/a1")).status_code == 401
    assert [row["code"] for row in logged(server, "-") if row["request_id"] == "forgery-1"] == ["token-invalid"]


async def test_a_tenant_without_a_licence_is_logged_as_denied(server: Server) -> None:
    tenant_id = await server.add_tenant(active=False)
    async with server.client(server.token(tenant_id)) as http:
        assert (await http.get("Account")).status_code == 403
    assert [row["code"] for row in logged(server, tenant_id)] == ["MODULE_NOT_ACTIVE"]


async def test_reads_searches_and_refusals_are_written_soon(hospital: Hospital) -> None:
    account = await hospital.account()
    await hospital.read(f"Account/{account['id']}")
    await hospital.read("Account?status=active")
    assert (await hospital.http.get("Account/none")).status_code == 404
    await access_log_of(hospital.server).flush()
    rows = logged(hospital.server, hospital.tenant_id)[1:]
    assert [(row["interaction"], row["http_status"], row["query"]) for row in rows] == [
        ("read", 200, None),
        ("search-type", 200, "status=active"),
        ("read", 404, None),
    ]


async def test_entries_of_a_batch_are_logged_each_for_itself(hospital: Hospital) -> None:
    urls = ["Account/none", "Account?status=active", "Nothing/1"]
    entries = [{"request": {"method": "GET", "url": url}} for url in urls]
    bundle = {"resourceType": "Bundle", "type": "batch", "entry": entries}
    assert (await hospital.http.post("", json=bundle)).status_code == 200
    await access_log_of(hospital.server).flush()
    rows = logged(hospital.server, hospital.tenant_id)
    assert sorted((row["interaction"], row["http_status"]) for row in rows) == [
        ("read", 404),
        ("search-type", 200),
        ("transaction", 404),
    ]


async def test_what_is_refused_as_a_card_number_is_not_in_the_log_either(hospital: Hospital) -> None:
    for url in (f"Account/{CARD}", f"Account?name={CARD}"):
        assert (await hospital.http.get(url)).status_code == 422
    async with hospital.server.client("forged") as http:
        assert (await http.get(f"Account/{CARD}")).status_code == 401
    await access_log_of(hospital.server).flush()
    rows = [*logged(hospital.server, hospital.tenant_id), *logged(hospital.server, "-")]
    assert rows
    assert [row for row in rows if CARD in str(row.values())] == []


async def test_rest_is_logged_too(hospital: Hospital) -> None:
    account = await hospital.account()
    answer = await hospital.http.get(f"http://127.0.0.1:8080/api/v1/billing/accounts/{account['id']}/balance")
    assert answer.status_code == 200
    row = logged(hospital.server, hospital.tenant_id)[-1]
    assert (row["interaction"], row["route"]) == ("rest", "GET /api/v1/billing/accounts/{id}/balance")


@pytest.mark.parametrize("strange", ["a%00b", "%F0%9F%98%80" * 700, "a" * 5000])
async def test_what_no_column_can_hold_keeps_nothing_else_from_being_logged(hospital: Hospital, strange: str) -> None:
    account = await hospital.account()
    answer = await hospital.http.get(f"http://127.0.0.1:8080/api/v1/billing/accounts/{strange}/balance")
    assert answer.status_code == 404
    await hospital.read(f"Account/{account['id']}")
    await access_log_of(hospital.server).flush()
    rows = logged(hospital.server, hospital.tenant_id)
    assert [(row["interaction"], row["http_status"]) for row in rows] == [("create", 201), ("rest", 404), ("read", 200)]


async def test_an_audit_event_is_valid_r4_and_found_by_what_it_says(hospital: Hospital) -> None:
    account = await hospital.account()
    await hospital.read(f"Account/{account['id']}")
    [created] = await found(hospital, "subtype=create")
    AuditEvent.model_validate(created)
    assert (created["action"], created["outcome"], created["agent"][0]["altId"]) == ("C", "0", "tester")
    assert created["entity"][0]["what"] == {"reference": f"Account/{account['id']}"}
    again = await hospital.http.get(f"AuditEvent/{created['id']}")
    assert body(again) == created
    xml = await hospital.http.get(f"AuditEvent/{created['id']}?_format=xml")
    assert b"<AuditEvent" in xml.content
    of_account = await found(hospital, f"entity=Account/{account['id']}")
    assert [event["action"] for event in of_account] == ["R", "C"]
    assert await found(hospital, "altid=somebody-else") == []
    assert await found(hospital, "date=lt2020") == []
    assert len(await found(hospital, f"date=ge{created['recorded']}&action=C&outcome=0")) == 1
    assert await found(hospital, "outcome=4") == []


async def test_pages_show_each_event_once_newest_first(hospital: Hospital) -> None:
    for _ in range(5):
        await hospital.account()
    seen: list[str] = []
    url: str | None = "AuditEvent?action=C&_count=2"
    while url is not None:
        page = await hospital.read(url)
        seen += [entry["resource"]["recorded"] for entry in page["entry"]]
        url = next((link["url"] for link in page["link"] if link["relation"] == "next"), None)
    assert len(seen) == 5
    assert seen == sorted(seen, reverse=True)


@pytest.mark.parametrize(
    ("scope", "status"),
    [
        ("system/AuditEvent.rs", 200),
        ("system/*.cruds billing:audit:read", 200),
        ("system/*.cruds billing:*", 200),
        ("system/*.cruds", 403),
        ("billing:*", 403),
        ("system/Account.rs", 403),
    ],
)
async def test_the_log_is_for_those_whose_scope_names_it(hospital: Hospital, scope: str, status: int) -> None:
    await hospital.account()
    event_id = logged(hospital.server, hospital.tenant_id)[0]["id"]
    async with hospital.server.client(hospital.server.token(hospital.tenant_id, scope)) as http:
        assert (await http.get("AuditEvent")).status_code == status
        assert (await http.get(f"AuditEvent/{event_id}")).status_code == status


async def test_another_tenant_s_log_is_not_there(hospital: Hospital, server: Server) -> None:
    await hospital.account()
    event_id = logged(server, hospital.tenant_id)[0]["id"]
    other = await server.add_tenant()
    async with server.client(server.token(other)) as http:
        assert (await http.get(f"AuditEvent/{event_id}")).status_code == 404
        assert "entry" not in body(await http.get("AuditEvent?action=C"))


@pytest.mark.parametrize(
    "query", ["patient=1", "date=yesterday", "_sort=date", "_count=many", "altid=a,b", "date=ap2026"]
)
async def test_a_search_that_is_not_understood_is_refused(hospital: Hospital, query: str) -> None:
    assert (await hospital.http.get(f"AuditEvent?{query}")).status_code == 400


async def test_what_cannot_be_written_waits_and_in_the_end_nothing_is_answered_unseen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log = AccessLog(Database("host=/nowhere", pool_timeout_seconds=1))
    monkeypatch.setattr("fhir_server.access_log.GATHERED_MAX", 2)
    for _ in range(2):
        log.note(Visit(), Answer(200))
    await log.flush()  # the pool is not open
    with pytest.raises(Refusal) as refused:
        log.note(Visit(), Answer(200))
    assert refused.value.code == "access-log-unavailable"


async def test_a_refusal_of_a_read_says_so(hospital: Hospital) -> None:
    answer = await hospital.http.get("AuditEvent/none")
    assert (answer.status_code, codes_of(body(answer))) == (404, ["not-found"])


@pytest.mark.parametrize("query", ["date=1000", "date=gt9999-12-31", "date=lt0001-01-01", "date=eb0001"])
async def test_at_the_ends_of_the_calendar_nothing_happened(hospital: Hospital, query: str) -> None:
    await hospital.account()
    assert await found(hospital, query) == []


@pytest.mark.parametrize("query", ["subtype=", "agent-name=%00", "entity=Account/%00"])
async def test_a_value_that_says_nothing_or_cannot_be_kept_is_refused(hospital: Hospital, query: str) -> None:
    assert (await hospital.http.get(f"AuditEvent?{query}")).status_code == 400


async def test_the_books_are_sound_whoever_was_refused(server: Server) -> None:
    async with server.client("forged") as http:
        assert (await http.get("Account/a1")).status_code == 401
    async with server.client(server.token("not-registered-anywhere")) as http:
        assert (await http.get("Account/a1")).status_code == 403
    audit = Database(server.access.audit)
    await audit.open()
    try:
        async with audit.snapshot() as snapshot:
            assert await unregistered(snapshot, ["-", "not-registered-anywhere"]) == []
    finally:
        await audit.close()
