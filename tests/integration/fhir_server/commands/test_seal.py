"""`./run seal` as an operator and an auditor use it, and a server that seals by itself."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from billing.seal_journal import tenant_heads
from fhir_server.app import create_app
from fhir_server.seal_keys import SealKeys
from fhir_server.settings import Settings
from storage.transaction import Database
from tests.checkout import CHECKOUT
from tests.database_server import DatabaseAccess
from tests.integration.billing.check.books import Books, account, opened_books


@pytest.fixture
async def books(fresh_database: DatabaseAccess) -> AsyncIterator[Books]:
    async with opened_books(fresh_database) as opened:
        await opened.create(account())
        yield opened


def run(books: Books, directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    access = books.access
    urls = {
        "DATABASE_URL": access.app,
        "BILLING_WORKER_DATABASE_URL": access.worker,
        "BILLING_AUDIT_DATABASE_URL": access.audit,
        "BILLING_SEAL_DIRECTORY": str(directory),
    }
    return subprocess.run(
        [CHECKOUT / "run", *arguments], env=os.environ | urls, capture_output=True, text=True, check=False
    )


async def sealed(books: Books, directory: Path) -> None:
    """Seal as the command does, but all until now: the command leaves out the last seconds."""
    from datetime import timedelta

    from billing.seal_journal import seal_journal

    keys, worker = SealKeys(directory), Database(books.access.worker)
    await worker.open()
    for block in await seal_journal(books.app, worker, books.tenant_id, keys.sign, margin=timedelta(0)):
        keys.remember(block)
    await worker.close()


async def test_the_last_block_is_said_and_check_proves_it(books: Books, tmp_path: Path) -> None:
    said = run(books, tmp_path, "seal")
    assert said.returncode == 0, said.stderr
    assert f"tenant {books.tenant_id}: nothing to seal yet\n" in said.stdout
    await sealed(books, tmp_path)
    head = SealKeys(tmp_path).heads()[books.tenant_id]
    said = run(books, tmp_path, "seal", "--tenant", books.tenant_id)
    assert said.returncode == 0, said.stderr
    assert said.stdout.startswith(f"tenant {books.tenant_id}: block 1 through 20")
    assert said.stdout.endswith(f", hash {head.hash}\n")
    assert run(books, tmp_path, "check").returncode == 0
    elsewhere = run(books, tmp_path / "elsewhere", "check")
    assert elsewhere.returncode == 1
    assert "block-key-unknown" in elsewhere.stdout


async def test_a_cut_tail_is_found_and_an_operator_who_knows_why_accepts_it(books: Books, tmp_path: Path) -> None:
    await sealed(books, tmp_path)
    books.spoil("DELETE FROM billing.journal_block WHERE tenant_id = %(tenant)s")
    books.spoil("DELETE FROM billing.outbox WHERE tenant_id = %(tenant)s AND resource_type = 'JournalBlock'")
    found = run(books, tmp_path, "check")
    assert found.returncode == 1
    assert f"block-missing  {books.tenant_id}  JournalBlock/1: " in found.stdout
    accepted = run(books, tmp_path, "seal", "--accept-heads")
    assert accepted.stdout.endswith(", now it is none\n")
    assert run(books, tmp_path, "check").returncode == 0


async def test_keys_are_renewed_and_published(books: Books, tmp_path: Path) -> None:
    await sealed(books, tmp_path)
    renewed = run(books, tmp_path, "seal", "--new-key")
    assert renewed.returncode == 0, renewed.stderr
    published = json.loads(run(books, tmp_path, "seal", "--public-keys").stdout)["keys"]
    assert [key["kid"] in renewed.stdout for key in published] == [False, True]
    assert all("d" not in key for key in published)
    assert run(books, tmp_path, "check").returncode == 0


async def test_a_tenant_that_is_not_there_is_refused(books: Books, tmp_path: Path) -> None:
    refused = run(books, tmp_path, "seal", "--tenant", "herat")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "There is no tenant herat" in refused.stderr


async def test_a_server_seals_by_itself(books: Books, tmp_path: Path) -> None:
    books.spoil("UPDATE billing.resource_versions SET last_updated = last_updated - interval '1 minute'")
    settings = Settings(
        database_url=books.access.app,
        worker_database_url=books.access.worker,
        data_dir=tmp_path,
        seal_interval_seconds=1,
    )
    app, worker = create_app(settings), Database(books.access.worker)
    await worker.open()
    async with app.router.lifespan_context(app):
        async with asyncio.timeout(30):
            while (await tenant_heads(worker))[books.tenant_id] is None:  # noqa: ASYNC110  # by another connection
                await asyncio.sleep(0.05)
    await worker.close()
    assert books.tenant_id in SealKeys(tmp_path).heads()
