"""Sealed books: whoever owns the database and rewrites it consistently is found out."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest
import pytest_asyncio

from billing.check.seals import SealProof
from billing.check_ledger import check_ledger
from billing.create_resource import create_resource
from billing.project_control_totals import project_control_totals
from billing.seal_journal import BLOCK_ROWS, seal_journal
from fhir_server.seal_keys import SealKeys
from ledger.journal_block import ContentHash, JournalBlock
from storage.transaction import Database
from tests.database_server import DatabaseAccess
from tests.integration.billing.check.books import Books, account, charge, opened_books, write_a_month

NOW = timedelta(0)


@dataclass
class Sealed:
    """Books with a sealer and its files."""

    books: Books
    sealing: Database
    keys: SealKeys

    @property
    def proof(self) -> SealProof:
        return SealProof(self.keys.verify, self.keys.heads())

    async def seal(self, margin: timedelta = NOW, rows: int = BLOCK_ROWS) -> list[JournalBlock]:
        made = await seal_journal(
            self.books.app, self.sealing, self.books.tenant_id, self.keys.sign, margin=margin, rows=rows
        )
        for block in made:
            self.keys.remember(block)
        return made

    async def codes(self) -> set[str]:
        return {
            str(each.code) for each in await check_ledger(self.books.audit, [self.books.tenant_id], None, self.proof)
        }

    async def codes_after(self, *statements: LiteralString) -> set[str]:
        return await self.books.codes_after(*statements, proof=self.proof)


async def opened_seal(access: DatabaseAccess, books: Books, directory: Path) -> Sealed:
    sealing = Database(access.worker)
    await sealing.open()
    return Sealed(books, sealing, SealKeys(directory))


@pytest_asyncio.fixture(scope="session")
async def sealed(books_database: DatabaseAccess, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Sealed]:
    """Sound books in two blocks, to look at."""
    async with opened_books(books_database) as books:
        opened = await opened_seal(books_database, books, tmp_path_factory.mktemp("seals"))
        books.known["stranger"] = (await books.create(account())).id
        await opened.seal()
        await write_a_month(books)
        await opened.seal()
        yield opened
        await opened.sealing.close()


@pytest.fixture
async def own(fresh_database: DatabaseAccess, tmp_path: Path) -> AsyncIterator[Sealed]:
    """Books that are sealed by the test."""
    async with opened_books(fresh_database) as books:
        opened = await opened_seal(fresh_database, books, tmp_path)
        books.known["account"] = (await books.create(account())).id
        yield opened
        await opened.sealing.close()


async def test_what_is_recorded_is_sealed_once_and_blocks_follow_one_another(own: Sealed) -> None:
    first = await own.seal()
    assert [(block.number, block.entries, block.versions) for block in first] == [(1, 0, 1)]
    assert await own.seal() == []
    await own.books.create(charge(own.books.known["account"], "10"))
    (second,) = await own.seal()
    assert (second.number, second.entries, second.versions) == (2, 1, 1)
    assert second.follows(first[0])
    assert await own.codes() == set()


async def test_much_is_sealed_in_several_blocks(own: Sealed) -> None:
    for _ in range(5):
        await own.books.create(charge(own.books.known["account"], "10"))
    made = await own.seal(rows=2)
    assert all(block.entries <= 2 and block.versions <= 2 for block in made)
    assert (sum(block.entries for block in made), sum(block.versions for block in made)) == (5, 6)
    assert await own.codes() == set()


async def test_two_who_seal_at_once_make_one_chain(own: Sealed) -> None:
    for _ in range(5):
        await own.books.create(charge(own.books.known["account"], "10"))
        made = await asyncio.gather(*(own.seal() for _ in range(4)))
        assert sum(map(len, made)) <= 1
    await own.seal()
    assert await own.codes() == set()


async def test_what_commits_late_is_in_the_next_block(own: Sealed) -> None:
    books = own.books
    dated, may_end = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        async with books.app.transaction(books.tenant_id, "slow") as tx:
            document = charge(books.known["account"], "10")
            await create_resource(tx, books.context, "ChargeItem", document)
            dated.set()
            await may_end.wait()

    task = asyncio.create_task(slow())
    await dated.wait()
    other = (await books.create(account(subject=[{"reference": "Patient/p9"}]))).id
    assert other
    # The account of before is sealed; neither the charge nor what came after it.
    assert sum(block.versions for block in await own.seal()) == 1
    may_end.set()
    await task
    assert sum(block.versions for block in await own.seal()) == 2
    assert await own.codes() == set()


async def test_nothing_is_dated_into_what_is_sealed_even_if_a_clock_goes_back(own: Sealed) -> None:
    # A block that ends in an hour: to those who write now, a clock that was set back by an hour.
    (block,) = await own.seal(margin=timedelta(hours=-1))
    made = [await own.books.create(charge(own.books.known["account"], "10")) for _ in range(3)]
    made.append(await own.books.create(account()))
    assert all(change.last_updated > block.sealed_through for change in made)
    assert await own.codes() == set()


async def test_the_serving_role_cannot_seal(own: Sealed) -> None:
    (block,) = await own.seal()
    with psycopg.connect(own.books.access.app) as connection:
        connection.execute("SELECT set_config('billing.tenant', %s, true)", [own.books.tenant_id])
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(
                "INSERT INTO billing.journal_block SELECT tenant_id, number + 1, sealed_through, sealed_through, 0, 0,"
                " content_hash, hash, sealed_at, hash, signature FROM billing.journal_block"
            )
    assert block.number == 1


async def test_what_is_sealed_is_the_netstrings_of_all_columns(sealed: Sealed) -> None:
    """Made here of what is stored, without the SQL of the sealer."""
    with psycopg.connect(sealed.books.access.superuser) as connection:
        connection.execute("SET timezone = 'UTC'")

        def rows(query: LiteralString, *window: object) -> list[tuple[Any, ...]]:
            return connection.execute(query, (sealed.books.tenant_id, *window)).fetchall()

        blocks = rows(
            "SELECT coalesce(sealed_after, '1900-01-01'), sealed_through, content_hash, entries, versions"
            " FROM billing.journal_block WHERE tenant_id = %s ORDER BY number"
        )
        assert len(blocks) == 2
        for after, through, content_hash, entries, versions in blocks:
            found = [rows(query, after, through) for query in _SEALED.values()]
            assert (len(found[0]), len(found[2])) == (entries, versions)
            content = ContentHash()
            for kind, of_kind in zip(_SEALED, found, strict=True):
                content.add(kind, [[_as_text(value) for value in row] for row in of_kind])
            assert content.hexdigest() == content_hash


_SEALED: dict[str, LiteralString] = {
    "entry": (
        "SELECT entry_id, kind, effective_at, service_date, recorded_at, source_type, source_id, reverses_entry_id,"
        " reason, created_by FROM billing.journal_entry WHERE tenant_id = %s AND recorded_at > %s AND recorded_at <= %s"
        " ORDER BY recorded_at, entry_id"
    ),
    "posting": (
        "SELECT entry_id, line, ledger_account, currency, amount_minor, effective_at, recorded_at, account_id,"
        " invoice_id, charge_item_id, payment_id, payer, facility, detail FROM billing.posting WHERE tenant_id = %s"
        " AND recorded_at > %s AND recorded_at <= %s ORDER BY recorded_at, entry_id, line"
    ),
    "version": (
        "SELECT v.resource_type, v.id, v.version, v.last_updated, v.interaction, convert_to(v.content, 'UTF8'),"
        " v.mapper_version, v.created_by, o.events FROM billing.resource_versions AS v"
        " JOIN billing.outbox AS o USING (tenant_id, resource_type, id, version) WHERE tenant_id = %s"
        " AND v.last_updated > %s AND v.last_updated <= %s"
        " ORDER BY v.last_updated, v.resource_type, v.id, v.version"
    ),
}


def _as_text(value: object) -> str | None:
    match value:
        case None:
            return None
        case datetime():
            return value.strftime("%Y-%m-%dT%H:%M:%S.%f")
        case bytes():
            return hashlib.sha256(value).hexdigest()
        case list():
            return " ".join(value)
    return str(value)


async def test_functions_of_the_owner_do_not_hide_what_was_changed(own: Sealed) -> None:
    await own.books.create(charge(own.books.known["account"], "10"))
    await own.seal()
    assert await own.codes() == set()
    own.books.spoil(
        "UPDATE billing.outbox SET events = '{}' WHERE tenant_id = %(tenant)s AND resource_type = 'ChargeItem'"
    )
    # More like what is asked for than PostgreSQL's own, which takes arrays of anything.
    own.books.spoil(
        "CREATE FUNCTION billing.array_to_string(text[], text) RETURNS text LANGUAGE sql"
        " AS $$ SELECT 'billing.charge.captured.v1' $$"
    )
    assert await own.codes() == {"sealed-content-changed", "captures-and-events-differ"}


REWRITES: dict[str, tuple[LiteralString, ...]] = {
    "an edit of who did it": (
        (
            "UPDATE billing.journal_entry SET created_by = 'somebody else' WHERE tenant_id = %(tenant)s"
            " AND source_id = %(charge)s"
        ),
    ),
    "an edit of a reason": (
        "UPDATE billing.journal_entry SET reason = 'another' WHERE tenant_id = %(tenant)s AND reason IS NOT NULL",
    ),
    "a line that is moved to another facility": (
        (
            "UPDATE billing.posting SET facility = 'elsewhere' WHERE tenant_id = %(tenant)s AND ledger_account = 4000"
            " AND charge_item_id = %(unbilled_charge)s"
        ),
    ),
    "an entry and its reversal removed together": (
        (
            "WITH e AS (DELETE FROM billing.journal_entry WHERE tenant_id = %(tenant)s"
            " AND source_id = %(uncleared_notice)s RETURNING entry_id)"
            " DELETE FROM billing.posting AS p USING e WHERE p.tenant_id = %(tenant)s AND p.entry_id = e.entry_id"
        ),
        "DELETE FROM billing.resource_versions WHERE tenant_id = %(tenant)s AND id = %(uncleared_notice)s",
        "DELETE FROM billing.outbox WHERE tenant_id = %(tenant)s AND id = %(uncleared_notice)s",
        "DELETE FROM billing.payment_notice WHERE tenant_id = %(tenant)s AND id = %(uncleared_notice)s",
        "DELETE FROM billing.payment_notice_index WHERE tenant_id = %(tenant)s AND id = %(uncleared_notice)s",
    ),
    "an account that never was": (
        "DELETE FROM billing.account WHERE tenant_id = %(tenant)s AND id = %(stranger)s",
        "DELETE FROM billing.account_index WHERE tenant_id = %(tenant)s AND id = %(stranger)s",
        "DELETE FROM billing.account_balance WHERE tenant_id = %(tenant)s AND account_id = %(stranger)s",
        "DELETE FROM billing.resource_versions WHERE tenant_id = %(tenant)s AND id = %(stranger)s",
        "DELETE FROM billing.outbox WHERE tenant_id = %(tenant)s AND id = %(stranger)s",
    ),
    "an older version that says something else": (
        (
            "UPDATE billing.resource_versions SET content = replace(content, '20', '19') WHERE tenant_id = %(tenant)s"
            " AND id = %(repriced_charge)s AND version = 1"
        ),
    ),
    "another event": (
        "UPDATE billing.outbox SET events = '{}' WHERE tenant_id = %(tenant)s AND id = %(paid_invoice)s",
    ),
    "two moments that change places": (
        (
            "UPDATE billing.resource_versions AS v SET last_updated = o.last_updated"
            " FROM billing.resource_versions AS o WHERE v.tenant_id = %(tenant)s AND o.tenant_id = %(tenant)s"
            " AND v.version = 1 AND o.version = 1 AND v.id IN (%(planned_charge)s, %(unpriced_charge)s)"
            " AND o.id IN (%(planned_charge)s, %(unpriced_charge)s) AND o.id <> v.id"
        ),
    ),
}


@pytest.mark.parametrize("what", REWRITES)
async def test_a_rewrite_of_what_is_sealed_is_found(sealed: Sealed, what: str) -> None:
    assert "sealed-content-changed" in await sealed.codes_after(*REWRITES[what])


async def test_a_rewrite_that_leaves_no_other_trace_is_found_by_its_seal_alone(sealed: Sealed) -> None:
    for what in ("an edit of who did it", "an entry and its reversal removed together", "an account that never was"):
        assert await sealed.codes_after(*REWRITES[what]) == {"sealed-content-changed"}


async def test_something_slipped_in_is_found(sealed: Sealed) -> None:
    codes = await sealed.codes_after(
        "WITH e AS (INSERT INTO billing.journal_entry (tenant_id, entry_id, kind, effective_at, recorded_at,"
        " source_type, source_id, created_by) SELECT tenant_id, gen_random_uuid(), kind, effective_at,"
        " recorded_at - interval '1 microsecond', source_type, source_id, created_by FROM billing.journal_entry"
        " WHERE tenant_id = %(tenant)s AND source_id = %(charge)s LIMIT 1 RETURNING *)"
        " INSERT INTO billing.posting (tenant_id, entry_id, line, ledger_account, currency, amount_minor, effective_at,"
        " recorded_at, facility) SELECT tenant_id, entry_id, l, 4000, 'AFN', 3 - 2 * l, effective_at, recorded_at,"
        " 'f' || l FROM e, generate_series(1, 2) AS l"
    )
    assert "sealed-content-changed" in codes


_LAST_ANNOUNCEMENT: LiteralString = (
    "DELETE FROM billing.outbox WHERE tenant_id = %(tenant)s AND resource_type = 'JournalBlock' AND version = 2"
)
BLOCKS: dict[str, tuple[tuple[LiteralString, ...], set[str]]] = {
    "a block that is gone": (
        ("DELETE FROM billing.journal_block WHERE tenant_id = %(tenant)s AND number = 1",),
        {"block-chain-broken", "block-missing"},
    ),
    "a block that says something else": (
        ("UPDATE billing.journal_block SET entries = entries + 1 WHERE tenant_id = %(tenant)s AND number = 1",),
        {"block-chain-broken", "block-signature-wrong"},
    ),
    "another hash": (
        ("UPDATE billing.journal_block SET hash = content_hash WHERE tenant_id = %(tenant)s AND number = 2",),
        {"block-chain-broken"},
    ),
    "the signature of another block": (
        (
            (
                "UPDATE billing.journal_block AS b SET signature = o.signature FROM billing.journal_block AS o"
                " WHERE b.tenant_id = %(tenant)s AND o.tenant_id = %(tenant)s AND b.number = 1 AND o.number = 2"
            ),
        ),
        {"block-signature-wrong"},
    ),
    "no signature": (
        ("UPDATE billing.journal_block SET signature = 'none' WHERE tenant_id = %(tenant)s AND number = 2",),
        {"block-signature-wrong"},
    ),
    "the last block cut": (
        ("DELETE FROM billing.journal_block WHERE tenant_id = %(tenant)s AND number = 2",),
        {"block-missing"},
    ),
    "the last block cut with its announcement": (
        (
            "DELETE FROM billing.journal_block WHERE tenant_id = %(tenant)s AND number = 2",
            _LAST_ANNOUNCEMENT,
        ),
        {"block-missing"},
    ),
    "an announcement that is gone": (
        ("DELETE FROM billing.outbox WHERE tenant_id = %(tenant)s AND resource_type = 'JournalBlock' AND version = 1",),
        {"block-not-announced"},
    ),
}


@pytest.mark.parametrize("what", BLOCKS)
async def test_blocks_that_are_changed_are_found(sealed: Sealed, what: str) -> None:
    statements, codes = BLOCKS[what]
    assert await sealed.codes_after(*statements) == codes


async def test_the_tail_cut_with_all_that_tells_of_it_is_found_by_what_is_remembered_outside(own: Sealed) -> None:
    await own.seal()
    before = own.keys.heads()
    stranger = (await own.books.create(account())).id
    await own.seal()
    for table in ("account", "account_index", "resource_versions", "outbox"):
        own.books.spoil(f"DELETE FROM billing.{table} WHERE tenant_id = %(tenant)s AND id = %(it)s", it=stranger)
    own.books.spoil(
        "DELETE FROM billing.account_balance WHERE tenant_id = %(tenant)s AND account_id = %(it)s", it=stranger
    )
    own.books.spoil("DELETE FROM billing.journal_block WHERE tenant_id = %(tenant)s AND number = 2")
    own.books.spoil(_LAST_ANNOUNCEMENT)
    assert await own.codes() == {"block-missing"}
    found = await check_ledger(own.books.audit, [own.books.tenant_id], None, replace(own.proof, heads=before))
    assert found == []


async def test_control_totals_that_are_off_are_found(sealed: Sealed) -> None:
    await project_control_totals(sealed.sealing, sealed.books.tenant_id)
    assert await sealed.codes() == set()
    wrong = await sealed.codes_after(
        "UPDATE billing.control_total SET debit_minor = debit_minor + 1 WHERE tenant_id = %(tenant)s"
        " AND ledger_account = 1150"
    )
    gone = await sealed.codes_after("DELETE FROM billing.control_total WHERE tenant_id = %(tenant)s")
    assert wrong == gone == {"control-total-wrong"}
    assert await sealed.codes_after(
        "UPDATE billing.control_checkpoint SET block_number = 99 WHERE tenant_id = %(tenant)s"
    ) == {"control-checkpoint-wrong"}


async def test_a_chain_that_was_made_anew_with_another_key_is_found(own: Sealed, tmp_path: Path) -> None:
    await own.seal()
    own.books.spoil("DELETE FROM billing.journal_block WHERE tenant_id = %(tenant)s")
    own.books.spoil("DELETE FROM billing.outbox WHERE tenant_id = %(tenant)s AND resource_type = 'JournalBlock'")
    forger = SealKeys(tmp_path / "forger")
    await seal_journal(own.books.app, own.sealing, own.books.tenant_id, forger.sign, margin=NOW)
    assert await own.codes() == {"block-key-unknown", "block-missing"}


async def test_a_new_key_signs_and_the_old_one_goes_on_verifying(own: Sealed) -> None:
    (first,) = await own.seal()
    newest = own.keys.rotate()
    await own.books.create(account())
    await own.seal()
    assert await own.codes() == set()
    public = SealKeys(own.keys.key_file.parent).public_keys()["keys"]
    assert [key["kid"] for key in public][-1] == newest
    assert len(public) == 2
    assert all("d" not in key for key in public)
    assert own.keys.key_file.stat().st_mode & 0o777 == 0o600
    assert own.keys.verify(first, "x.y.z") == "wrong"
