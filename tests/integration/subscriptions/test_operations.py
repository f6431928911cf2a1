"""$status, $events and the websocket with $get-ws-binding-token."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import psycopg
import pytest
import pytest_asyncio
import uvicorn
from websockets.asyncio.client import ClientConnection, connect

from tests.integration.fhir_server.test_subscription import BACKPORT, TOPIC, search_subscription, topic_subscription
from tests.integration.serving import BASE, Hospital, Json, Server, body, codes_of, hospital_of
from tests.integration.subscriptions.receiver import Receiver
from tests.integration.subscriptions.test_rest_hook import subscribed, until_status, with_content

pytestmark = pytest.mark.usefixtures("dispatcher")


def values(parameters: Json) -> Json:
    return {
        each["name"]: next(value for key, value in each.items() if key != "name") for each in parameters["parameter"]
    }


def numbers(bundle: Json) -> list[int]:
    return [
        int(part["valueString"])
        for each in bundle["entry"][0]["resource"]["parameter"]
        if each["name"] == "notification-event"
        for part in each["part"]
        if part["name"] == "event-number"
    ]


async def test_the_status_counts_the_events_whether_they_were_taken_or_not(
    hospital: Hospital, receiver: Receiver
) -> None:
    subscription = await subscribed(hospital, receiver)
    receiver.answer = lambda _: 500
    await hospital.issued()
    await until_status(hospital, subscription, "error")
    await hospital.issued()
    url = f"Subscription/{subscription['id']}/$status"
    async with asyncio.timeout(30):
        while True:
            bundle = await hospital.read(url)
            status = values(bundle["entry"][0]["resource"])
            if status["events-since-subscription-start"] == "2":
                break
            await asyncio.sleep(0.05)
    assert (bundle["type"], bundle["total"]) == ("searchset", 1)
    assert (status["status"], status["type"], status["topic"]) == ("error", "query-status", f"{TOPIC}invoice-issued")
    assert status["error"]["coding"][0]["code"] == "no-response"


async def test_the_status_of_several_is_asked_by_ids_and_statuses(hospital: Hospital) -> None:
    first, second, third = [await hospital.create(search_subscription()) for _ in range(3)]
    await hospital.http.put(f"Subscription/{third['id']}", json={**third, "status": "off"})

    async def found(query: str) -> set[str]:
        bundle = await hospital.read(f"Subscription/$status?{query}")
        return {
            values(entry["resource"])["subscription"]["reference"].rpartition("/")[2]
            for entry in bundle.get("entry", [])
        }

    assert await found("") == {first["id"], second["id"], third["id"]}
    assert await found("status=active") == {first["id"], second["id"]}
    assert await found(f"id={first['id']}&id={third['id']}&status=active&status=off") == {first["id"], third["id"]}
    answer = await hospital.http.post(
        "Subscription/$status",
        json={"resourceType": "Parameters", "parameter": [{"name": "id", "valueId": second["id"]}]},
    )
    assert body(answer)["total"] == 1
    assert (await hospital.http.get("Subscription/nobody/$status")).status_code == 404


async def test_events_are_given_again_by_their_numbers(hospital: Hospital, receiver: Receiver) -> None:
    subscription = await subscribed(hospital, receiver, "charge-captured")
    account = await hospital.account()
    charges = [await hospital.charge(account) for _ in range(5)]
    await receiver.until(lambda: len(receiver.numbers) == 5)
    url = f"Subscription/{subscription['id']}/$events"

    bundle = await hospital.read(f"{url}?eventsSinceNumber=2&eventsUntilNumber=4&content=full-resource")
    assert (bundle["type"], numbers(bundle)) == ("history", [2, 3, 4])
    assert values(bundle["entry"][0]["resource"])["type"] == "query-event"
    assert [entry["resource"]["id"] for entry in bundle["entry"][1:]] == [charge["id"] for charge in charges[1:4]]
    assert numbers(await hospital.read(url)) == [1, 2, 3, 4, 5]
    assert len((await hospital.read(f"{url}?content=empty"))["entry"]) == 1
    answer = await hospital.http.get(f"{url}?eventsSinceNumber=first")
    assert (answer.status_code, codes_of(body(answer))) == (400, ["event-number"])


async def test_events_are_given_to_those_who_may_read_what_they_are_about(
    server: Server, hospital: Hospital, receiver: Receiver
) -> None:
    subscription = await subscribed(hospital, receiver)
    await hospital.issued()
    await receiver.until(lambda: receiver.numbers == [1])
    url = f"Subscription/{subscription['id']}"
    async with server.client(server.token(hospital.tenant_id, "system/Subscription.r")) as http:
        assert (await http.get(f"{url}/$events")).status_code == 403
        assert (await http.get(f"{url}/$events?content=empty")).status_code == 200
    async with server.client(server.token(hospital.tenant_id, "system/Invoice.r")) as http:
        assert (await http.get(f"{url}/$status")).status_code == 403
    async with hospital_of(server) as other:
        for operation in ("$status", "$events", "$get-ws-binding-token"):
            assert (await other.http.get(f"{url}/{operation}")).status_code == 404


@pytest_asyncio.fixture
async def port(server: Server) -> AsyncIterator[int]:
    """The application on a real socket."""
    config = uvicorn.Config(server.app, port=0, lifespan="off", log_config=None, ws="websockets-sansio")
    running = uvicorn.Server(config)
    serving = asyncio.create_task(running.serve())
    await until(lambda: running.started)
    yield running.servers[0].sockets[0].getsockname()[1]
    running.should_exit = True
    await serving


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while True:
            if holds():
                return
            await asyncio.sleep(0.02)


def websocket_subscription(criteria: Json) -> Json:
    criteria["channel"]["type"] = "websocket"
    del criteria["channel"]["endpoint"]
    return criteria


def socket_of(port: int, token: str | None = None) -> Any:
    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    return connect(f"ws://127.0.0.1:{port}/fhir/websocket", additional_headers=headers)


async def said(socket: ClientConnection) -> str:
    async with asyncio.timeout(30):
        text = await socket.recv()
    assert isinstance(text, str)
    return text


async def test_r4_criteria_are_bound_and_pinged(server: Server, hospital: Hospital, port: int) -> None:
    subscription = await hospital.create(websocket_subscription(search_subscription()))
    async with socket_of(port, server.token(hospital.tenant_id)) as socket:
        await socket.send(f"bind {subscription['id']}")
        assert await said(socket) == f"bound {subscription['id']}"
        await hospital.issued()
        assert await said(socket) == f"ping {subscription['id']}"


async def test_a_topic_is_bound_by_a_token_and_told_by_bundles_also_of_what_was_missed(
    hospital: Hospital, port: int
) -> None:
    subscription = await hospital.create(
        websocket_subscription(topic_subscription("invoice-issued", **with_content("full-resource")))
    )
    url = f"Subscription/{subscription['id']}/$get-ws-binding-token"
    for expected in ([1], [2]):
        granted = values(await hospital.read(url))
        assert granted["websocket-url"] == f"ws{BASE.removeprefix('http')}/websocket"
        assert granted["subscription"] == f"Subscription/{subscription['id']}"
        _, invoice = await hospital.issued()
        async with socket_of(port) as socket:
            await socket.send(f"bind-with-token {granted['token']}")
            handshake = json.loads(await said(socket))
            assert values(handshake["entry"][0]["resource"])["type"] == "handshake"
            told = json.loads(await said(socket))
            assert numbers(told) == expected
            assert told["entry"][1]["resource"]["id"] == invoice["id"]
            # Only what was told is remembered as told; that takes a moment.
            await until(partial(was_sent, hospital, subscription["id"], expected[-1]))


def was_sent(hospital: Hospital, subscription_id: str, number: int) -> bool:
    with psycopg.connect(hospital.server.access.superuser) as connection:
        row = connection.execute(
            "SELECT sent_number FROM billing.subscription_state WHERE id = %s", [subscription_id]
        ).fetchone()
    return row is not None and row[0] >= number


@pytest.mark.parametrize("message", ["hello", "bind nobody", "bind-with-token abc"])
async def test_what_cannot_be_bound_is_refused(server: Server, hospital: Hospital, port: int, message: str) -> None:
    async with socket_of(port, server.token(hospital.tenant_id)) as socket:
        await socket.send(message)
        assert json.loads(await said(socket))["resourceType"] == "OperationOutcome"


async def test_without_an_access_token_nothing_is_bound_by_its_id(hospital: Hospital, port: int) -> None:
    subscription = await hospital.create(websocket_subscription(search_subscription()))
    async with socket_of(port) as socket:
        await socket.send(f"bind {subscription['id']}")
        assert codes_of(json.loads(await said(socket))) == ["token-missing"]


async def test_a_rest_hook_is_not_bound_to_a_websocket(hospital: Hospital) -> None:
    created = await hospital.create(search_subscription())
    answer = await hospital.http.get(f"Subscription/{created['id']}/$get-ws-binding-token")
    assert (answer.status_code, codes_of(body(answer))) == (422, ["channel-not-websocket"])


async def test_topics_are_listed_and_can_be_read(server: Server) -> None:
    async with server.client(None) as anyone:
        statement = body(await anyone.get("metadata"))
        [rest] = statement["rest"]
        [served] = [each for each in rest["resource"] if each["type"] == "Subscription"]
        topics = [each["valueCanonical"] for each in served["extension"]]
        assert f"{TOPIC}invoice-issued" in topics
        assert f"{BACKPORT[: -len('backport-')]}backport-subscription" in served["supportedProfile"]
        assert rest["extension"][0]["valueUri"].endswith("/fhir/websocket")
        for topic in topics:
            answer = await anyone.get(f"Basic/{topic.rpartition('/')[2]}")
            assert answer.status_code == 200
            assert {
                "url": "http://hl7.org/fhir/5.0/StructureDefinition/extension-SubscriptionTopic.url",
                "valueUri": topic,
            } in body(answer)["extension"]
        assert body(await anyone.get("Basic"))["total"] == len(topics)
