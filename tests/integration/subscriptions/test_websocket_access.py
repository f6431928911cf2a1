"""Who may bind a websocket, for how long, and that it is in the access log. Every way to hear more is tried."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from websockets.exceptions import ConnectionClosed

from billing.tenants import change_tenant
from storage.transaction import Database
from tests.integration.fhir_server.test_subscription import search_subscription, topic_subscription
from tests.integration.serving import Hospital, Json, Server, body, codes_of
from tests.integration.subscriptions.test_operations import port, said, socket_of, values, websocket_subscription
from tests.integration.subscriptions.test_rest_hook import with_content

__all__ = ["port"]

pytestmark = pytest.mark.usefixtures("dispatcher")


async def bound(hospital: Hospital, content: str) -> Json:
    return await hospital.create(websocket_subscription(topic_subscription("invoice-issued", **with_content(content))))


def bindings(hospital: Hospital) -> list[dict[str, Any]]:
    with psycopg.connect(hospital.server.access.superuser, row_factory=dict_row) as connection:
        query = "SELECT * FROM billing.access_log WHERE tenant_id = %s AND route = 'websocket bind' ORDER BY id"
        return connection.execute(query, [hospital.tenant_id]).fetchall()


@pytest.mark.parametrize("content", ["id-only", "full-resource"])
async def test_who_may_not_read_invoices_does_not_hear_of_them_over_another_client_s_subscription(
    server: Server, hospital: Hospital, port: int, content: str
) -> None:
    subscription = await bound(hospital, content)
    url = f"Subscription/{subscription['id']}/$get-ws-binding-token"
    for scope in ("system/Subscription.r", "system/Subscription.cruds system/Invoice.rs?status=issued"):
        token = server.token(hospital.tenant_id, scope)
        async with socket_of(port, token) as socket:
            await socket.send(f"bind {subscription['id']}")
            assert codes_of(json.loads(await said(socket))) == ["insufficient-scope"]
        async with server.client(token) as http:
            for each in (url, "Subscription/$get-ws-binding-token"):
                answer = await http.get(each)
                assert (answer.status_code, codes_of(body(answer))) == (403, ["insufficient-scope"])
    async with socket_of(port, server.token(hospital.tenant_id, "system/Subscription.r system/Invoice.r")) as socket:
        await socket.send(f"bind {subscription['id']}")
        assert await said(socket) == f"bound {subscription['id']}"


async def test_that_something_happened_is_for_all_who_may_read_the_subscription(
    server: Server, hospital: Hospital, port: int
) -> None:
    token = server.token(hospital.tenant_id, "system/Subscription.r")
    for created in (
        await bound(hospital, "empty"),
        await hospital.create(websocket_subscription(search_subscription())),
    ):
        async with socket_of(port, token) as socket:
            await socket.send(f"bind {created['id']}")
            assert await said(socket) == f"bound {created['id']}"


@pytest.mark.parametrize("scope", ["system/Subscription.r?status=active system/Invoice.r", "patient/*.cruds"])
async def test_a_narrowed_token_binds_nothing(server: Server, hospital: Hospital, port: int, scope: str) -> None:
    subscription = await bound(hospital, "full-resource")
    token = server.token(hospital.tenant_id, scope, patient="p1")
    async with socket_of(port, token) as socket:
        await socket.send(f"bind {subscription['id']}")
        assert codes_of(json.loads(await said(socket))) == ["insufficient-scope"]
    async with server.client(token) as http:
        assert (await http.get(f"Subscription/{subscription['id']}/$get-ws-binding-token")).status_code == 403


async def test_another_tenant_binds_nothing_of_mine(server: Server, hospital: Hospital, port: int) -> None:
    subscription = await bound(hospital, "full-resource")
    async with socket_of(port, server.token(await server.add_tenant())) as socket:
        await socket.send(f"bind {subscription['id']}")
        assert codes_of(json.loads(await said(socket))) == ["not-found"]


async def test_bindings_and_refusals_are_in_the_access_log(server: Server, hospital: Hospital, port: int) -> None:
    subscription = await bound(hospital, "full-resource")
    id_ = subscription["id"]
    async with socket_of(port, server.token(hospital.tenant_id, subject="listener")) as socket:
        await socket.send(f"bind {id_}")
        await said(socket)
    async with socket_of(port, server.token(hospital.tenant_id, "system/Invoice.r", subject="nosy")) as socket:
        await socket.send(f"bind {id_}")
        await said(socket)
    async with server.client(server.token(hospital.tenant_id, subject="browser")) as http:
        granted = values(body(await http.get(f"Subscription/{id_}/$get-ws-binding-token")))
    async with socket_of(port) as socket:
        await socket.send(f"bind-with-token {granted['token']}")
        await said(socket)
    await server.app.state.access_log.flush()
    rows = bindings(hospital)
    told = [(row["actor"], row["resource_id"], row["http_status"], row["code"]) for row in rows]
    assert told == [
        ("listener", id_, 200, None),
        ("nosy", id_, 403, "insufficient-scope"),
        ("browser", id_, 200, None),
    ]
    assert len({row["request_id"] for row in rows}) == 3
    found = await hospital.read(f"AuditEvent?entity=Subscription/{id_}&subtype=operation&agent-name=nosy")
    assert found["total"] == 1


async def test_a_licence_that_is_gone_ends_what_is_bound(server: Server, hospital: Hospital, port: int) -> None:
    subscription = await bound(hospital, "full-resource")
    granted = values(await hospital.read(f"Subscription/{subscription['id']}/$get-ws-binding-token"))
    async with socket_of(port, server.token(hospital.tenant_id)) as socket:
        await socket.send(f"bind {subscription['id']}")
        await said(socket)
        database = Database(server.access.app)
        await database.open()
        await change_tenant(database, hospital.tenant_id, active=False)
        await database.close()
        assert codes_of(json.loads(await said(socket))) == ["MODULE_NOT_ACTIVE"]
        with pytest.raises(ConnectionClosed):
            async with asyncio.timeout(30):
                await socket.recv()
    async with socket_of(port) as socket:
        await socket.send(f"bind-with-token {granted['token']}")
        assert codes_of(json.loads(await said(socket))) == ["MODULE_NOT_ACTIVE"]
