"""The tenant that the benchmarks work on: accounts with charges and invoices, made by the product's own commands."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from bench import works
from billing.context import Context
from billing.create_resource import create_resource
from billing.tenants import add_tenant
from fhir_server.demo_tariff import publish_tariff
from ledger.price_list import Price
from ledger.tenant import Tenant
from mappers.r4.json_text import decode, encode
from storage.transaction import Database, Transaction


async def prepare(conninfo: str, base_url: str) -> None:
    """Make the tenant, one transaction an account."""
    database = Database(conninfo, size_max=1)
    await database.open()
    try:
        await _fill(database, base_url)
    finally:
        await database.close()


async def _fill(database: Database, base_url: str) -> None:
    tenant = Tenant(works.TENANT, "Bench", "AF", "AFN", "Asia/Kabul")
    await add_tenant(database, tenant)
    context = Context(tenant, "bench", "bench", base_url)
    prices = [
        Price(system=works.CODES, code=f"service-{number}", currency=tenant.currency, amount_minor=1000 + number)
        for number in range(works.PRICES)
    ]
    await publish_tariff(database, tenant, prices, "bench")
    for number in range(works.ACCOUNTS):
        await database.run(tenant.id, "bench", _Account(context, number).put)


class _Account:
    def __init__(self, context: Context, number: int) -> None:
        self.context = context
        self.number = number

    async def put(self, tx: Transaction) -> None:
        number, patient = self.number, {"reference": f"Patient/{self.number}"}
        account = {"resourceType": "Account", "status": "active", "subject": [patient]}
        await self._create(tx, works.account(number), account)
        for at in range(works.CHARGES_OF_AN_ACCOUNT):
            charge = number + at * works.ACCOUNTS
            # Decimals as they come in over HTTP, not as Python writes them.
            await self._create(tx, f"charge-{charge}", decode(encode(works.charge_document(charge))))
        for at in range(works.INVOICES_OF_AN_ACCOUNT):
            await self._create(tx, f"issued-{number}-{at}", self._invoice(Decimal(100 + at)))
        await self._create(tx, f"paid-{number}", self._invoice(Decimal(works.HUGE)))

    async def _create(self, tx: Transaction, resource_id: str, document: dict[str, Any]) -> None:
        await create_resource(tx, self.context, document["resourceType"], document, resource_id=resource_id)

    def _invoice(self, amount: Decimal) -> dict[str, Any]:
        return {
            "resourceType": "Invoice",
            "status": "issued",
            "date": "2026-01-20",
            "subject": {"reference": f"Patient/{self.number}"},
            "account": {"reference": f"Account/{works.account(self.number)}"},
            "lineItem": [
                {
                    "chargeItemCodeableConcept": {"text": "Ward"},
                    "priceComponent": [{"type": "base", "amount": {"value": amount, "currency": "AFN"}}],
                }
            ],
        }
