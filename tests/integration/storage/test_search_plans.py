"""Which indexes searches use: as the application role under row-level security, on tables with many rows.

Only leakproof operators reach an index there, so a plan that looks well as the owner says nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from mappers.compartments import PATIENT_COMPARTMENT, in_compartment_of
from storage.pipeline import parameters
from storage.search import Anchor, PageWanted, page_query
from storage.search_criteria import Value, is_pointed
from tests.database_server import DatabaseAccess, DatabaseServer
from tests.integration.searching import read

TENANT = "big"
ROWS = int(os.environ.get("BILLING_TEST_PLAN_ROWS", "20000"))
"""Of charges and of invoices; BILLING_TEST_PLAN_ROWS=1000000 takes some minutes."""

_FILL = """
INSERT INTO billing.account (tenant_id, id, version, last_updated, status, name, currency, residue)
SELECT 'TENANT', 'a' || n, 1, '2026-01-01'::timestamptz + n * interval '1 second', 'active', 'name ' || n, 'AFN', '{}'
FROM generate_series(1, ROWS / 10) AS n;
INSERT INTO billing.charge_item (tenant_id, id, version, last_updated, status, subject, occurrence_date_time,
    account_id, unpriced, residue)
SELECT 'TENANT', 'c' || n, 1, '2026-01-01'::timestamptz + n * interval '1 second', 'billable', 'Patient/' || n % 2000,
    to_char('2024-01-01'::date + (n % 700), 'YYYY-MM-DD'), 'a' || 1 + n % (ROWS / 10), false, '{}'
FROM generate_series(1, ROWS) AS n;
INSERT INTO billing.charge_item_index (tenant_id, id, parameter, position, system, value)
SELECT 'TENANT', 'c' || n, 'identifier', '{0}', 'http://his', n::text FROM generate_series(1, ROWS) AS n;
INSERT INTO billing.charge_item_index (tenant_id, id, parameter, position, system, value)
SELECT 'TENANT', 'c' || n, 'code', '{0}', 'http://tariff', 'code-' || n % (ROWS / 40)
FROM generate_series(1, ROWS) AS n;
INSERT INTO billing.invoice (tenant_id, id, version, last_updated, status, subject, recipient, date, account_id,
    residue)
SELECT 'TENANT', 'i' || n, 1, '2026-01-01'::timestamptz + n * interval '1 second',
    (ARRAY['issued', 'balanced', 'draft'])[1 + n % 3], 'Patient/' || n % 2000, 'Patient/' || n % 2000,
    CASE WHEN n % 10 > 0 THEN to_char('2024-01-01'::date + (n % 700), 'YYYY-MM-DD') END,
    'a' || 1 + n % (ROWS / 10), '{}'
FROM generate_series(1, ROWS) AS n;
INSERT INTO billing.invoice_line (tenant_id, invoice_id, position, charge_item_id, residue)
SELECT 'TENANT', 'i' || n, 0, 'c' || n, '{}' FROM generate_series(1, ROWS) AS n;
INSERT INTO billing.payment_reconciliation (tenant_id, id, version, last_updated, status, created, payment_account_id,
    residue)
SELECT 'TENANT', 'p' || n, 1, '2026-01-01'::timestamptz + n * interval '1 second', 'active',
    to_char('2024-01-01'::date + (n % 700), 'YYYY-MM-DD'), CASE WHEN n % 2 = 0 THEN 'a' || 1 + n % (ROWS / 10) END, '{}'
FROM generate_series(1, ROWS) AS n;
INSERT INTO billing.payment_detail (tenant_id, payment_id, position, request, residue)
SELECT 'TENANT', 'p' || n, 0, CASE WHEN n % 3 > 0 THEN 'Invoice/i' || n ELSE 'Account/a' || 1 + n % (ROWS / 10) END,
    '{}' FROM generate_series(1, ROWS) AS n;
INSERT INTO billing.payment_notice (tenant_id, id, version, last_updated, status, request, response, residue)
SELECT 'TENANT', 'n' || n, 1, '2026-01-01'::timestamptz + n * interval '1 second', 'active', 'Invoice/i' || n,
    'PaymentReconciliation/p' || n, '{}' FROM generate_series(1, ROWS / 10) AS n;
