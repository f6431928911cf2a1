"""What an older mapper rendered is rendered anew on purpose, as a version of its own, and nothing else is touched."""

from __future__ import annotations

from billing.rebuild_versions import rebuild_versions
from tests.integration.billing.check.books import Books


async def test_only_what_an_older_mapper_rendered_gets_a_new_version(own_books: Books) -> None:
    own_books.spoil(
        "UPDATE billing.resource_versions SET mapper_version = 0"
        " WHERE tenant_id = %(tenant)s AND id = ANY (ARRAY[%(account)s, %(invoice)s, %(deleted_charge)s])"
    )
    before = await own_books.content("Invoice", own_books.known["invoice"])
    versions = own_books.value("SELECT count(*) FROM billing.resource_versions")
    assert await own_books.findings() == []

    assert await rebuild_versions(own_books.audit, own_books.app) == 2

    after = await own_books.content("Invoice", own_books.known["invoice"])
    assert int(after["meta"]["versionId"]) == int(before["meta"]["versionId"]) + 1
    assert {**after, "meta": None} == {**before, "meta": None}
    assert own_books.value("SELECT count(*) FROM billing.resource_versions") == versions + 2
    assert own_books.value("SELECT count(*) FROM billing.outbox") == versions + 2
    assert await own_books.findings() == []
    assert await rebuild_versions(own_books.audit, own_books.app, [own_books.tenant_id]) == 0
