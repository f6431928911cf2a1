"""The ids of a type are divided into stretches that hold each of them once."""

from __future__ import annotations

import pytest

from storage import check_rows, check_versions
from storage.check_rows import Stretch
from tests.database_server import DatabaseAccess
from tests.integration.billing.check.books import account, opened_books


@pytest.mark.parametrize("size", [1, 3, 7, 100])
async def test_every_resource_and_every_version_is_in_one_stretch(fresh_database: DatabaseAccess, size: int) -> None:
    async with opened_books(fresh_database) as books:
        ids = [(await books.create(account())).id for _ in range(7)]
        # One that is gone, and has versions only.
        gone = max(ids)
        books.spoil("DELETE FROM billing.account WHERE tenant_id = %(tenant)s AND id = %(gone)s", gone=gone)
        async with books.audit.snapshot() as snapshot:
            stretches = await check_rows.stretches(snapshot, books.tenant_id, "Account", size)
            assert [each.after for each in stretches] == ["", *(each.through for each in stretches[:-1])]
            assert stretches[-1].through is None
            seen, versions = [], []
            for stretch in stretches:
                heads = await check_rows.heads(snapshot, books.tenant_id, "Account", stretch)
                assert len(heads) <= size
                seen += [head.id for head in heads]
                async for batch in check_versions.versions(snapshot, books.tenant_id, "Account", stretch):
                    versions += [(version.id, version.version) for version in batch]
    assert seen == sorted(set(ids) - {gone})
    assert versions == [(each, 1) for each in sorted(ids)]


async def test_a_type_without_any_is_one_stretch(fresh_database: DatabaseAccess) -> None:
    async with opened_books(fresh_database) as books, books.audit.snapshot() as snapshot:
        for resource_type in ("Invoice", "Patient"):
            stretches = await check_rows.stretches(snapshot, books.tenant_id, resource_type, 10)
            assert stretches == [Stretch()]
            assert await check_rows.heads(snapshot, books.tenant_id, resource_type, stretches[0]) == []
