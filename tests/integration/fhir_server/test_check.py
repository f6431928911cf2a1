"""`./run check` as an operator meets it: a line a tenant, a list and exit 1 if anything is off, JSON when asked."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import pytest
from psycopg.conninfo import conninfo_to_dict

from billing.check.corruption import Corruption
from billing.check.finding import Finding
from fhir_server.check_journal import CheckJournal, TenantChecked
from storage.check_journal import Counts
from tests.checkout import CHECKOUT
from tests.database_server import DatabaseAccess
from tests.integration.billing.check.books import Books, opened_books, write_a_month


class Outcome(NamedTuple):
    code: int | None
    out: str
    err: str


@pytest.fixture
async def books(fresh_database: DatabaseAccess) -> AsyncIterator[Books]:
    async with opened_books(fresh_database) as opened:
        await write_a_month(opened)
        yield opened


async def check(access: DatabaseAccess, *options: str, **variables: str) -> Outcome:
    urls = {"DATABASE_URL": access.app, "BILLING_AUDIT_DATABASE_URL": access.audit}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "fhir_server", "check", *options),
        cwd=CHECKOUT,
        env=os.environ | urls | variables,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return Outcome(process.returncode, out.decode(), err.decode())


async def test_sound_books_are_a_line_a_tenant_and_exit_0(books: Books) -> None:
    checked = await check(books.access)
    assert (checked.code, checked.err) == (0, "")
    line, national = checked.out.splitlines()
    assert national.startswith("tenant national: ")
    assert line.startswith(f"tenant {books.tenant_id}: ")
    assert line.endswith(" versions ... ok")


async def test_what_is_off_is_listed_and_exits_with_1(books: Books) -> None:
    books.spoil("DELETE FROM billing.outbox WHERE tenant_id = %(tenant)s AND id = %(draft)s")
    checked = await check(books.access, "--tenant", books.tenant_id)
    assert checked.code == 1
    line, finding, summary = checked.out.splitlines()
    assert line.endswith(" ... 1 finding")
    assert finding == (
        f"outbox-row-missing  {books.tenant_id}  Invoice/{books.known['draft']}/_history/1:"
        " the version has no outbox row: nobody was told of it"
    )
    assert summary == "1 finding; docs/check.md says what each means and what to do"


async def test_json_says_the_same_in_one_object(books: Books) -> None:
    books.spoil("DELETE FROM billing.outbox WHERE tenant_id = %(tenant)s AND id = %(draft)s")
    checked = await check(books.access, "--json")
    assert checked.code == 1
    document = json.loads(checked.out)
    assert document["sound"] is False
    assert [tenant["tenant"] for tenant in document["tenants"]] == [books.tenant_id, "national"]
    assert document["tenants"][0]["findings"] == 1
    assert document["tenants"][0]["postings"] == books.value("SELECT count(*) FROM billing.posting")
    (finding,) = document["findings"]
    assert finding["code"] == "outbox-row-missing"
    assert finding["tenant"] == books.tenant_id


async def test_one_that_was_interrupted_goes_on_behind_the_tenants_that_are_done(books: Books, tmp_path: Path) -> None:
    file = tmp_path / "done"
    ended = await check(books.access, "--resume", str(file))
    assert ended.code == 0
    assert not file.exists()
    # As if it had been killed before the second tenant.
    access = conninfo_to_dict(books.access.audit)
    subject = f"{access['dbname']} at {access['host']}:{access['port']}"
    finding = Finding(Corruption.BALANCE_STALE, books.tenant_id, "Account/1", "it was off")
    CheckJournal(file, subject).note(TenantChecked(books.tenant_id, Counts(1, 2, 3, 4, 5), [finding]))
    books.spoil("DELETE FROM billing.outbox WHERE tenant_id = %(tenant)s AND id = %(draft)s")
    resumed = await check(books.access, "--resume", str(file))
    assert resumed.code == 1
    before, national, found, _ = resumed.out.splitlines()
    assert before == (
        f"tenant {books.tenant_id}: 1 entries, 2 postings, 4 resources, 3 versions ... 1 finding (before)"
    )
    assert national.startswith("tenant national: ")
    assert found == f"balance-stale  {books.tenant_id}  Account/1: it was off"
    assert not file.exists()
    CheckJournal(file, "another database").note(TenantChecked("x", Counts(0, 0, 0, 0, 0), []))
    refused = await check(books.access, "--resume", str(file))
    assert (refused.code, refused.out) == (1, "")
    assert "is of a check of another database" in refused.err


async def test_it_is_refused_without_the_auditor(books: Books) -> None:
    unset = await check(books.access, BILLING_AUDIT_DATABASE_URL="")
    assert (unset.code, unset.out) == (1, "")
    assert unset.err == "run: BILLING_AUDIT_DATABASE_URL is not set, and this needs it\n"
    wrong = await check(books.access, BILLING_AUDIT_DATABASE_URL=books.access.app)
    assert (wrong.code, wrong.out) == (1, "")
    assert "check as billing_audit" in wrong.err


async def test_rebuild_renders_anew_what_an_older_mapper_rendered_if_all_is_sound(books: Books) -> None:
    books.spoil(
        "UPDATE billing.resource_versions SET mapper_version = 0 WHERE tenant_id = %(tenant)s AND id = %(account)s"
    )
    assert (await check(books.access, "--rebuild")).out.endswith("1 resource rendered anew\n")
    assert (await check(books.access, "--rebuild")).out.endswith("0 resources rendered anew\n")


async def test_rebuild_touches_nothing_while_anything_is_off(books: Books) -> None:
    books.spoil(
        "UPDATE billing.resource_versions SET mapper_version = 0 WHERE tenant_id = %(tenant)s AND id = %(account)s"
    )
    books.spoil("DELETE FROM billing.outbox WHERE tenant_id = %(tenant)s AND id = %(draft)s")
    before = books.value("SELECT count(*) FROM billing.resource_versions")
    assert (await check(books.access, "--rebuild")).code == 1
    assert books.value("SELECT count(*) FROM billing.resource_versions") == before
