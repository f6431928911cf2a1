"""The access log: who did what with whose data, and how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple, cast

from storage.array_insert import ArrayInsert
from storage.pipeline import Statement
from storage.resource_ids import id_at
from storage.tables import access_log
from storage.transaction import Database, Reader, Transaction

NO_TENANT = "-"
"""Of requests without a valid token. No tenant can be called so."""

_QUERY_MAX, _INDEXED_MAX = 1000, 400
_INSERT = ArrayInsert(access_log, 990)
_ACTOR = "access-log"


class Access(NamedTuple):
    """One access. `interaction` is FHIR's code of it or `operation`; `code` says why it was refused."""

    recorded_at: datetime
    actor: str
    client: str
    interaction: str
    route: str
    resource_type: str | None
    resource_id: str | None
    version: int | None
    http_status: int
    code: str | None
    query: str | None
    request_id: str


class AccessFilter(NamedTuple):
    """What is looked for; None asks nothing. Statuses and times include both ends."""

    id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    actor: str | None = None
    client: str | None = None
    resource_type: str | None = None
    resource_id: str | None = None
    interaction: str | None = None
    interactions: tuple[str, ...] | None = None
    status_min: int | None = None
    status_max: int | None = None
    before_id: str | None = None


_CONDITIONS = {
    "id": "id = {}",
    "since": "recorded_at >= {}::timestamptz",
    "until": "recorded_at <= {}::timestamptz",
    "actor": "actor = {}",
    "client": "client = {}",
    "resource_type": "resource_type = {}",
    "resource_id": "resource_id = {}",
    "interaction": "interaction = {}",
    "interactions": "interaction = ANY ({}::text[])",
    "status_min": "http_status >= {}::int",
    "status_max": "http_status <= {}::int",
    "before_id": "id < {}",
}


def append(tx: Transaction, access: Access) -> None:
    """Add an access of the transaction's tenant."""
    *others, query, named = access
    values = (*map(_storable, others), _storable(query, _QUERY_MAX), _storable(named))
    tx.add(_INSERT, (tx.tenant_id, id_at(access.recorded_at), *values))


def _storable(value: Any, at_most: int = _INDEXED_MAX) -> Any:
    """What a client has put into a path or a token is logged whatever it is: one access that could not be written would
    keep all those behind it from being written. No column holds NUL, and no index long texts."""
    if type(value) is not str:
        return value
    if len(value) <= at_most and value.isascii() and value.isprintable():
        return value
    return value[:at_most].encode("utf-8", "replace").decode().replace("\x00", "\ufffd")


async def append_all(database: Database, tenant_id: str, accesses: Sequence[Access]) -> None:
    """Add accesses of one tenant in a transaction of their own."""
    async with database.transaction(tenant_id, _ACTOR) as tx:
        for access in accesses:
            append(tx, access)


async def read_accesses(reader: Reader, tenant_id: str, wanted: AccessFilter, count: int) -> list[tuple[str, Access]]:
    """The newest accesses that match, with their ids, newest first."""
    asked = tuple(name for name, value in zip(wanted._fields, wanted, strict=True) if value is not None)
    values = [value for value in wanted if value is not None]
    # The id begins with the time, so that the primary key leads to a span of time.
    bounds = [id_at(wanted.since, low=True)] if wanted.since else []
    rows = await reader.read(tenant_id, _statement(asked, bool(bounds), count), tenant_id, *values, *bounds)
    return [(row[0], Access(*row[1:])) for row in rows]


@lru_cache(maxsize=256)
def _statement(asked: tuple[str, ...], has_bound: bool, count: int) -> Statement:
    conditions = [f" AND {_CONDITIONS[name].format(f'${number}')}" for number, name in enumerate(asked, 2)]
    if has_bound:
        conditions.append(f" AND id >= ${2 + len(asked)}")
    columns = ", ".join(("id", *Access._fields))
    text = (
        f"SELECT {columns} FROM billing.access_log WHERE tenant_id = $1{''.join(conditions)}"
        f" ORDER BY id DESC LIMIT {count:d}"
    )
    return Statement(cast(Any, text))
