"""Codes validated by the code table: whose row counts, on which day, and what is looked at."""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import Any

import pytest

from billing.keep_charge_codes import keep_charge_codes
from ledger.charge_code import ChargeCode
from ledger.errors import Refusal
from storage.transaction import Database
from tests.integration.billing.hospital import Document, Hospital

SYSTEM = "http://www.ama-assn.org/go/cpt"
COUNTRY = "XV"  # of these tests alone


async def keep(hospital: Hospital, *codes: ChargeCode, tenant_id: str = "") -> int:
    return await hospital.database.run(
        tenant_id or hospital.tenant_id, "operator", partial(keep_charge_codes, codes=codes)
    )


def code(value: str, **changed: Any) -> ChargeCode:
    return ChargeCode(**({"system": SYSTEM, "code": value} | changed))


def charge(account: Document, *codes: str, **changed: Any) -> Document:
    return {
        "resourceType": "ChargeItem",
        "status": "billable",
        "code": {"coding": [{"system": SYSTEM, "code": each} for each in codes]},
        "subject": account["subject"][0],
        "account": [{"reference": f"Account/{account['id']}"}],
        "occurrenceDateTime": "2026-03-01",
        "priceOverride": {"value": 10, "currency": "AFN"},
        "overrideReason": "Agreed",
        **changed,
    }


async def opened(connected: Database, **settings: str) -> tuple[Hospital, Document]:
    hospital = await Hospital.open(connected, country=COUNTRY, code_validation="local", **settings)
    return hospital, await hospital.create(
        {"resourceType": "Account", "status": "active", "subject": [{"reference": hospital.patient}]}
    )


async def refusal_of(work: Any) -> list[tuple[str, str]]:
    with pytest.raises(Refusal) as refused:
        await work
    return [(each.code, each.expression) for each in refused.value.problems]


async def test_a_charge_is_for_codes_of_the_table(connected: Database) -> None:
    hospital, account = await opened(connected)
    await keep(hospital, code("99213"), code("old", valid_to=date(2026, 2, 28)))
    await hospital.create(charge(account, "99213"))
    assert await refusal_of(hospital.create(charge(account, "99213", "none", "old"))) == [
        ("code-unknown", "ChargeItem.code.coding[1]"),
        ("code-unknown", "ChargeItem.code.coding[2]"),
    ]
    await hospital.create(charge(account, "old", occurrenceDateTime="2026-02-28"))


async def test_the_countrys_codes_are_there_where_a_tenant_has_none_of_its_own(connected: Database) -> None:
    hospital, account = await opened(connected)
    await keep(
        hospital,
        code("n1", country=COUNTRY),
        code("n2", country=COUNTRY),
        code("n3", country="XW"),
        tenant_id="national",
    )
    await keep(hospital, code("n2", valid_to=date(2025, 12, 31)))
    await hospital.create(charge(account, "n1"))
    assert await refusal_of(hospital.create(charge(account, "n2"))) == [("code-unknown", "ChargeItem.code.coding[0]")]
    assert await refusal_of(hospital.create(charge(account, "n3"))) == [("code-unknown", "ChargeItem.code.coding[0]")]


async def test_another_tenants_codes_are_not_there(connected: Database) -> None:
    hospital, account = await opened(connected)
    other, _ = await opened(connected)
    await keep(other, code("99213"))
    assert await refusal_of(hospital.create(charge(account, "99213"))) == [
        ("code-unknown", "ChargeItem.code.coding[0]")
    ]


async def test_only_the_systems_that_are_named_are_validated(connected: Database) -> None:
    hospital, account = await opened(connected, code_systems=f"http://example.org/local {SYSTEM}")
    foreign = {"coding": [{"system": "http://example.org/other", "code": "x"}, {"code": "y"}], "text": "Something"}
    await hospital.create(charge(account, code=foreign))
    assert await refusal_of(hospital.create(charge(account, "x"))) == [("code-unknown", "ChargeItem.code.coding[0]")]


async def test_what_is_not_billable_may_have_any_code_until_it_is(connected: Database) -> None:
    hospital, account = await opened(connected)
    planned = await hospital.create(charge(account, "x", status="planned"))
    assert await refusal_of(hospital.update({**planned, "status": "billable"})) == [
        ("code-unknown", "ChargeItem.code.coding[0]")
    ]
    await keep(hospital, code("x"))
    assert (await hospital.update({**planned, "status": "billable"}))["status"] == "billable"


async def test_what_was_accepted_is_not_looked_at_again_until_its_code_changes(connected: Database) -> None:
    hospital, account = await opened(connected)
    await keep(hospital, code("x"))
    accepted = await hospital.create(charge(account, "x"))
    await keep(hospital, code("x", valid_to=date(2020, 1, 1)))
    noted = await hospital.update({**accepted, "note": [{"text": "Seen"}]})
    recoded = {**noted, "code": {"coding": [{"system": SYSTEM, "code": "y"}]}}
    assert await refusal_of(hospital.update(recoded)) == [("code-unknown", "ChargeItem.code.coding[0]")]


async def test_lines_without_a_charge_are_validated_when_the_invoice_is_issued(connected: Database) -> None:
    hospital, account = await opened(connected)
    line = {
        "chargeItemCodeableConcept": {"coding": [{"system": SYSTEM, "code": "x"}]},
        "priceComponent": [{"type": "base", "amount": {"value": 10, "currency": "AFN"}}],
    }
    draft = await hospital.create(
        {
            "resourceType": "Invoice",
            "status": "draft",
            "subject": account["subject"][0],
            "account": {"reference": f"Account/{account['id']}"},
            "lineItem": [line],
        }
    )
    place = "Invoice.lineItem[0].chargeItemCodeableConcept.coding[0]"
    assert await refusal_of(hospital.issue(draft)) == [("code-unknown", place)]
    await keep(hospital, code("x"))
    assert (await hospital.issue(draft))["status"] == "issued"


async def test_the_same_codes_once_more_change_nothing(connected: Database) -> None:
    hospital, _ = await opened(connected)
    assert await keep(hospital, code("a"), code("b")) == 2
    assert await keep(hospital, code("a"), code("b", display="B")) == 1
    assert await keep(hospital) == 0


async def test_codes_are_not_validated_unless_a_tenant_wants_it(connected: Database) -> None:
    hospital, account = await opened(connected)
    unasked = await Hospital.open(connected, country=COUNTRY)
    account = await unasked.create(
        {"resourceType": "Account", "status": "active", "subject": [{"reference": hospital.patient}]}
    )
    await unasked.create(charge(account, "anything"))
