"""No change is missed and none is told twice, however transactions end, and filters mean what searches mean."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime

import psycopg

from billing.context import Context
from billing.create_resource import create_resource
from ledger.tenant import Tenant
from mappers import mapper_for
from mappers.criterion_evaluation import RecordRow, condition_of, lookup_key, lookup_values
from mappers.r4.json_text import decode
from mappers.search_query import SearchLimits, decode_query, read_search
from mappers.subscription_topics import filters_of
from storage.search import read_ids
from storage.transaction import Database
from tests.database_server import DatabaseAccess
from tests.integration.fhir_server.test_subscription import search_subscription, topic_subscription
from tests.integration.serving import BASE, PATIENT, Hospital, Json
from tests.integration.subscriptions.conftest import dispatching
from tests.integration.subscriptions.receiver import Receiver


async def test_a_change_that_is_committed_late_is_not_skipped(
    hospital: Hospital, receiver: Receiver, database: DatabaseAccess
) -> None:
    await hospital.create(
        search_subscription("Account?status=active", endpoint=receiver.url, payload="application/fhir+json")
    )
    context = Context(Tenant(hospital.tenant_id, "n", "AF", "AFN", "UTC"), "late", "late", BASE)
    late = Database(database.app)
    await late.open()
    try:
        async with dispatching(database):
            async with late.transaction(hospital.tenant_id, "late") as tx:
                change = await create_resource(tx, context, "Account", {"resourceType": "Account", "status": "active"})
                await tx.fetch_all([])  # it is written, with its date and its number, and not committed
                early = [(await hospital.account())["id"] for _ in range(3)]
                await receiver.until(lambda: len(receiver.received) == 3)
            await receiver.until(lambda: len(receiver.received) == 4)
    finally:
        await late.close()
    assert [each.document["id"] for each in receiver.received] == [*early, change.id]


async def test_each_change_is_one_event_though_several_dispatchers_match(
    hospital: Hospital, receiver: Receiver, database: DatabaseAccess
) -> None:
    created = await hospital.create(topic_subscription("charge-item-changed", endpoint=receiver.url))
    async with dispatching(database), dispatching(database), dispatching(database):
        account = await hospital.account()
        await asyncio.gather(*(hospital.charge(account) for _ in range(30)))
        await receiver.until(lambda: len(receiver.numbers) >= 30)
    with psycopg.connect(database.superuser) as connection:
        rows = connection.execute(
            "SELECT count(*), count(DISTINCT resource_id), max(number) FROM billing.subscription_event"
            " WHERE subscription_id = %s",
            [created["id"]],
        ).fetchone()
        queued = connection.execute(
            "SELECT count(*) FROM billing.outbox_queue WHERE tenant_id = %s", [hospital.tenant_id]
        ).fetchone()
    assert rows == (30, 30, 30)
    assert queued == (0,)


async def test_what_was_there_before_is_not_told(
    hospital: Hospital, receiver: Receiver, database: DatabaseAccess
) -> None:
    account = await hospital.account()
    await hospital.charge(account)
    await hospital.create(topic_subscription("charge-captured", endpoint=receiver.url))
    wanted = await hospital.charge(account)
    async with dispatching(database):
        await receiver.until(lambda: receiver.numbers == [1])
    assert wanted["id"] in receiver.received[-1].body.decode()


async def test_events_that_wait_survive_the_end_of_every_dispatcher(
    hospital: Hospital, receiver: Receiver, database: DatabaseAccess
) -> None:
    await hospital.create(topic_subscription("charge-captured", endpoint=receiver.url))
    account = await hospital.account()
    for _ in range(5):
        async with dispatching(database):
            await hospital.charge(account)
    async with dispatching(database):
        await receiver.until(lambda: len(set(receiver.numbers)) == 5)
    assert sorted(set(receiver.numbers)) == [1, 2, 3, 4, 5]


QUERIES = [
    "status=issued",
    "status=issued,balanced",
    "status:not=issued",
    "patient=Patient/p1",
    "patient=p1",
    "subject:missing=true",
    "issuer=Organization/1",
    "date=ge2026-03-01",
    "date=lt2026",
    "date=2026",
    "date:missing=true",
    "totalgross=gt150",
    "totalgross=150|urn:iso:std:iso:4217|AFN",
    "totalnet=le100||AFN",
    "identifier=urn:a|1",
    "identifier=1",
    "identifier=urn:a|",
    "identifier:not=urn:a|1",
    "type=x",
    "_tag=urn:t|a",
    "_id=inv-1,inv-2",
    "_lastUpdated=gt2020",
    "participant=Practitioner/1",
    "charge=ChargeItem/none",
    "account.status=x",
]


async def test_filters_in_memory_find_what_the_search_finds(hospital: Hospital) -> None:
    account = await hospital.account()
    for number, changed in enumerate(
        (
            {},
            {"date": "2026-03-05", "issuer": {"reference": "Organization/1"}},
            {"date": "2025", "identifier": [{"system": "urn:a", "value": "1"}], "type": {"coding": [{"code": "x"}]}},
            {"identifier": [{"value": "1"}, {"system": "urn:b", "value": "2"}]},
            {
                "meta": {"tag": [{"system": "urn:t", "code": "a"}]},
                "participant": [{"actor": {"reference": "Practitioner/1"}}],
            },
        )
    ):
        charge = await hospital.charge(account, 100 + 50 * number)
        draft = await hospital.draft(account, charge, **changed)  # type: ignore[arg-type]
        if number % 2:
            assert (await hospital.http.post(f"Invoice/{draft['id']}/$issue", json=None)).status_code in {200, 422}
    await hospital.create({"resourceType": "Invoice", "status": "draft"})
    bundle = await hospital.read("Invoice?_count=100")
    documents = [entry["resource"] for entry in bundle["entry"]]
    await _compare_all(hospital, documents, QUERIES)


async def test_dates_of_charges_in_memory_are_those_that_the_search_finds(hospital: Hospital) -> None:
    bounded = {"repeat": {"boundsPeriod": {"start": "2026-03-01", "end": "2026-03-31"}}}
    for occurrence in (
        {},
        {"occurrenceDateTime": "2026-03"},
        {"occurrencePeriod": {"end": "2026-03-05"}},
        {"occurrenceTiming": {"event": ["2026-04-01", "2026-03-05T08:00:00+04:30"]}},
        {"occurrenceTiming": bounded},
        {"occurrenceTiming": {"event": ["2026-05"], **bounded}},
        {"occurrenceTiming": {"repeat": {"count": 3}}},
    ):
        charge = {"resourceType": "ChargeItem", "status": "planned", "code": {"text": "x"}, "subject": PATIENT}
        await hospital.create({**charge, **occurrence})
    bundle = await hospital.read("ChargeItem?_count=100")
    documents = [entry["resource"] for entry in bundle["entry"]]
    prefixes, days = ("", "ne", "gt", "lt", "sa", "eb"), ("2026-03", "2026-04-01")
    asked = [f"occurrence={prefix}{day}" for prefix in prefixes for day in days]
    await _compare_all(hospital, documents, [*asked, "occurrence:missing=true"])


async def _compare_all(hospital: Hospital, documents: list[Json], queries: list[str]) -> None:
    database = Database(hospital.server.access.app)
    await database.open()
    try:
        for query in queries:
            await _compare(database, hospital.tenant_id, documents, query)
    finally:
        await database.close()


async def _compare(database: Database, tenant_id: str, documents: list[Json], query: str) -> None:
    resource_type = documents[0]["resourceType"]
    search = read_search(
        resource_type,
        filters_of(resource_type),
        decode_query(query),
        base_url=BASE,
        now=datetime.now(UTC),
        limits=SearchLimits(),
    )
    if search.joined_types:
        return
    wanted = set(await read_ids(database, tenant_id, resource_type, search.criterion, limit=100))
    condition, key = condition_of(search.criterion), lookup_key(search.criterion)
    found = set()
    for document in documents:
        record = mapper_for(resource_type).parse(
            decode(json.dumps(document).encode()), id=document["id"], base_url=BASE
        )
        record.last_updated = datetime.fromisoformat(document["meta"]["lastUpdated"])
        if condition(RecordRow(record)):
            found.add(record.id)
            assert key is None or key.value in lookup_values(record, key.parameter, key.column), query
    assert found == wanted, query
