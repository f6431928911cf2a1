"""The check of the books: silent while they are sound, whoever is writing them; and how it says what is off."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from billing.check.finding import Finding
from billing.check.progress import Progress
from billing.check_ledger import check_ledger
from ledger.errors import Refusal
from storage.check_journal import Counts
from storage.check_snapshot import LISTED_MAX
from storage.transaction import Database
from tests.database_server import DatabaseAccess
from tests.integration.billing.check.books import Books, charge, opened_books


class Heard(Progress):
    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ended: list[tuple[str, int]] = []
        self.steps = 0
        self.expected = 0

    def begin(self, tenant_id: str, counts: Counts, steps: int) -> None:
        assert steps > counts.versions + counts.resources
        self.begun.append(tenant_id)
        self.expected += steps

    def advance(self, steps: int) -> None:
        self.steps += steps

    def end(self, tenant_id: str, counts: Counts, findings: Sequence[Finding]) -> None:  # noqa: ARG002
        self.ended.append((tenant_id, len(findings)))


def said(findings: list[Finding]) -> list[str]:
    return [str(finding) for finding in findings]


async def test_books_with_something_of_everything_are_sound(sound_books: Books) -> None:
    assert said(await sound_books.findings()) == []


async def test_a_whole_database_is_sound_with_all_its_tenants(own_books: Books) -> None:
    async with opened_books(own_books.access):
        heard = Heard()
        assert said(await check_ledger(own_books.audit, progress=heard)) == []
        assert len(heard.begun) == 3  # and the reserved one, of national price lists
        assert dict(heard.ended)[own_books.tenant_id] == 0
        assert heard.steps == heard.expected > 0


async def test_what_is_being_written_makes_no_finding(own_books: Books) -> None:
    done = asyncio.Event()

    async def write() -> None:
        while not done.is_set():
            await own_books.create(charge(own_books.known["account"], "10"))
            await own_books.pay(100, "card", account_id=own_books.known["account"])

    writers = [asyncio.create_task(write()) for _ in range(3)]
    findings = [await own_books.findings() for _ in range(5)]
    done.set()
    await asyncio.gather(*writers)
    assert [said(each) for each in findings] == [[]] * 5


async def test_a_role_that_sees_one_tenant_proves_nothing(sound_books: Books) -> None:
    with pytest.raises(Refusal, match="not-an-auditor"):
        await check_ledger(sound_books.app, [sound_books.tenant_id])


async def test_a_tenant_that_is_not_there_is_refused(sound_books: Books) -> None:
    with pytest.raises(Refusal, match="tenant-unknown"):
        await check_ledger(sound_books.audit, ["nobody"])


async def test_a_database_without_schema_is_refused(empty_database: DatabaseAccess) -> None:
    audit = Database(empty_database.audit)
    await audit.open()
    with pytest.raises(Refusal, match="not-migrated"):
        await check_ledger(audit)
    await audit.close()


async def test_findings_of_a_tenant_are_not_those_of_another(own_books: Books) -> None:
    own_books.spoil("DELETE FROM billing.outbox WHERE tenant_id = %(tenant)s")
    async with opened_books(own_books.access) as others:
        assert said(await others.findings()) == []


async def test_so_many_findings_of_one_sort_are_listed_and_no_more(own_books: Books) -> None:
    own_books.spoil(
        "INSERT INTO billing.outbox (tenant_id, resource_type, id, version, events, recorded_at)"
        " SELECT %(tenant)s, 'Account', n::text, 1, '{}', now() FROM generate_series(1, 150) AS n"
    )
    findings = await own_books.findings()
    assert len(findings) == LISTED_MAX + 1
    assert findings[-1].message == f"and more: only the first {LISTED_MAX} are listed"


async def test_a_finding_names_the_tenant_the_place_and_what_is_wrong(own_books: Books) -> None:
    own_books.spoil(
        "UPDATE billing.account_balance SET unbilled = unbilled + 1"
        " WHERE tenant_id = %(tenant)s AND account_id = %(other_account)s"
    )
    (finding,) = await own_books.findings()
    assert finding.code == "balance-stale"
    assert finding.tenant_id == own_books.tenant_id
    assert finding.place == f"Account/{own_books.known['other_account']}"
    assert finding.message == "unbilled is stored as 1 minor units, but its postings come to 0"
