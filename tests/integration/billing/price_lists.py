"""Price lists as tests make them: in force at once, from long ago."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from billing.activate_price_list import activate_price_list
from billing.keep_price_list import keep_price_list
from billing.write_price_list import write_price_list
from ledger.price_list import Coding, Price, PriceList, PriceListVersion, PriceRule
from ledger.tenant import NATIONAL
from storage.transaction import Database, Transaction
from tests.integration.billing.hospital import CANONICAL, Document, Hospital

CPT = "http://www.ama-assn.org/go/cpt"
LONG_AGO = date(2020, 1, 1)


def price(code: str, amount_minor: int, **more: Any) -> Price:
    return Price(**{"system": CPT, "code": code, "currency": "AFN", "amount_minor": amount_minor, **more})


def rule(id_: str, kind: str, percent: str | None = None, **more: Any) -> PriceRule:
    return PriceRule(id=id_, kind=kind, percent=None if percent is None else Decimal(percent), **more)


async def publish(
    hospital: Hospital,
    *content: Price | PriceRule,
    list_id: str = "standard",
    valid_from: date = LONG_AGO,
    valid_to: date | None = None,
    facility: str | None = None,
    program: Coding | None = None,
) -> PriceListVersion:
    """Write a version of a list of the hospital, and activate it."""
    wanted = PriceList(
        tenant_id=hospital.tenant_id,
        id=list_id,
        name=list_id,
        level="facility" if facility else "tenant",
        facility=facility,
        program=program,
    )
    return await _publish(hospital.database, wanted, content, valid_from, valid_to)


async def publish_national(
    database: Database, country: str, *content: Price | PriceRule, list_id: str
) -> PriceListVersion:
    wanted = PriceList(tenant_id=NATIONAL, id=list_id, name=list_id, level="national", country=country)
    return await _publish(database, wanted, content, LONG_AGO, None)


async def _publish(
    database: Database,
    wanted: PriceList,
    content: Sequence[Price | PriceRule],
    valid_from: date,
    valid_to: date | None,
) -> PriceListVersion:
    async def write(tx: Transaction) -> PriceListVersion:
        await keep_price_list(tx, wanted)
        return await write_price_list(
            tx,
            wanted.id,
            valid_from=valid_from,
            valid_to=valid_to,
            prices=[each for each in content if isinstance(each, Price)],
            rules=[each for each in content if isinstance(each, PriceRule)],
        )

    draft = await database.run(wanted.tenant_id, "finance", write)
    return await database.run(wanted.tenant_id, "finance", lambda tx: activate_price_list(tx, wanted.id, draft.version))


def concept(name: str, code: str, system: str | None = None) -> Document:
    """An extension of a charge whose value is a CodeableConcept: a modifier or a program."""
    coding = {"code": code} if system is None else {"system": system, "code": code}
    return {"url": f"{CANONICAL}/StructureDefinition/{name}", "valueCodeableConcept": {"coding": [coding]}}
