"""Searches that lead from one resource to another, in the real database: our own parameters on lines and details."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio

from tests.database_server import DatabaseAccess
from tests.integration.searching import SearchedTenant, searched_tenant

Json = dict[str, Any]

PAYMENT_ACCOUNT = "https://billing.ghasi.example/fhir/StructureDefinition/payment-account"
CURRENCY = {
    "url": "http://hl7.org/fhir/5.0/StructureDefinition/extension-Account.currency",
    "valueCodeableConcept": {"coding": [{"system": "urn:iso:std:iso:4217", "code": "AFN"}]},
}


@pytest_asyncio.fixture(loop_scope="session")
async def tenant(database: DatabaseAccess) -> AsyncIterator[SearchedTenant]:
    async with searched_tenant(database) as tenant:
        await tenant.store(
            account("a1", name="Ahmad", owner="Organization/clinic", identifier="one"),
            account("a2", name="Zahra", identifier="two"),
            account("a3", name="Nobody"),
            charge("c1", "a1"),
            charge("c2", "a1", status="billable"),
            charge("c3", "a2", status="billable"),
            charge("c4", None),
            invoice("i1", "a1", "c1", "c2"),
            invoice("i2", "a2", "c3", status="issued"),
            invoice("i3", "a1"),
            payment("p1", "Invoice/i1", "Invoice/i2"),
            payment("p2", "Account/a2"),
            payment("p3", owner="a1"),
            payment("p4", "Account/a1", "https://elsewhere.example/fhir/Invoice/i1", owner="a1", status="active"),
            payment("p5"),
            notice("n1", "Invoice/i1"),
            notice("n2", "Task/i1"),
            notice("n3", "ChargeItem/c3"),
        )
        yield tenant


def account(id_: str, *, name: str, owner: str = "", identifier: str = "") -> Json:
    made: Json = {"resourceType": "Account", "id": id_, "status": "active", "name": name, "extension": [CURRENCY]}
    if owner:
        made["owner"] = {"reference": owner}
    if identifier:
        made["identifier"] = [{"system": "http://his", "value": identifier}]
    return made


def charge(id_: str, account_id: str | None, *, status: str = "planned") -> Json:
    code = {"coding": [{"system": "http://his/codes", "code": f"code-{id_}"}]}
    made: Json = {"resourceType": "ChargeItem", "id": id_, "status": status, "code": code}
    if account_id:
        made["account"] = [{"reference": f"Account/{account_id}"}]
    return made


def invoice(id_: str, account_id: str, *charge_ids: str, status: str = "draft") -> Json:
    made: Json = {
        "resourceType": "Invoice",
        "id": id_,
        "status": status,
        "account": {"reference": f"Account/{account_id}"},
    }
    if charge_ids:
        made["lineItem"] = [{"chargeItemReference": {"reference": f"ChargeItem/{each}"}} for each in charge_ids]
    return made


def payment(id_: str, *requests: str, owner: str = "", status: str = "draft") -> Json:
    made: Json = {"resourceType": "PaymentReconciliation", "id": id_, "status": status}
    if requests:
        made["detail"] = [{"request": {"reference": each}} for each in requests]
    if owner:
        made["extension"] = [{"url": PAYMENT_ACCOUNT, "valueReference": {"reference": f"Account/{owner}"}}]
    return made


def notice(id_: str, request: str) -> Json:
    return {"resourceType": "PaymentNotice", "id": id_, "status": "draft", "request": {"reference": request}}


async def test_charges_are_found_by_status(tenant: SearchedTenant) -> None:
    assert await tenant.find("ChargeItem?status=billable") == ["c2", "c3"]
    assert await tenant.find("ChargeItem?status=http://hl7.org/fhir/chargeitem-status|planned") == ["c1", "c4"]
    assert await tenant.find("ChargeItem?status:not=planned") == ["c2", "c3"]


async def test_invoices_are_found_by_the_charges_of_their_lines(tenant: SearchedTenant) -> None:
    assert await tenant.find("Invoice?charge=c1") == ["i1"]
    assert await tenant.find("Invoice?charge=ChargeItem/c2,ChargeItem/c3") == ["i1", "i2"]
    assert await tenant.find("Invoice?charge=c1&charge=c2") == ["i1"]
    assert await tenant.find("Invoice?charge=c4") == []
    assert await tenant.find("Invoice?charge=Invoice/i1") == []
    assert await tenant.find("Invoice?charge:missing=true") == ["i3"]
    assert await tenant.find("Invoice?charge:missing=false&status=issued") == ["i2"]


async def test_payments_are_found_by_the_invoices_of_their_details(tenant: SearchedTenant) -> None:
    assert await tenant.find("PaymentReconciliation?invoice=i1") == ["p1"]
    assert await tenant.find("PaymentReconciliation?invoice=Invoice/i2") == ["p1"]
    assert await tenant.find("PaymentReconciliation?invoice=https://elsewhere.example/fhir/Invoice/i1") == ["p4"]
    assert await tenant.find("PaymentReconciliation?invoice:missing=true") == ["p2", "p3", "p5"]


async def test_payments_are_found_once_by_account_in_the_extension_or_in_a_detail(tenant: SearchedTenant) -> None:
    assert await tenant.find("PaymentReconciliation?account=a1") == ["p3", "p4"]
    assert await tenant.find("PaymentReconciliation?account=Account/a2") == ["p2"]
    assert await tenant.find("PaymentReconciliation?account=a1,a2&status=draft") == ["p2", "p3"]
    assert await tenant.find("PaymentReconciliation?account:missing=true") == ["p1", "p5"]
    page = await tenant.page("PaymentReconciliation?account=a1,a2&_total=accurate&_count=2")
    assert (page.total, page.more) == (3, True)


async def test_a_chain_finds_by_what_is_referred_to(tenant: SearchedTenant) -> None:
    assert await tenant.find("Invoice?account.identifier=http://his|one") == ["i1", "i3"]
    assert await tenant.find("Invoice?account:Account.owner=Organization/clinic&status=draft") == ["i1", "i3"]
    assert await tenant.find("ChargeItem?account.name=zah") == ["c3"]
    assert await tenant.find("Invoice?charge.code=code-c3,code-c1") == ["i1", "i2"]
    assert await tenant.find("PaymentReconciliation?account.identifier=one") == ["p3", "p4"]
    assert await tenant.find("PaymentReconciliation?account.status=active") == ["p2", "p3", "p4"]
    assert await tenant.find("PaymentReconciliation?invoice.status=issued") == ["p1"]
    assert await tenant.find("PaymentReconciliation?invoice._id=i1") == ["p1"]
    assert await tenant.find("Invoice?account.identifier:missing=true") == []
    assert await tenant.find("Invoice?account.name:exact=Nobody") == []


async def test_a_chain_can_have_several_links(tenant: SearchedTenant) -> None:
    assert await tenant.find("PaymentReconciliation?invoice.account.name=ahmad") == ["p1"]
    assert await tenant.find("Invoice?charge.account.identifier=two") == ["i2"]
    assert await tenant.find("PaymentReconciliation?invoice.charge.account.owner=Organization/clinic") == ["p1"]


async def test_a_reference_of_any_type_is_chained_to_what_is_kept_here(tenant: SearchedTenant) -> None:
    assert await tenant.find("PaymentNotice?request:Invoice.status=draft") == ["n1"]
    assert await tenant.find("PaymentNotice?request._id=i1") == ["n1"]
    assert await tenant.find("PaymentNotice?request.status=draft,billable") == ["n1", "n3"]
    assert await tenant.find("PaymentNotice?request.account.identifier=one,two") == ["n1", "n3"]


async def test_has_finds_by_what_refers_to_it(tenant: SearchedTenant) -> None:
    assert await tenant.find("Account?_has:Invoice:account:status=issued") == ["a2"]
    assert await tenant.find("Account?_has:ChargeItem:account:code=code-c1") == ["a1"]
    assert await tenant.find("Account?_has:PaymentReconciliation:account:status=draft") == ["a1", "a2"]
    assert await tenant.find("Account?_has:PaymentReconciliation:account:_id=p2,p4") == ["a1", "a2"]
    assert await tenant.find("Invoice?_has:PaymentReconciliation:invoice:_id=p1") == ["i1", "i2"]
    assert await tenant.find("Invoice?_has:PaymentReconciliation:invoice:status=draft&status=draft") == ["i1"]
    assert await tenant.find("Invoice?_has:PaymentNotice:request:status=draft") == ["i1"]
    assert await tenant.find("Invoice?_has:PaymentNotice:request:_id=n1,n2,n3") == ["i1"]
    assert await tenant.find("ChargeItem?_has:Invoice:charge:status:not=issued") == ["c1", "c2"]


async def test_has_and_chains_can_be_within_each_other(tenant: SearchedTenant) -> None:
    nested = "Account?_has:Invoice:account:_has:PaymentReconciliation:invoice:status=draft"
    assert await tenant.find(nested) == ["a1", "a2"]
    assert await tenant.find("Account?_has:Invoice:account:charge.code=code-c3") == ["a2"]
    assert await tenant.find("ChargeItem?account._has:Invoice:account:status=issued") == ["c3"]
    assert await tenant.find("Invoice?charge.status=billable&_has:PaymentNotice:request:_id=n1") == ["i1"]


async def test_a_chained_search_is_counted_sorted_and_paged_as_any_other(tenant: SearchedTenant) -> None:
    found, totals = [], set()
    async for page in tenant.pages(
        "PaymentReconciliation?account.status=active&_sort=-status&_count=1&_total=accurate"
    ):
        found += [match.anchor.id for match in page.matches]
        totals.add(page.total)
    assert (sorted(found), totals) == (["p2", "p3", "p4"], {3})
