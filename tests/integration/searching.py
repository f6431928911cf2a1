"""A tenant of a test's own, resources put straight into its tables, and searches over them by query string."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from billing.record_change import record_creation
from mappers import mapper_for
from mappers.search_query import SearchLimits, SearchRequest, decode_query, read_search
from storage.search import Anchor, Page, PageWanted, read_ids, read_page
from storage.transaction import Database
from tests.database_server import DatabaseAccess

BASE = "https://billing.example.org/fhir"
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)

_decode = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal).decode
_encode = msgspec.json.Encoder(decimal_format="number").encode


@dataclass(frozen=True)
class SearchedTenant:
    database: Database
    tenant_id: str

    async def store(self, *documents: dict[str, Any]) -> None:
        """Put resources into the tables as they are, without any rule of billing."""
        async with self.database.transaction(self.tenant_id, "test") as tx:
            await tx.read_clock()
            for document in documents:
                copy = _decode(_encode(document))
                mapper = mapper_for(copy["resourceType"])
                record_creation(tx, mapper.parse(copy, id=document["id"], base_url=BASE))

    async def find(self, search: str, *, now: datetime = NOW) -> list[str]:
        """The ids that a search such as `Invoice?status=issued` finds, in the order of the ids."""
        resource_type, _, query = search.partition("?")
        asked = read(resource_type, query, now=now)
        return await read_ids(self.database, self.tenant_id, resource_type, asked.criterion, limit=1000)

    async def page(self, search: str, *, after: Anchor | None = None, backward: bool = False) -> Page:
        resource_type, _, query = search.partition("?")
        asked = read(resource_type, query)
        wanted = PageWanted(
            resource_type, asked.criterion, asked.sort, asked.count, after, backward, asked.total == "accurate"
        )
        return await read_page(self.database, self.tenant_id, wanted)

    async def pages(self, search: str) -> AsyncIterator[Page]:
        """All pages, forward."""
        after: Anchor | None = None
        while True:
            page = await self.page(search, after=after)
            yield page
            if not page.more:
                return
            after = page.matches[-1].anchor


def read(resource_type: str, query: str, *, now: datetime = NOW, lenient: bool = False) -> SearchRequest:
    return read_search(
        resource_type,
        mapper_for(resource_type).search_parameters,
        decode_query(query),
        base_url=BASE,
        now=now,
        limits=SearchLimits(default_count=50, max_count=1000),
        lenient=lenient,
    )


def ids(page: Page) -> list[str]:
    return [match.anchor.id for match in page.matches]


@asynccontextmanager
async def searched_tenant(access: DatabaseAccess) -> AsyncIterator[SearchedTenant]:
    database = Database(access.app)
    await database.open()
    try:
        yield SearchedTenant(database, f"search-{secrets.token_hex(4)}")
    finally:
        await database.close()
