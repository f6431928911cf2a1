"""`/tenants`: the registry, for operators and for nobody else."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import pytest_asyncio
from psycopg.rows import dict_row

from fhir_server.rest.tenants import ROUTES
from ledger.tenant import OPERATORS
from tests.database_server import DatabaseAccess
from tests.integration.rest_client import problem_codes, rest_client
from tests.integration.serving import Hospital, Json, Server, body, codes_of, row_counts, serving

SCOPE = "billing:tenant:admin"


@pytest_asyncio.fixture
async def operator(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    async with rest_client(server, OPERATORS, SCOPE, subject="the-operator") as http:
        yield http


def tenant(**changed: Any) -> Json:
    return {
        "id": f"r-{secrets.token_hex(6)}",
        "name": "Kabul One",
        "country": "AF",
        "currency": "AFN",
        "timezone": "Asia/Kabul",
        **changed,
    }


async def added(operator: httpx.AsyncClient, **changed: Any) -> Json:
    answer = await operator.post("tenants", json=tenant(**changed))
    assert answer.status_code == 201, answer.text
    return body(answer)


def sent_again(document: Json, **changed: Any) -> Json:
    return {name: value for name, value in document.items() if name not in {"id", "defaults"}} | changed


async def test_a_tenant_is_added_read_listed_and_served(server: Server, operator: httpx.AsyncClient) -> None:
    sent = tenant(facilities={"main": "Main House"}, settings={"payment_terms_days": "14"})
    answer = await operator.post("tenants", json=sent)
    assert (answer.status_code, answer.headers["location"]) == (201, f"/api/v1/billing/tenants/{sent['id']}")
    made = body(answer)
    assert {name: made[name] for name in sent} == sent
    assert made["licence"] == "active"
    assert made["defaults"]["payment_terms_days"] == "30"
    assert body(await operator.get(f"tenants/{sent['id']}")) == made
    async with server.client(server.token(sent["id"])) as http:
        assert (await http.get("Account")).status_code == 200


async def test_a_list_has_every_tenant_once_and_none_that_is_reserved(operator: httpx.AsyncClient) -> None:
    made = [(await added(operator, licence=licence))["id"] for licence in ("active", "suspended", "active")]
    found: list[Json] = []
    cursor: dict[str, Any] = {}
    while True:
        page = body(await operator.get("tenants", params={"limit": 2, **cursor}))
        found += page["items"]
        if "next" not in page:
            break
        cursor = {"cursor": page["next"]}
    ids = [each["id"] for each in found]
    assert sorted(set(ids)) == ids
    assert set(made) <= set(ids)
    assert not {"national", OPERATORS, "-"} & set(ids)
    suspended = body(await operator.get("tenants", params={"licence": "suspended", "limit": 1000}))["items"]
    assert made[1] in {each["id"] for each in suspended}
    assert {each["licence"] for each in suspended} == {"suspended"}


async def test_a_licence_is_taken_and_given_at_once_and_before_any_data(
    server: Server, operator: httpx.AsyncClient
) -> None:
    made = await added(operator)
    async with server.client(server.token(made["id"])) as http:
        assert (await http.get("Account")).status_code == 200
        changed = await operator.put(f"tenants/{made['id']}", json=sent_again(made, licence="suspended"))
        assert (changed.status_code, body(changed)["licence"]) == (200, "suspended")
        for method, url in (("GET", "Account/none"), ("POST", "Account"), ("POST", ""), ("GET", "_history")):
            answer = await http.request(method, url, content=b"not even JSON" if method == "POST" else None)
            assert (answer.status_code, codes_of(body(answer))) == (403, ["MODULE_NOT_ACTIVE"])
        await operator.put(f"tenants/{made['id']}", json=sent_again(made))
        assert (await http.get("Account")).status_code == 200


async def test_another_process_hears_of_it_within_two_seconds(
    server: Server,
    operator: httpx.AsyncClient,
    database: DatabaseAccess,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = await added(operator)
    async with serving(database, tmp_path) as other, other.client(other.token(made["id"])) as http:
        assert (await http.get("Account")).status_code == 200
        await operator.put(f"tenants/{made['id']}", json=sent_again(made, licence="suspended"))
        # As if its two seconds had gone by.
        monkeypatch.setattr("billing.tenant_directory.KEPT_SECONDS", 0.0)
        assert (await http.get("Account")).status_code == 403


async def test_a_currency_stays_once_there_was_an_account(server: Server, operator: httpx.AsyncClient) -> None:
    made = await added(operator)
    dollars = await operator.put(f"tenants/{made['id']}", json=sent_again(made, currency="USD"))
    assert body(dollars)["currency"] == "USD"
    async with server.client(server.token(made["id"])) as http:
        account = await http.post("Account", json={"resourceType": "Account", "status": "active"})
        assert "USD" in account.text
        assert (await http.delete(f"Account/{body(account)['id']}")).status_code in {200, 204}
    refused = await operator.put(f"tenants/{made['id']}", json=sent_again(made, currency="AFN"))
    assert (refused.status_code, problem_codes(refused)) == (409, ["currency-in-use"])
    again = await operator.put(f"tenants/{made['id']}", json=sent_again(made, currency="USD", country="AE"))
    assert (body(again)["currency"], body(again)["country"]) == ("USD", "AE")


async def test_if_match_stops_who_has_read_another_tenant_than_there_is(operator: httpx.AsyncClient) -> None:
    made = await added(operator)
    url = f"tenants/{made['id']}"
    etag = (await operator.get(url)).headers["etag"]
    sent = sent_again(made, settings={"payment_terms_days": "14"})
    assert (await operator.put(url, json=sent, headers={"if-match": etag})).status_code == 200
    late = await operator.put(url, json=sent_again(made, name="Other"), headers={"if-match": etag})
    assert (late.status_code, problem_codes(late)) == (412, ["version-mismatch"])
    assert body(await operator.get(url))["name"] == "Kabul One"


async def test_facilities_are_added_and_renamed_and_never_removed(operator: httpx.AsyncClient) -> None:
    made = await added(operator, facilities={"main": "Main House"})
    url = f"tenants/{made['id']}"
    more = {"main": "Old House", "west": "West House"}
    assert body(await operator.put(url, json=sent_again(made, facilities=more)))["facilities"] == more
    refused = await operator.put(url, json=sent_again(made, facilities={"west": "West House"}))
    assert (refused.status_code, problem_codes(refused)) == (409, ["facility-stays"])


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"id": "Kabul"}, 400, "tenant-id"),
        ({"id": "national"}, 400, "tenant-id"),
        ({"id": OPERATORS}, 400, "tenant-id"),
        ({"id": "../x"}, 400, "tenant-id"),
        ({"country": "Afghanistan"}, 400, "value-invalid"),
        ({"currency": "XXY"}, 400, "unknown-currency"),
        ({"timezone": "Asia/Nowhere"}, 400, "timezone"),
        ({"timezone": "../../../etc/passwd"}, 400, "timezone"),
        ({"timezone": "Asia"}, 400, "timezone"),
        ({"licence": "trial"}, 400, "value-invalid"),
        ({"name": " "}, 400, "name-invalid"),
        ({"name": "a\tb"}, 400, "name-invalid"),
        ({"facilities": {"a b": "x"}}, 400, "facility-id"),
        ({"facilities": {"a": ""}}, 400, "name-invalid"),
        ({"settings": {"payment_terms": "1"}}, 400, "unknown-setting"),
        ({"settings": {"payment_terms_days": "soon"}}, 400, "setting-value"),
        ({"active": True}, 400, "unknown-element"),
    ],
)
async def test_what_is_not_understood_is_refused_and_writes_nothing(
    server: Server, operator: httpx.AsyncClient, changed: Json, status: int, code: str
) -> None:
    made = await added(operator)
    before = row_counts(server.access)
    answer = await operator.post("tenants", json=tenant(**changed))
    assert (answer.status_code, problem_codes(answer)) == (status, [code])
    if "id" not in changed:
        answer = await operator.put(f"tenants/{made['id']}", json=sent_again(made, **changed))
        assert (answer.status_code, problem_codes(answer)) == (status, [code])
    assert row_counts(server.access) == before
    assert body(await operator.get(f"tenants/{made['id']}")) == made


async def test_an_id_is_taken_once_and_a_repeated_request_is_one(operator: httpx.AsyncClient) -> None:
    sent = tenant()
    answers = [await operator.post("tenants", json=sent, headers={"idempotency-key": "one"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[1].headers["idempotency-replayed"] == "true"
    taken = await operator.post("tenants", json=sent)
    assert (taken.status_code, problem_codes(taken)) == (409, ["tenant-exists"])


@pytest.mark.parametrize("name", ["none", "national", "-"])
async def test_what_is_no_tenant_is_not_there(operator: httpx.AsyncClient, name: str) -> None:
    for answer in (
        await operator.get(f"tenants/{name}"),
        await operator.put(f"tenants/{name}", json=sent_again(tenant())),
    ):
        assert (answer.status_code, problem_codes(answer)) == (404, ["tenant-unknown"])


@pytest.mark.parametrize("scope", [SCOPE, "billing:*", "system/*.cruds billing:*"])
async def test_no_token_of_a_tenant_comes_here_whatever_its_scopes(
    server: Server, hospital: Hospital, scope: str
) -> None:
    before = row_counts(server.access)
    async with rest_client(server, hospital.tenant_id, scope) as http:
        for route in ROUTES:
            for id_ in (hospital.tenant_id, "none"):
                path = route.path.replace("{id}", id_).removeprefix("/")
                content = sent_again(tenant()) if route.method == "PUT" else tenant() if route.takes else None
                answer = await http.request(route.method, path, json=content)
                assert (answer.status_code, problem_codes(answer)) == (403, ["operators-only"])
    assert row_counts(server.access) == before


async def test_a_token_of_operators_needs_the_scope_and_sees_no_tenant_s_data(
    server: Server, hospital: Hospital
) -> None:
    await hospital.account()
    async with rest_client(server, OPERATORS, "system/*.cruds billing:price:write") as http:
        answer = await http.get("tenants")
        assert (answer.status_code, problem_codes(answer)) == (403, ["insufficient-scope"])
    async with rest_client(server, OPERATORS) as http:
        for path in ("settings", "invoices", "price-lists", "subscriptions"):
            answer = await http.get(path)
            assert (answer.status_code, problem_codes(answer)) == (403, ["unknown-tenant"])
    async with server.client(server.token(OPERATORS)) as fhir:
        for url in ("Account", "_history", "AuditEvent", "$meta"):
            assert codes_of(body(await fhir.get(url))) == ["unknown-tenant"]
        assert (await fhir.post("Account", json={"resourceType": "Account", "status": "active"})).status_code == 403


async def test_the_reserved_tenant_of_operators_reads_the_registry_and_not_one_row_more(
    database: DatabaseAccess,
) -> None:
    """Were its token to get as far as the database, row-level security would still stop it."""
    with psycopg.connect(database.app) as connection:
        connection.execute("SELECT set_config('billing.tenant', %s, true)", [OPERATORS])
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'billing'").fetchall()
        national = {"price_list", "price_list_version", "price", "price_rule", "tax_rule", "charge_code"}
        for (table,) in tables:
            if table in national | {"tenant", "access_log", "subscription_secret"}:
                continue
            query = psycopg.sql.SQL("SELECT count(*) FROM billing.{}").format(psycopg.sql.Identifier(table))
            assert connection.execute(query).fetchone() == (0,), table
        changed = connection.execute("UPDATE billing.tenant SET active = false")
        assert changed.rowcount == 0
        connection.rollback()


async def test_what_an_operator_changes_is_in_the_access_log_of_the_tenant(
    server: Server, operator: httpx.AsyncClient
) -> None:
    made = await added(operator)
    await operator.put(f"tenants/{made['id']}", json=sent_again(made, licence="suspended"))
    with psycopg.connect(server.access.superuser, row_factory=dict_row) as connection:
        rows = connection.execute(
            "SELECT actor, route FROM billing.access_log WHERE tenant_id = %s ORDER BY id", [made["id"]]
        ).fetchall()
    assert [(row["actor"], row["route"]) for row in rows] == [
        ("the-operator", "POST /api/v1/billing/tenants"),
        ("the-operator", "PUT /api/v1/billing/tenants/{id}"),
    ]


async def test_the_recognition_point_is_set_by_operators_too(server: Server, operator: httpx.AsyncClient) -> None:
    made = await added(operator, settings={"recognition_point": "issue"})
    async with rest_client(server, made["id"]) as http:
        assert body(await http.get("settings"))["recognition"] == [{"first_day": "1900-01-01", "point": "issue"}]
        assert (await operator.put(f"tenants/{made['id']}", json=sent_again(made))).status_code == 200
        assert len(body(await http.get("settings"))["recognition"]) == 1
        changed = await operator.put(f"tenants/{made['id']}", json=sent_again(made, settings={}))
        assert body(changed)["defaults"]["recognition_point"] == "capture"
        assert [each["point"] for each in body(await http.get("settings"))["recognition"]] == ["issue", "capture"]
