"""Records come back from their rows as they were written, whatever valid resource they hold."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from copy import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.record_change import record_creation, record_deletion, record_update
from billing.touched_accounts import accounts_named_by
from ledger.account import Account
from ledger.errors import Refusal
from ledger.invoice import Invoice
from ledger.resource import Resource
from mappers import mapper_for
from mappers.r4.json_text import decode, encode
from storage import account_lookups, resource_versions
from storage.pipeline import Statement
from storage.resource_rows import RESOURCE_TYPES, load
from storage.transaction import Database
from tests.database_server import DatabaseAccess
from tests.strategies import resources

# Columns that refer to rows which these tests do not make.
_REFERRING = ("account_id", "charge_item_id", "payment_id", "payment_account_id", "credit_of_id")


@pytest.fixture(scope="module")
async def pool(database: DatabaseAccess) -> AsyncIterator[Database]:
    database_ = Database(database.app)
    await database_.open()
    yield database_
    await database_.close()


def record_of(document: dict[str, Any], resource_id: str) -> Resource:
    record: Resource = mapper_for(document["resourceType"]).parse(
        decode(encode(document)), id=resource_id, base_url="http://localhost/fhir"
    )
    for name in _REFERRING:
        if hasattr(record, name):
            setattr(record, name, None)
    for line in getattr(record, "lines", ()):
        line.charge_item_id = None
    if isinstance(record, Invoice):
        record.settled_minor = record.due_minor = record.settlement_currency = None
    if isinstance(record, Account):
        record.currency = record.currency or "AFN"
    return record


@pytest.mark.parametrize("resource_type", RESOURCE_TYPES)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
async def test_a_resource_is_the_same_when_it_is_read_from_its_rows(
    pool: Database, resource_type: str, data: st.DataObject
) -> None:
    first, second = (data.draw(resources(resource_type, billing=True)) for _ in range(2))
    tenant_id, resource_id = f"rows-{secrets.token_hex(6)}", "1"
    try:
        created, changed = record_of(first, resource_id), record_of(second, resource_id)
    except Refusal:
        return
    async with pool.transaction(tenant_id, "test") as tx:
        await tx.read_clock()
        record_creation(tx, created)
        assert await load(tx, resource_type, [resource_id]) == {resource_id: created}
        record_update(tx, changed, created)
        assert await load(tx, resource_type, [resource_id]) == {resource_id: changed}
        named = await account_lookups.accounts_named_by(tx, {resource_type: [resource_id, "2"]})
        assert named == {(resource_type, resource_id): accounts_named_by(changed)}
    newest = await resource_versions.read_latest(pool, tenant_id, resource_type, resource_id)
    assert newest is not None
    assert newest.content is not None
    assert newest.content.encode() == mapper_for(resource_type).render(changed)
    await asyncio.sleep(0)


@pytest.mark.parametrize("resource_type", RESOURCE_TYPES)
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
async def test_what_is_deleted_leaves_nothing_to_what_is_created_in_its_place(
    pool: Database, resource_type: str, data: st.DataObject
) -> None:
    first, second = (data.draw(resources(resource_type, billing=True)) for _ in range(2))
    try:
        deleted, created = record_of(first, "1"), record_of(second, "1")
    except Refusal:
        return
    async with pool.transaction(f"rows-{secrets.token_hex(6)}", "test") as tx:
        await tx.read_clock()
        record_creation(tx, deleted)
        record_deletion(tx, deleted)
        assert await load(tx, resource_type, ["1"]) == {}
        record_creation(tx, created, base_version=2)
        assert await load(tx, resource_type, ["1"]) == {"1": created}


async def test_however_many_resources_change_their_versions_are_one_statement(pool: Database) -> None:
    sent: list[bytes] = []

    async def listening(statements: Sequence[tuple[Statement, Sequence[Any]]]) -> None:
        sent.extend(statement.sql for statement, _ in statements)

    document = {"resourceType": "Account", "status": "active", "name": "a"}
    records = [record_of(document, f"{number}") for number in range(3)]
    pool.failpoint = listening
    try:
        async with pool.transaction(f"rows-{secrets.token_hex(6)}", "test") as tx:
            await tx.read_clock()
            for record in records:
                record_creation(tx, record)
                record_update(tx, record_of(document | {"name": "b"}, record.id), copy(record))
    finally:
        pool.failpoint = None
    for table in (b"resource_versions", b"outbox", b"outbox_queue"):
        assert sum(sql.startswith(b"INSERT INTO billing." + table + b" ") for sql in sent) == 1, table
    assert sum(sql.startswith(b"UPDATE billing.account ") for sql in sent) == 3


async def test_several_records_are_read_at_once_each_with_its_own_parts(pool: Database) -> None:
    tenant_id = f"rows-{secrets.token_hex(6)}"
    records = {}
    async with pool.transaction(tenant_id, "test") as tx:
        await tx.read_clock()
        for number in range(30):
            document = {
                "resourceType": "Invoice",
                "status": "draft",
                "identifier": [{"system": "s", "value": f"{number}-{at}"} for at in range(number % 3)],
                "lineItem": [
                    {
                        "sequence": at + 1,
                        "chargeItemCodeableConcept": {"text": f"{number}-{at}"},
                        "priceComponent": [{"type": "base", "factor": number}],
                    }
                    for at in range(number % 4)
                ],
            }
            record = mapper_for("Invoice").parse(document, id=str(number), base_url="")
            record_creation(tx, record)
            records[record.id] = record
    async with pool.transaction(tenant_id, "test") as tx:
        assert await load(tx, "Invoice", [*records, "missing"]) == records
        assert await load(tx, "Invoice", []) == {}
