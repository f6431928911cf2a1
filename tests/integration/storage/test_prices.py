"""The look-up of prices reads no list whole, whatever PostgreSQL knows of the tables."""

from __future__ import annotations

from datetime import date
from typing import Any

import psycopg
import pytest
from psycopg import sql

from storage import prices
from storage.transaction import Database
from tests.database_server import DatabaseAccess
from tests.integration.billing.hospital import OPENED, Hospital
from tests.integration.billing.price_lists import CPT, price, publish


@pytest.mark.parametrize("is_analyzed", [False, True])
async def test_prices_are_found_code_by_code_on_the_index(fresh_database: DatabaseAccess, is_analyzed: bool) -> None:
    app = Database(fresh_database.app, size_max=1)
    await app.open()
    hospital = await Hospital.open(app)
    OPENED.remove(hospital.tenant_id)  # the books of this database nobody proves at the end
    for list_id in ("one", "two"):
        await publish(hospital, *(price(f"c{at}", at) for at in range(2000)), list_id=list_id, facility=list_id)
    await app.close()
    if is_analyzed:
        with psycopg.connect(fresh_database.superuser, autocommit=True) as owner:
            owner.execute("ANALYZE")
    plan = _plan(fresh_database.app, hospital.tenant_id, [f"c{at}" for at in range(50)])
    assert "price_tenant_id_code_system_idx" in plan
    assert "Rows Removed by Join Filter" not in plan
    assert "Seq Scan on price " not in plan


def _plan(conninfo: str, tenant_id: str, codes: list[str]) -> str:
    given: list[Any] = [tenant_id, "AF", codes, date.min, date.max, [CPT] * len(codes)]
    with psycopg.connect(conninfo) as connection:
        connection.execute("SET plan_cache_mode = force_generic_plan")
        connection.execute("SELECT set_config('billing.tenant', %s, true)", [tenant_id])
        statement = sql.SQL(prices._PRICES.sql.decode())
        connection.execute(sql.SQL("PREPARE asked (text, text, text[], date, date, text[]) AS {}").format(statement))
        values = sql.SQL(", ").join(map(sql.Literal, given))
        rows = connection.execute(sql.SQL("EXPLAIN (ANALYZE) EXECUTE asked ({})").format(values)).fetchall()
    return "\n".join(row[0] for row in rows)