INSERT INTO billing.account_index (tenant_id, id, parameter, position, value)
SELECT 'TENANT', 'a' || n, 'subject', '{0}', 'Patient/' || n % 2000 FROM generate_series(1, ROWS / 10) AS n;
INSERT INTO billing.account_index (tenant_id, id, parameter, position, system, value)
SELECT 'TENANT', 'a' || n, 'identifier', '{0}', 'http://his', n::text FROM generate_series(1, ROWS / 10) AS n;
INSERT INTO billing.resource_versions (tenant_id, resource_type, id, version, last_updated, interaction, content,
    mapper_version, created_by)
SELECT tenant_id, 'Invoice', id, 1, last_updated, 'create', '{}', 1, 'test' FROM billing.invoice
WHERE tenant_id = 'TENANT';
"""


@pytest.fixture(scope="module")
def filled(database_server: DatabaseServer) -> Iterator[DatabaseAccess]:
    with database_server.database() as access:
        with psycopg.connect(access.superuser) as connection:
            connection.execute(_FILL.replace("TENANT", TENANT).replace("ROWS", str(ROWS)))
        with psycopg.connect(access.superuser, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
        yield access


def plan_of(access: DatabaseAccess, search: str, after: tuple[str | None, ...] | None = None) -> Any:
    """The plan as the application gets it: of a prepared statement, for any values or for those at hand."""
    resource_type, _, query = search.partition("?")
    asked = read(resource_type, query)
    anchor = None if after is None else Anchor(after, "i5")
    wanted = PageWanted(resource_type, asked.criterion, asked.sort, 20, anchor)
    return explained(access, wanted, "generic" if is_pointed(asked.criterion.shape) else "custom")


def explained(access: DatabaseAccess, wanted: PageWanted, mode: str) -> Any:
    statement, values = page_query(TENANT, wanted)
    with psycopg.connect(access.app, autocommit=True) as connection:
        connection.execute(f"SET plan_cache_mode = force_{mode}_plan")
        connection.execute("SELECT set_config('billing.tenant', %s, false)", (TENANT,))
        connection.execute(b"PREPARE search AS " + statement.sql)
        arguments = ", ".join(_literal(value) for value in values)
        row = connection.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE search({arguments})").fetchone()
        assert row is not None
        return row[0][0]["Plan"]


def _literal(value: Value) -> str:
    [text] = parameters([value])
    assert text is not None
    return "'" + text.decode().replace("'", "''") + "'"


@pytest.mark.parametrize("resource_type", PATIENT_COMPARTMENT)
def test_a_compartment_is_found_by_indexes(filled: DatabaseAccess, resource_type: str) -> None:
    for count in (20, 1000):
        plan = explained(filled, PageWanted(resource_type, in_compartment_of("7", resource_type), (), count), "generic")
        sequential = [node["Relation Name"] for node in nodes(plan) if node["Node Type"] == "Seq Scan"]
        assert sequential == [], json.dumps(plan, indent=1)
        assert rows_touched(plan) <= 500, json.dumps(plan, indent=1)


@pytest.mark.parametrize(
    ("resource_type", "parameter"),
    [
        ("Invoice", "_include=*"),
        ("Invoice", "_revinclude=*"),
        ("Account", "_revinclude=*"),
        ("ChargeItem", "_include=*"),
        ("ChargeItem", "_revinclude=*"),
        ("PaymentReconciliation", "_include=*"),
    ],
)
def test_what_comes_along_is_found_by_indexes(filled: DatabaseAccess, resource_type: str, parameter: str) -> None:
    letter = {"Invoice": "i", "Account": "a", "ChargeItem": "c", "PaymentReconciliation": "p"}[resource_type]
    for include in read(resource_type, parameter).includes:
        criterion = include.criterion([f"{letter}{number}" for number in range(1, 21)])
        plan = explained(filled, PageWanted(include.finds, criterion, (), 2000), "generic")
        sequential = [node["Relation Name"] for node in nodes(plan) if node["Node Type"] == "Seq Scan"]
        assert sequential == [], (include, json.dumps(plan, indent=1))
        assert rows_touched(plan) <= 2000, (include, json.dumps(plan, indent=1))


def nodes(plan: Any) -> Iterator[Any]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


def rows_touched(plan: Any) -> Any:
    """Rows that scans gave or threw away."""
    return sum(
        node["Actual Loops"] * (node["Actual Rows"] + node.get("Rows Removed by Filter", 0))
        for node in nodes(plan)
        if "Scan" in node["Node Type"] and node["Node Type"] != "Subquery Scan"
    )


@pytest.mark.parametrize(
    ("search", "after"),
    [
        ("Invoice?", None),
        ("Invoice?_id=i5", None),
        ("Invoice?_id=i5,i6,i7", None),
        ("ChargeItem?identifier=77", None),
        ("ChargeItem?identifier=http://his|77", None),
        ("ChargeItem?identifier=http://his|77,http://his|78", None),
        ("ChargeItem?code=code-77", None),
        ("ChargeItem?account=a7", None),
        ("ChargeItem?patient=7&_sort=-occurrence", None),
        ("ChargeItem?subject=7", None),
        ("ChargeItem?account=Account/a7&code=http://tariff|code-77", None),
        ("Invoice?account=a7&status=issued", None),
        ("Invoice?patient=7&status=issued&_sort=-date", None),
        ("Invoice?_sort=-date", None),
        ("Invoice?_sort=date", None),
        ("Invoice?_sort=-_lastUpdated", None),
        ("Invoice?date=2024-05-10", None),
        ("Invoice?date=ge2024-05-10&date=lt2024-05-11&_sort=date", None),
        ("Invoice?date=gt2025-11-28", None),
        ("Invoice?date=ge2025-11-28&_sort=-date", None),
        (
            "Invoice?date=ge2024-05&date=le2024-06&_sort=date",
            ("2024-05-10 00:00:00+00", "2024-05-10 23:59:59.999999+00"),
        ),
        ("Invoice?date=ap2024-05-10&_sort=date", None),
        ("Invoice?status=entered-in-error&_sort=-date", None),
        ("Invoice?_lastUpdated=gt2026-01-01T05:30:00Z&_sort=_lastUpdated", None),
        ("Invoice?_sort=-date", ("2024-06-01 00:00:00+00", "2024-06-01 23:59:59.999999+00")),
        ("Invoice?_sort=date", ("2024-06-01 00:00:00+00", "2024-06-01 23:59:59.999999+00")),
        ("Invoice?_sort=-date", (None, None)),
        ("Invoice?_sort=date", (None, None)),
        ("Invoice?_sort=-_lastUpdated", ("2026-01-01 03:00:00+00",)),
        ("Invoice?patient=7&_sort=-date", ("2024-06-01 00:00:00+00", "2024-06-01 23:59:59.999999+00")),
        ("Invoice?account=a7", ()),
        ("Invoice?charge=c7", None),
        ("PaymentReconciliation?invoice=i7", None),
        ("PaymentReconciliation?account=a7", None),
        ("Invoice?account.identifier=http://his|7", None),
        ("Invoice?account.identifier=http://his|7&status=issued&_sort=-date", None),
        ("Invoice?charge.identifier=77", None),
        ("Invoice?charge.account.identifier=77", None),
        ("PaymentReconciliation?invoice._id=i7", None),
        ("PaymentReconciliation?invoice.account=a7", None),
        ("PaymentReconciliation?account.identifier=77", None),
        ("Account?_has:Invoice:account:_id=i7", None),
        ("Account?_has:ChargeItem:account:identifier=77&_sort=name", None),
        ("Invoice?_has:PaymentReconciliation:invoice:_id=p7", None),
        ("Invoice?account=a7&_has:PaymentReconciliation:invoice:status=active", None),
        ("Account?_id=a7&_has:PaymentReconciliation:account:status=active", None),
        ("Invoice?", ()),
    ],
)
def test_a_search_touches_few_rows(filled: DatabaseAccess, search: str, after: tuple[str | None, ...] | None) -> None:
    plan = plan_of(filled, search, after)
    sequential = [node["Relation Name"] for node in nodes(plan) if node["Node Type"] == "Seq Scan"]
    assert sequential == [], json.dumps(plan, indent=1)
    # There are 700 days: what is of one day, or of both that meet, may have to be sorted.
    assert rows_touched(plan) <= max(500, 2.5 * ROWS / 700), json.dumps(plan, indent=1)
