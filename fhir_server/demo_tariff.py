"""The demo tenants' price list: what their services cost, so that a charge needs no more than a code."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from billing.activate_price_list import activate_price_list
from billing.keep_price_list import keep_price_list
from billing.write_price_list import write_price_list
from ledger.price_list import Price, PriceList, PriceRule
from ledger.tenant import Tenant
from storage import price_lists
from storage.transaction import Database, Transaction

LIST = "tariff"
_FIRST_DAY = date(2020, 1, 1)


async def publish_tariff(database: Database, tenant: Tenant, prices: Sequence[Price], actor: str) -> None:
    """Bring the list into force, where it is not there yet."""

    async def publish(tx: Transaction) -> None:
        price_lists.lock_lists(tx)
        _, is_new = await keep_price_list(
            tx, PriceList(tenant_id=tenant.id, id=LIST, name=f"Tariff of {tenant.name}", level="tenant")
        )
        if is_new:
            staff = PriceRule(id="staff", kind="discount", percent=Decimal(20), modifier="STAFF", name="Staff")
            version = await write_price_list(
                tx, LIST, valid_from=_FIRST_DAY, valid_to=None, prices=prices, rules=[staff]
            )
            await activate_price_list(tx, LIST, version.version)

    await database.run(tenant.id, actor, publish)
