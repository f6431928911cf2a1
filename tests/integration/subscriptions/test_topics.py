"""Every topic tells of what its command does: each is subscribed to, each command is carried out once."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from mappers.subscription_topics import TOPICS
from tests.integration.fhir_server.test_subscription import topic_subscription
from tests.integration.serving import Hospital, Json, Server, body, code, hospital_of, money
from tests.integration.subscriptions.receiver import Receiver
from tests.integration.subscriptions.test_rest_hook import until_status

pytestmark = pytest.mark.usefixtures("dispatcher")


def string(name: str, value: str) -> Json:
    return {"name": name, "valueString": value}


async def done(answer: httpx.Response) -> Json:
    assert answer.status_code in {200, 201}, answer.text
    return body(answer)


def part(parameters: Json, name: str) -> Json:
    found: Json = next(each["resource"] for each in parameters["parameter"] if each["name"] == name)
    return found


async def carry_out_everything(hospital: Hospital) -> dict[str, str]:
    """Each command once; the topic and what its event is about."""
    focus = dict[str, str]()
    account = await hospital.account()
    charge = await hospital.charge(account)
    focus["charge-captured"] = f"ChargeItem/{charge['id']}"
    await done(await hospital.operate(f"ChargeItem/{charge['id']}/$credit", string("reason", "mistake")))
    focus["charge-reversed"] = f"ChargeItem/{charge['id']}"

    _, cancelled = await hospital.issued()
    focus["invoice-issued"] = f"Invoice/{cancelled['id']}"
    await done(await hospital.operate(f"Invoice/{cancelled['id']}/$cancel", string("reason", "mistake")))
    focus["invoice-cancelled"] = f"Invoice/{cancelled['id']}"

    _, credited = await hospital.issued()
    note = await done(await hospital.operate(f"Invoice/{credited['id']}/$credit", string("reason", "mistake")))
    focus["invoice-credited"] = f"Invoice/{note['id']}"

    _, paid = await hospital.issued()
    url = f"Invoice/{paid['id']}/$post-payment"
    posted = await done(await hospital.operate(url, money("amount", 150), code("method", "cash"), key="pay"))
    payment = part(posted, "payment")["id"]
    focus["invoice-balanced"] = f"Invoice/{paid['id']}"
    focus["payment-posted"] = f"PaymentReconciliation/{payment}"
    url = f"PaymentReconciliation/{payment}/$refund"
    await done(await hospital.operate(url, money("amount", 50), string("reason", "too much"), key="refund"))
    focus["refund-issued"] = f"PaymentReconciliation/{payment}"

    _, adjusted = await hospital.issued()
    url = f"Invoice/{adjusted['id']}/$post-payment"
    posted = await done(await hospital.operate(url, money("amount", 10), code("method", "cheque"), key="pay again"))
    payment = part(posted, "payment")["id"]
    url = f"PaymentReconciliation/{payment}/$reverse"
    await done(await hospital.operate(url, code("reason", "bounced"), key="reverse"))
    focus["payment-reversed"] = f"PaymentReconciliation/{payment}"
    of = adjusted["account"]["reference"]
    wanted = (code("type", "write-off"), money("amount", 10), string("reason", "gone"))
    await done(await hospital.operate(f"{of}/$adjust", *wanted, key="adjust"))
    focus["adjustment-applied"] = f"Invoice/{adjusted['id']}"
    return focus


LIMITS = {
    f"{what}_{which}_above.AFN": "1000"
    for what in ("refund", "adjustment")
    for which in ("approval", "second_approval")
}


@pytest_asyncio.fixture
async def hospital(server: Server) -> AsyncIterator[Hospital]:
    """One where small refunds and adjustments need nobody's approval."""
    async with hospital_of(server, settings=LIMITS) as one:
        yield one


async def test_each_topic_tells_of_the_command_that_it_is_about(hospital: Hospital, receiver: Receiver) -> None:
    for topic in TOPICS.values():
        created = await hospital.create(topic_subscription(topic.name, endpoint=f"{receiver.url}/{topic.name}"))
        await until_status(hospital, created, "active")
    focus = await carry_out_everything(hospital)
    assert set(focus) == {topic.name for topic in TOPICS.values() if topic.event}

    told: defaultdict[str, list[str]] = defaultdict(list)

    def everything_came() -> bool:
        told.clear()
        for each in receiver.received:
            if each.kind == "event-notification":
                [found] = re.findall(rb'"valueReference":\{"reference":"[^"]*/fhir/(?!Subscription)([^"]+)"', each.body)
                told[each.path.rsplit("/", 1)[1]].append(found.decode())
        return set(told) == {topic.name for topic in TOPICS.values()} and all(
            wanted in told[name] for name, wanted in focus.items()
        )

    await receiver.until(everything_came)
    for topic in TOPICS.values():
        assert {each.split("/")[0] for each in told[topic.name]} <= set(topic.resource_types), topic.name
