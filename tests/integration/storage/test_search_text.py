"""Searches by what is said in words, and by the type of an identifier. https://hl7.org/fhir/R4/search.html#token"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import psycopg
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.search_folding import fold
from tests.database_server import DatabaseAccess
from tests.integration.searching import SearchedTenant, searched_tenant

Json = dict[str, Any]

MR = {"system": "http://types", "code": "MR", "display": "Medical record"}


@pytest_asyncio.fixture(loop_scope="session")
async def tenant(database: DatabaseAccess) -> AsyncIterator[SearchedTenant]:
    async with searched_tenant(database) as tenant:
        yield tenant


def charge(id_: str, **elements: Any) -> Json:
    return {"resourceType": "ChargeItem", "id": id_, "status": "planned", **elements}


def invoice(id_: str, **elements: Any) -> Json:
    return {"resourceType": "Invoice", "id": id_, "status": "draft", **elements}


async def test_a_token_is_found_by_the_text_of_its_concept_and_by_the_display_of_its_codings(
    tenant: SearchedTenant,
) -> None:
    coding = {"system": "http://codes", "code": "1"}
    await tenant.store(
        charge("a", code={"text": "Échographie abdominale"}),
        charge("b", code={"coding": [{**coding, "display": "echo of the heart"}, {"code": "2"}], "text": "other"}),
        charge("c", code={"coding": [{"code": "echo"}]}),
        charge("d", code={"coding": [{"code": "x", "display": "an echo"}]}),
        charge("e", performer=[{"actor": {"display": "x"}}, {"actor": {"display": "y"}, "function": {"text": "Echo"}}]),
    )
    assert await tenant.find("ChargeItem?code:text=echo") == ["a", "b"]
    assert await tenant.find("ChargeItem?code:text=ECHO%20OF,other") == ["b"]
    assert await tenant.find("ChargeItem?code:text=échographie&code:text=echographie%20abdominale") == ["a"]
    assert await tenant.find("ChargeItem?performer-function:text=echo") == ["e"]
    assert await tenant.find("ChargeItem?code=1") == ["b"]
    assert await tenant.find("ChargeItem?code:missing=false") == ["a", "b", "c", "d"]
    assert await tenant.find("ChargeItem?code:missing=true") == ["e"]


async def test_a_text_of_any_length_is_kept_and_found_by_all_of_it(tenant: SearchedTenant) -> None:
    long = "".join(chr(0x4E00 + number * 7919 % 20000) for number in range(5000))
    await tenant.store(
        charge("a", code={"text": f"{long}a"}),
        charge("b", code={"text": f"{long}b"}),
        {"resourceType": "PaymentReconciliation", "id": "c", "status": "draft", "disposition": f"{long}c"},
    )
    assert await tenant.find(f"ChargeItem?code:text={long}A") == ["a"]
    assert await tenant.find(f"ChargeItem?code:text={long[:50]}") == ["a", "b"]
    assert await tenant.find(f"PaymentReconciliation?disposition={long}") == ["c"]
    assert await tenant.find(f"PaymentReconciliation?disposition:exact={long}c") == ["c"]
    assert await tenant.find(f"PaymentReconciliation?disposition:exact={long}C") == []


async def test_labels_are_found_by_their_display(tenant: SearchedTenant) -> None:
    tag = {"system": "http://tags", "code": "t", "display": "Emergency"}
    await tenant.store(invoice("a", meta={"tag": [tag]}), invoice("b", meta={"security": [tag]}), invoice("c"))
    assert await tenant.find("Invoice?_tag:text=emerg") == ["a"]
    assert await tenant.find("Invoice?_security:text=emerg") == ["b"]


async def test_an_identifier_is_found_by_its_type_and_value_together(tenant: SearchedTenant) -> None:
    def identifier(value: str, *codings: Json, text: str = "") -> Json:
        concept = {**({"coding": list(codings)} if codings else {}), **({"text": text} if text else {})}
        return {"value": value, **({"type": concept} if concept else {})}

    await tenant.store(
        invoice("a", identifier=[identifier("1", MR)]),
        invoice("b", identifier=[identifier("2", MR), identifier("1", {"code": "MR"}, text="File number")]),
        invoice("c", identifier=[identifier("1")]),
        invoice("d", identifier=[identifier("1", {"code": "other"}, MR)]),
    )
    assert await tenant.find("Invoice?identifier:of-type=http://types|MR|1") == ["a", "d"]
    assert await tenant.find("Invoice?identifier:of-type=|MR|1") == ["b"]
    assert await tenant.find("Invoice?identifier:of-type=http://types|MR|2,http://types|other|1") == ["b"]
    assert await tenant.find("Invoice?identifier:of-type=http://other|MR|1") == []
    assert await tenant.find("Invoice?identifier:text=file") == ["b"]
    assert await tenant.find("Invoice?identifier:text=medical") == ["a", "b", "d"]


async def test_references_by_an_identifier_are_found_wherever_r4_has_a_parameter(tenant: SearchedTenant) -> None:
    logical: Json = {"identifier": {"system": "http://his", "value": "77"}}
    await tenant.store(
        invoice("a", recipient=logical, account=logical),
        charge("b", account=[logical]),
        {"resourceType": "PaymentReconciliation", "id": "c", "status": "draft", "paymentIssuer": logical},
    )
    assert await tenant.find("Invoice?recipient:identifier=77") == ["a"]
    assert await tenant.find("Invoice?account:identifier=http://his|77") == ["a"]
    assert await tenant.find("ChargeItem?account:identifier=http://his|77") == ["b"]
    assert await tenant.find("PaymentReconciliation?payment-issuer:identifier=http://his|77") == ["c"]


def test_the_database_folds_every_letter_as_python_does(database: DatabaseAccess) -> None:
    # Those that every Unicode of the last twenty years has; which newer ones there are differs with the versions.
    letters = [each for each in map(chr, range(1, sys.maxunicode + 1)) if is_old(each)]
    with psycopg.connect(database.app) as connection:
        rows = connection.execute(
            "SELECT l FROM unnest(%s::text[], %s::text[]) AS f(l, folded) WHERE billing.fold(l) <> folded",
            (letters, [fold(letter) for letter in letters]),
        ).fetchall()
    assert rows == []


def is_old(letter: str) -> bool:
    return unicodedata.ucd_3_2_0.category(letter) not in {"Cn", "Cs"}


@settings(deadline=None, max_examples=50)
@given(text=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs", "Cn"]).filter(is_old)))
def test_the_database_folds_every_text_as_python_does(database: DatabaseAccess, text: str) -> None:
    with psycopg.connect(database.app) as connection:
        row = connection.execute("SELECT billing.fold(%s)", (text,)).fetchone()
    assert row == (fold(text),)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.decimals(allow_nan=False, allow_infinity=False), min_size=2, max_size=20))
def test_numbers_are_in_the_same_order_as_floats(database: DatabaseAccess, numbers: list[Decimal]) -> None:
    with psycopg.connect(database.app) as connection:
        rows = connection.execute(
            "SELECT billing.near(n) FROM unnest(%s::numeric[]) AS n ORDER BY n", ([*numbers, Decimal("1e-400")],)
        ).fetchall()
    near = [row[0] for row in rows]
    assert near == sorted(near)
