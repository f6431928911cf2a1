"""Tenants of the platform's tenant service: who is licensed there is served here, within bounds that are stated."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import pytest_asyncio

from billing import tenant_directory
from tests.database_server import DatabaseAccess
from tests.integration.rest_client import problem_codes, rest_client
from tests.integration.serving import PATIENT, Server, body, codes_of, serving
from tests.integration.tenant_service import SECRET, TestTenantService, Trouble, tenant_service

ACCOUNT = {"resourceType": "Account", "status": "active", "subject": [PATIENT]}


@pytest_asyncio.fixture
async def service() -> AsyncIterator[TestTenantService]:
    async with tenant_service() as double:
        yield double


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is kept in memory: what would be true after two and five seconds is true now."""
    monkeypatch.setattr(tenant_directory, "KEPT_SECONDS", 0.0)
    monkeypatch.setattr(tenant_directory, "REST_SECONDS", 0.0)


@asynccontextmanager
async def led_by(
    service: TestTenantService, database: DatabaseAccess, directory: Path, **changed: Any
) -> AsyncIterator[Server]:
    secret = directory / "secret"
    secret.write_text(SECRET)
    values = {"tenant_service_url": service.url, "tenant_service_secret_file": secret} | changed
    async with serving(database, directory, tenant_service_timeout_seconds=0.5, **values) as server:
        yield server


@pytest_asyncio.fixture
async def led(service: TestTenantService, database: DatabaseAccess, tmp_path: Path) -> AsyncIterator[Server]:
    async with led_by(service, database, tmp_path) as server:
        yield server


def new_id() -> str:
    return f"ts-{secrets.token_hex(6)}"


def grow_old(server: Server, tenant_id: str, seconds: float) -> None:
    """Have what is known of a tenant be of that long ago."""
    with psycopg.connect(server.access.superuser) as connection:
        connection.execute(
            "UPDATE billing.tenant SET confirmed_at = now() - %s * interval '1 second' WHERE tenant_id = %s",
            [seconds, tenant_id],
        )


async def asked(server: Server, tenant_id: str) -> httpx.Response:
    async with server.client(server.token(tenant_id)) as http:
        return await http.get("Account")


async def registered(server: Server, tenant_id: str) -> dict[str, Any] | None:
    async with rest_client(server, "_operators") as http:
        answer = await http.get(f"tenants/{tenant_id}")
    return body(answer) if answer.status_code == 200 else None


async def test_a_tenant_that_the_service_knows_is_served_and_registered_by_itself(
    led: Server, service: TestTenantService
) -> None:
    tenant_id = new_id()
    service.add(tenant_id, currency="AED", country="AE", timezone="Asia/Dubai")
    async with led.client(led.token(tenant_id)) as http:
        made = await http.post("Account", json=ACCOUNT)
    assert made.status_code == 201, made.text
    assert "AED" in made.text
    found = await registered(led, tenant_id)
    assert found is not None
    assert (found["country"], found["timezone"], found["licence"]) == ("AE", "Asia/Dubai", "active")
    assert found["facilities"] == {"main": "Main House"}


