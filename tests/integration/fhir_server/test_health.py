"""Health, readiness, metrics and discovery."""

from __future__ import annotations

from pathlib import Path

import psycopg
from starlette.requests import Request

from fhir_server.health import Health
from fhir_server.metrics import Metrics
from fhir_server.subscription_queue import SubscriptionQueue
from storage.transaction import Database
from tests.database_server import DatabaseAccess
from tests.integration.fhir_server.test_subscription import topic_subscription
from tests.integration.serving import Hospital, Server, body, codes_of, serving

ROOT = "http://127.0.0.1:8080"


async def test_a_server_as_it_should_be_is_healthy_and_ready(server: Server) -> None:
    async with server.client(None) as http:
        assert (await http.get(f"{ROOT}/healthz")).json() == {"status": "ok"}
        answer = await http.get(f"{ROOT}/readyz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ready"})


async def not_ready(conninfo: str, access: DatabaseAccess, data_dir: Path) -> str:
    async with serving(access, data_dir, database_url=conninfo) as server, server.client(None) as http:
        assert (await http.get(f"{ROOT}/healthz")).status_code == 200
        answer = await http.get(f"{ROOT}/readyz")
    assert answer.status_code == 503
    return " ".join(answer.json()["reasons"])


async def test_a_superuser_does_not_serve(database: DatabaseAccess, tmp_path: Path) -> None:
    reasons = await not_ready(database.superuser, database, tmp_path)
    assert "superuser" in reasons
    assert "row-level security" in reasons


async def test_the_owner_does_not_serve(database: DatabaseAccess, tmp_path: Path) -> None:
    assert "owns the tables" in await not_ready(database.migrate, database, tmp_path)


async def test_a_database_that_is_not_migrated_does_not_serve(empty_database: DatabaseAccess, tmp_path: Path) -> None:
    assert "migrations" in await not_ready(empty_database.app, empty_database, tmp_path)


async def test_another_schema_than_this_release_s_does_not_serve(
    fresh_database: DatabaseAccess, tmp_path: Path
) -> None:
    with psycopg.connect(fresh_database.superuser) as connection:
        connection.execute("UPDATE billing_migrations.schema_version SET version_num = '9999'")
    assert "9999" in await not_ready(fresh_database.app, fresh_database, tmp_path)


async def test_a_database_that_is_away_is_503_and_worth_another_try(server: Server, tmp_path: Path) -> None:
    nowhere = "host=127.0.0.1 port=1 dbname=nothing user=nobody connect_timeout=1"
    async with serving(server.access, tmp_path, database_url=nowhere, pool_timeout_seconds=1) as away:
        async with away.client(None) as http:
            assert (await http.get(f"{ROOT}/readyz")).status_code == 503
        async with away.client(away.token("demo")) as http:
            answer = await http.get("Account")
    assert (answer.status_code, codes_of(body(answer))) == (503, ["database-unavailable"])
    assert answer.headers["retry-after"] == "1"


async def test_the_root_says_where_the_rest_is(hospital: Hospital) -> None:
    links = (await hospital.http.get(f"{ROOT}/")).json()
    assert links["metadata"] == f"{links['fhir']}/metadata"
    assert (await hospital.http.get(links["metadata"])).status_code == 200


async def test_metrics_count_requests_by_route_and_status_without_ids(hospital: Hospital) -> None:
    created = await hospital.account()
    await hospital.read(f"Account/{created['id']}")
    await hospital.http.get("Account/nothing")
    await hospital.http.get("Nonsense/1")
    text = (await hospital.http.get(f"{ROOT}/metrics")).text
    assert 'billing_http_requests_total{route="GET [type]/[id]",status="200"}' in text
    assert 'billing_http_requests_total{route="GET [type]/[id]",status="404"}' in text
    assert 'billing_http_requests_total{route="other",status="404"}' in text
    assert 'billing_http_request_seconds_bucket{le="0.01",route="GET [type]/[id]"}' in text
    assert "billing_database_pool_size" in text
    assert created["id"] not in text
    assert "Nonsense" not in text


async def test_discovery_names_what_is_there(server: Server) -> None:
    async with server.client(None) as http:
        at_root = await http.get(f"{ROOT}/.well-known/smart-configuration")
        at_base = await http.get(".well-known/smart-configuration")
    assert at_root.json() == at_base.json()
    assert at_root.headers["content-type"] == "application/json"
    assert at_root.json()["token_endpoint"] == f"{ROOT}/oauth/token"
    assert "permission-v2" in at_root.json()["capabilities"]


def make_old(access: DatabaseAccess, tenant_id: str) -> None:
    with psycopg.connect(access.superuser) as connection:
        connection.execute(
            "UPDATE billing.outbox_queue SET recorded_at = recorded_at - interval '2 hours' WHERE tenant_id = %s",
            [tenant_id],
        )


def queue_of(access: DatabaseAccess, tenant_id: str) -> int:
    with psycopg.connect(access.superuser) as connection:
        row = connection.execute(
            "SELECT count(*) FROM billing.outbox_queue WHERE tenant_id = %s", [tenant_id]
        ).fetchone()
    assert row is not None
    return int(row[0])


async def test_without_a_dispatcher_the_queue_is_bounded_where_nobody_subscribes_and_told_where_somebody_does(
    server: Server, hospital: Hospital
) -> None:
    access, metrics = server.access, Metrics(dict)
    queue = SubscriptionQueue(metrics)
    worker, serving_database = Database(access.worker), Database(access.app)
    await worker.open()
    await serving_database.open()
    try:
        await hospital.account()
        await queue.look(worker)
        assert queue_of(access, hospital.tenant_id) == 1  # somebody may be subscribing at this moment
        make_old(access, hospital.tenant_id)
        await queue.look(worker)
        assert queue_of(access, hospital.tenant_id) == 0

        await hospital.create(topic_subscription("account-changed", endpoint="https://claims.example.org/"))
        await hospital.account()
        make_old(access, hospital.tenant_id)
        await queue.look(worker)
        assert queue_of(access, hospital.tenant_id) == 1
        answer = await Health(serving_database, metrics, queue).readyz(Request({"type": "http"}))
    finally:
        await worker.close()
        await serving_database.close()
    assert queue.waiting.oldest_seconds >= 7200
    assert f"billing_subscription_queue {float(queue.waiting.changes)}" in metrics.exposition().decode()
    assert answer.status_code == 200
    assert b"wait for a dispatcher" in answer.body
