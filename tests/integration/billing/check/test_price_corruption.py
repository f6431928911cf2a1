"""Price lists and what charges were priced at: planted corruption is found under its name and under no other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal
from typing import LiteralString

import pytest
import pytest_asyncio

from billing.activate_price_list import activate_price_list
from billing.keep_price_list import keep_price_list
from billing.write_price_list import write_price_list
from ledger.price_list import Price, PriceList, PriceRule
from storage.transaction import Transaction
from tests.database_server import DatabaseAccess
from tests.integration.billing.check.books import Books, account, charge, opened_books

CPT = "http://www.ama-assn.org/go/cpt"


@pytest_asyncio.fixture(scope="module")
async def priced_books(books_database: DatabaseAccess) -> AsyncIterator[Books]:
    """A tenant whose charges are priced by two versions of a list."""
    async with opened_books(books_database) as books:

        async def publish(tx: Transaction) -> None:
            await keep_price_list(tx, PriceList(tenant_id=books.tenant_id, id="standard", name="S", level="tenant"))
            for valid_from, amount in ((date(2020, 1, 1), 1000), (date(2026, 1, 1), 2000)):
                version = await write_price_list(
                    tx,
                    "standard",
                    valid_from=valid_from,
                    valid_to=None,
                    prices=[
                        Price(system=CPT, code="99213", currency="AFN", amount_minor=amount),
                        Price(system=CPT, code="never", currency="AFN", amount_minor=1),
                    ],
                    rules=[PriceRule(id="ten", kind="discount", percent=Decimal(10), code=(CPT, "99213"))],
                )
                await activate_price_list(tx, "standard", version.version)

        await books.run(publish)
        books.known["account"] = (await books.create(account())).id
        for name, day in (("old", "2025-06-01"), ("new", "2026-01-05")):
            elements = {"priceOverride": None, "overrideReason": None, "occurrenceDateTime": day}
            document = charge(books.known["account"], "1", **elements)
            books.known[name] = (await books.create({k: v for k, v in document.items() if v is not None})).id
        yield books


async def test_charges_priced_by_a_version_that_ended_since_are_sound(priced_books: Books) -> None:
    assert await priced_books.findings() == []


@pytest.mark.parametrize(
    ("statement", "codes"),
    [
        (
            (
                "UPDATE billing.price SET amount_minor = 1500 WHERE tenant_id = %(tenant)s AND version = 2"
                " AND code = '99213'"
            ),
            "price-list-changed charge-price-wrong",
        ),
        ("DELETE FROM billing.price WHERE tenant_id = %(tenant)s AND code = 'never'", "price-list-changed"),
        (
            "UPDATE billing.price_rule SET percent = 11 WHERE tenant_id = %(tenant)s AND version = 1",
            "price-list-changed charge-price-wrong",
        ),
        (
            (
                "UPDATE billing.price_list_version SET valid_from = '2026-01-06' WHERE tenant_id = %(tenant)s"
                " AND version = 2"
            ),
            "price-list-changed charge-price-wrong",
        ),
        (
            (
                "UPDATE billing.price_list_version SET valid_to = '2026-01-01' WHERE tenant_id = %(tenant)s"
                " AND version = 1"
            ),
            "price-lists-overlap",
        ),
        (
            (
                "UPDATE billing.price_list_version SET status = 'draft', activated_at = NULL"
                " WHERE tenant_id = %(tenant)s AND version = 1"
            ),
            "charge-price-wrong",
        ),
        (
            "DELETE FROM billing.charge_price WHERE tenant_id = %(tenant)s AND charge_item_id = %(old)s",
            "charge-price-missing capture-differs",
        ),
        (
            (
                "UPDATE billing.charge_price SET base_minor = 999 WHERE tenant_id = %(tenant)s"
                " AND charge_item_id = %(old)s"
            ),
            "charge-price-wrong",
        ),
        (
            (
                "UPDATE billing.charge_price SET base_minor = 1100, discount_minor = 200 WHERE tenant_id = %(tenant)s"
                " AND charge_item_id = %(old)s"
            ),
            "charge-price-wrong capture-differs",
        ),
        (
            (
                "UPDATE billing.charge_price SET list_version = 2 WHERE tenant_id = %(tenant)s"
                " AND charge_item_id = %(old)s"
            ),
            "charge-price-wrong",
        ),
        (
            "UPDATE billing.charge_price SET rules = '{}' WHERE tenant_id = %(tenant)s AND charge_item_id = %(new)s",
            "charge-price-wrong",
        ),
    ],
)
async def test_planted_corruption_is_found_under_its_name(
    priced_books: Books, statement: LiteralString, codes: str
) -> None:
    assert await priced_books.codes_after(statement) == set(codes.split())


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        (
            (
                "CREATE POLICY national_writes ON billing.price FOR INSERT TO billing_app"
                " WITH CHECK (tenant_id = 'national')"
            ),
            "policy-too-wide",
        ),
        ("DROP POLICY national_reads ON billing.price", None),
        (
            "ALTER POLICY national_reads ON billing.price USING (tenant_id <> 'x')",
            "policy-too-wide",
        ),
        (
            (
                "CREATE POLICY national_reads ON billing.posting FOR SELECT TO billing_app"
                " USING (tenant_id = 'national' AND nullif(current_setting('billing.tenant', true), '') IS NOT NULL)"
            ),
            "policy-too-wide",
        ),
        ("DROP TRIGGER price_list_version_stays ON billing.price_list_version", "trigger-missing"),
        ("DROP TRIGGER price_is_of_new_version ON billing.price", "trigger-missing"),
        ("GRANT UPDATE ON billing.price TO billing_app", "grant-too-wide"),
    ],
)
async def test_the_guards_of_price_lists_are_looked_after(
    priced_books: Books, statement: LiteralString, code: str | None
) -> None:
    assert await priced_books.codes_after(statement) == ({code} if code else set())