async def test_it_is_asked_once_for_all_requests_and_servers_until_its_answer_is_old(
    led: Server, service: TestTenantService, database: DatabaseAccess, tmp_path: Path
) -> None:
    tenant_id = new_id()
    service.add(tenant_id)
    assert {(await asked(led, tenant_id)).status_code for _ in range(3)} == {200}
    other = tmp_path / "other"
    other.mkdir()
    async with led_by(service, database, other) as another:
        assert (await asked(another, tenant_id)).status_code == 200
    assert service.asked == [tenant_id]
    grow_old(led, tenant_id, 61)
    answers = await asyncio.gather(*(asked(led, tenant_id) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {200}
    assert service.asked == [tenant_id] * 2


@pytest.mark.parametrize("licence", ["suspended", "expired", "none", "ACTIVE", "", None])
async def test_whatever_is_no_licence_is_none(led: Server, service: TestTenantService, licence: str | None) -> None:
    tenant_id = new_id()
    service.add(tenant_id, licence=licence)
    answer = await asked(led, tenant_id)
    assert (answer.status_code, codes_of(body(answer))) == (403, ["MODULE_NOT_ACTIVE"])


async def test_a_licence_that_is_withdrawn_has_its_effect_when_the_answer_is_old_and_so_has_one_that_is_given(
    led: Server, service: TestTenantService
) -> None:
    tenant_id = new_id()
    service.add(tenant_id)
    assert (await asked(led, tenant_id)).status_code == 200
    service.add(tenant_id, licence="suspended")
    grow_old(led, tenant_id, 59)
    assert (await asked(led, tenant_id)).status_code == 200
    grow_old(led, tenant_id, 61)
    assert (await asked(led, tenant_id)).status_code == 403
    service.add(tenant_id)
    grow_old(led, tenant_id, 61)
    assert (await asked(led, tenant_id)).status_code == 200


async def test_who_is_not_known_there_is_not_known_here_and_leaves_no_row(
    led: Server, service: TestTenantService
) -> None:
    tenant_id = new_id()
    answer = await asked(led, tenant_id)
    assert (answer.status_code, codes_of(body(answer))) == (403, ["unknown-tenant"])
    assert await registered(led, tenant_id) is None
    service.add(tenant_id)
    assert (await asked(led, tenant_id)).status_code == 200


async def test_who_is_not_known_there_any_more_has_no_licence_also_while_it_is_away(
    led: Server, service: TestTenantService
) -> None:
    tenant_id = new_id()
    service.add(tenant_id)
    assert (await asked(led, tenant_id)).status_code == 200
    del service.tenants[tenant_id]
    grow_old(led, tenant_id, 61)
    for trouble in ("", "fails"):
        service.trouble = trouble
        answer = await asked(led, tenant_id)
        assert (answer.status_code, codes_of(body(answer))) == (403, ["MODULE_NOT_ACTIVE"])


TROUBLES: tuple[Trouble, ...] = (
    *("silent", "fails", "forbids", "redirects", "nonsense", "other", "endless", "bad-facts"),
)


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_while_it_does_not_answer_what_it_said_holds_for_so_long_and_then_no_more(
    led: Server, service: TestTenantService, trouble: Trouble
) -> None:
    tenant_id = new_id()
    service.add(tenant_id)
    assert (await asked(led, tenant_id)).status_code == 200
    service.trouble = trouble
    grow_old(led, tenant_id, 4 * 3600 - 60)
    assert (await asked(led, tenant_id)).status_code == 200
    grow_old(led, tenant_id, 4 * 3600 + 1)
    answer = await asked(led, tenant_id)
    assert (answer.status_code, codes_of(body(answer))) == (503, ["tenant-service-unavailable"])
    assert answer.headers["retry-after"]
    service.trouble = ""
    assert (await asked(led, tenant_id)).status_code == 200


async def test_who_was_never_confirmed_is_not_served_while_it_does_not_answer(
    led: Server, service: TestTenantService
) -> None:
    by_hand = await led.add_tenant()
    for trouble in ("fails", "silent"):
        service.trouble = trouble
        for tenant_id in (new_id(), by_hand):
            answer = await asked(led, tenant_id)
            assert (answer.status_code, codes_of(body(answer))) == (503, ["tenant-service-unavailable"])


async def test_a_server_that_starts_during_an_outage_goes_on_with_what_is_known(
    service: TestTenantService, database: DatabaseAccess, tmp_path: Path
) -> None:
    tenant_id = new_id()
    service.add(tenant_id)
    first, second = tmp_path / "first", tmp_path / "second"
    for directory in (first, second):
        directory.mkdir()
    async with led_by(service, database, first) as server:
        assert (await asked(server, tenant_id)).status_code == 200
    async with led_by(service, database, second, tenant_service_url="http://127.0.0.1:1/v1") as server:
        grow_old(server, tenant_id, 3600)
        assert (await asked(server, tenant_id)).status_code == 200
        assert (await asked(server, new_id())).status_code == 503


async def test_one_that_did_not_answer_is_left_alone_for_a_moment(
    led: Server, service: TestTenantService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tenant_directory, "REST_SECONDS", 5.0)
    service.trouble = "fails"
    assert {(await asked(led, new_id())).status_code for _ in range(4)} == {503}
    assert len(service.asked) == 1


@pytest.mark.parametrize("tenant_id", ["../admin", "national", "_operators", "A", "a/b", "x" * 64, "-", "a%2fb"])
async def test_what_can_be_no_tenant_is_never_asked_for(
    led: Server, service: TestTenantService, tenant_id: str
) -> None:
    answer = await asked(led, tenant_id)
    assert answer.status_code == 403
    assert service.asked == []


async def test_what_it_says_changes_here_but_for_a_currency_that_has_accounts(
    led: Server, service: TestTenantService
) -> None:
    used, unused = new_id(), new_id()
    for tenant_id in (used, unused):
        service.add(tenant_id)
        assert (await asked(led, tenant_id)).status_code == 200
    async with led.client(led.token(used)) as http:
        assert (await http.post("Account", json=ACCOUNT)).status_code == 201
    for tenant_id, currency in ((used, "AFN"), (unused, "USD")):
        facilities = [{"id": "west", "name": "West House"}]
        service.add(tenant_id, name="Another", currency="USD", facilities=facilities)
        grow_old(led, tenant_id, 61)
        assert (await asked(led, tenant_id)).status_code == 200
        found = await registered(led, tenant_id)
        assert found is not None
        assert (found["name"], found["currency"]) == ("Another", currency)
        assert found["facilities"] == {"main": "Main House", "west": "West House"}


async def test_settings_are_ours_and_stay_and_all_else_is_changed_there(
    led: Server, service: TestTenantService
) -> None:
    tenant_id = new_id()
    service.add(tenant_id)
    assert (await asked(led, tenant_id)).status_code == 200
    async with rest_client(led, "_operators") as http:
        found = body(await http.get(f"tenants/{tenant_id}"))
        sent = {name: value for name, value in found.items() if name not in {"id", "defaults"}}
        changed = await http.put(f"tenants/{tenant_id}", json={**sent, "settings": {"payment_terms_days": "14"}})
        assert changed.status_code == 200, changed.text
        refused = await http.put(f"tenants/{tenant_id}", json={**sent, "licence": "suspended"})
        assert (refused.status_code, problem_codes(refused)) == (409, ["tenant-led-elsewhere"])
        refused = await http.post("tenants", json={**sent, "id": new_id()})
        assert (refused.status_code, problem_codes(refused)) == (409, ["tenant-led-elsewhere"])
    grow_old(led, tenant_id, 61)
    assert (await asked(led, tenant_id)).status_code == 200
    after = await registered(led, tenant_id)
    assert after is not None
    assert after["settings"] == {"payment_terms_days": "14"}
