"""Searches of a large tenant: by every search parameter an index leads to the few that match.

It is out of the fast suite, for it takes minutes to fill:

    BILLING_TEST_SCALE_ROWS=1000000 ./run test -n 0 -s tests/integration/storage/test_search_scale.py

prints a table of all searches: matches, rows touched, and the median over HTTP in one process. Plans are those of the
application's role under row-level security. Timings are shown and not asserted, for other things may be going on.
BILLING_TEST_SCALE_TIMINGS is how often each search is timed, 0 for not at all.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import pytest_asyncio

from mappers import MAPPERS
from mappers.search_chains import HAS
from storage.search import Anchor, PageWanted, queries_of
from storage.search_criteria import is_pointed
from tests.database_server import DatabaseAccess, DatabaseServer
from tests.integration.searching import read
from tests.integration.serving import Server, body, serving
from tests.integration.storage.test_search_plans import _literal, nodes, rows_touched

ROWS = int(os.environ.get("BILLING_TEST_SCALE_ROWS", "0"))
TIMINGS = int(os.environ.get("BILLING_TEST_SCALE_TIMINGS", "21"))
TENANT = "large"
FILL = (Path(__file__).parent / "large_tenant.sql").read_text()

pytestmark = pytest.mark.skipif(
    not ROWS, reason="takes minutes; BILLING_TEST_SCALE_ROWS=1000000 says how many charges to fill it with"
)

LABELS = (
    "_id={letter}7",
    "_lastUpdated=ge{late}",
    "_profile=http://p/rare",
    "_security=R",
    "_security:text=rare",
    "_source=urn:rare",
    "_tag=http://tags|rare",
    "_tag:text=rare",
    "identifier=77",
    "identifier=http://his|77,http://his|78",
    "identifier:of-type=http://types|RARE|{rare}",
    "identifier:text=rare",
)

SEARCHES: dict[str, tuple[str, ...]] = {
    "Account": (
        "name=emile 77 ",
        "name:exact=Émile 77 of 77",
        "owner=Organization/10",
        "owner:identifier=mrn-1",
        "patient=7",
        "patient:identifier=mrn-1",
        "period=sa{late}",
        "status=on-hold",
        "subject=Patient/7",
        "subject:Patient=7",
        "subject:identifier=http://mrn|mrn-1",
        "type=type-7",
        "type:text=type {last}",
    ),
    "ChargeItem": (
        "account=a7",
        "account:identifier=mrn-1",
        "code=code-7",
        "code=http://tariff|code-7",
        "code:text=service {last}",
        "context=Encounter/7",
        "context:identifier=mrn-1",
        "entered-date=ge2024-01-02T10:00Z&entered-date=lt2024-01-02T11:00Z",
        "enterer=Practitioner/7",
        "enterer:identifier=mrn-1",
        "factor-override=0.777",
        "factor-override=lt0.79&factor-override=gt0.7",
        "occurrence=ge2024-01-02T10:00Z&occurrence=lt2024-01-02T11:00Z",
        "occurrence=sa{late}",
        "patient=7",
        "patient:identifier=mrn-1",
        "performer-actor=Practitioner/8",
        "performer-actor:identifier=mrn-1",
        "performer-function=function-8",
        "performer-function:text=function {last}",
        "performing-organization=Organization/rare",
        "performing-organization:identifier=mrn-1",
        "price-override=778||AFN",
        "price-override=778",
        "quantity=777.77",
        "quantity=777.77|http://unitsofmeasure.org|1",
        "requesting-organization=Organization/rare",
        "requesting-organization:identifier=mrn-1",
        "service=Procedure/8",
        "service:identifier=mrn-1",
        "status=aborted",
        "subject=Patient/7",
        "subject:identifier=mrn-1",
    ),
    "Invoice": (
        "account=a7",
        "account:identifier=mrn-1",
        "charge=c7",
        "date=2024-01-02T10:00:00Z",
        "date=ge2024-01-02T10:00Z&date=lt2024-01-02T12:00Z",
        "identifier=77",
        "issuer=Organization/rare",
        "issuer:identifier=mrn-1",
        "participant=Practitioner/7",
        "participant:identifier=mrn-1",
        "participant-role=role-7",
        "participant-role:text=role {last}",
        "patient=7",
        "patient:identifier=mrn-1",
        "recipient=Patient/7",
        "recipient:identifier=mrn-1",
        "status=cancelled",
        "subject=7",
        "subject:identifier=mrn-1",
        "totalgross=770||AFN",
        "totalgross=770",
        "totalnet=700||AFN",
        "type=type-7",
        "type:text=type {last}",
    ),
    "PaymentNotice": (
        "created=ge2024-01-02T10:00Z&created=lt2024-01-02T12:00Z",
        "payment-status=status-7",
        "payment-status:text=status {last}",
        "provider=Organization/rare",
        "provider:identifier=mrn-1",
        "request=Invoice/i7",
        "request:identifier=mrn-1",
        "response=PaymentReconciliation/p7",
        "response:identifier=mrn-1",
        "status=cancelled",
    ),
    "PaymentReconciliation": (
        "account=a7",
        "created=ge2024-01-02T10:00Z&created=lt2024-01-02T12:00Z",
        "disposition=rejected",
        "invoice=i7",
        "outcome=error",
        "payment-issuer=Organization/999",
        "payment-issuer:identifier=mrn-1",
        "request=Task/10",
        "request:identifier=mrn-1",
        "requestor=Practitioner/10",
        "requestor:identifier=mrn-1",
        "status=cancelled",
    ),
}

TOGETHER = (
    "Invoice?patient=7&status=issued&_sort=-date",
    "ChargeItem?performing-organization=Organization/rare&_sort=-occurrence",
    "Invoice?totalgross=gt770||AFN&totalgross=lt790||AFN&_sort=-date",
    "Account?name=emile 77 &_sort=-name",
    "Invoice?patient=7&_sort=-identifier",
    "ChargeItem?patient=7&_sort=code,-occurrence",
    "Invoice?account.identifier=http://his|7",
    "PaymentReconciliation?invoice.account=a7",
    "Account?_has:Invoice:account:_id=i7",
    "Account?patient=7&_has:Invoice:account:status=draft",
    "Invoice?patient=7&_include=Invoice:account",
    "Invoice?patient=7&_include=Invoice:charge&_revinclude=PaymentReconciliation:invoice",
)


def searches() -> list[str]:
    letters = {"Account": "a", "ChargeItem": "c", "Invoice": "i", "PaymentNotice": "n", "PaymentReconciliation": "p"}
    parts = {"Account": 10, "ChargeItem": 1, "Invoice": 4, "PaymentNotice": 10, "PaymentReconciliation": 4}
    found = []
    for resource_type, queries in SEARCHES.items():
        part = parts[resource_type]
        minutes = part * (ROWS // part)
        late = time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime(1_704_067_200 + 60 * minutes - 60 * 60 * 2))
        last = ROWS // part // 20 // 16 * 16 - 16
        values = {"letter": letters[resource_type], "late": late, "rare": str(20000 // part), "last": str(last)}
        found += [f"{resource_type}?{query.format(**values)}" for query in (*LABELS, *queries)]
    return [*found, *TOGETHER]


@pytest.fixture(scope="module")
def large(database_server: DatabaseServer) -> Iterator[DatabaseAccess]:
    with database_server.database() as access:
        with psycopg.connect(access.superuser) as connection:
            connection.execute(FILL.replace("TENANT", TENANT).replace("ROWS", str(ROWS)).encode())
        with psycopg.connect(access.superuser, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
        yield access


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def server(large: DatabaseAccess, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    async with serving(large, tmp_path_factory.mktemp("scale")) as server:
        yield server


def plan_of(access: DatabaseAccess, search: str) -> Any:
    """The plan as the application gets it, with what it really did."""
    resource_type, _, query = search.partition("?")
    asked = read(resource_type, query)
    wanted = PageWanted(resource_type, asked.criterion, asked.sort, asked.count)
    [(statement, values)] = queries_of(TENANT, wanted)
    mode = "generic" if is_pointed(asked.criterion.shape) else "custom"
    with psycopg.connect(access.app, autocommit=True) as connection:
        connection.execute(f"SET plan_cache_mode = force_{mode}_plan".encode())
        connection.execute("SELECT set_config('billing.tenant', %s, false)", (TENANT,))
        connection.execute(b"PREPARE search AS " + statement.sql)
        arguments = ", ".join(map(_literal, values))
        row = connection.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE search({arguments})".encode()).fetchone()
        assert row is not None
        return row[0][0]


def test_every_search_parameter_is_among_the_searches() -> None:
    for resource_type, queries in SEARCHES.items():
        asked = {query.partition("=")[0].partition(":")[0] for query in (*LABELS, *queries)}
        assert asked >= {each.code for each in MAPPERS[resource_type].search_parameters} - {HAS}, resource_type


@pytest.mark.parametrize("search", searches())
async def test_a_search_of_a_large_tenant_touches_few_rows(large: DatabaseAccess, server: Server, search: str) -> None:
    explained = plan_of(large, search)
    plan = explained["Plan"]
    sequential = [node["Relation Name"] for node in nodes(plan) if node["Node Type"] == "Seq Scan"]
    median, matches = await timed(server, search)
    print(
        f"| `{search}` | {matches} | {rows_touched(plan):.0f} | {explained['Execution Time']:.1f} | {median:.1f} |",
        flush=True,
    )
    assert sequential == [], json.dumps(plan, indent=1)
    assert matches <= 110
    assert rows_touched(plan) <= 2500, json.dumps(plan, indent=1)


async def timed(server: Server, search: str) -> tuple[float, int]:
    """The median of the same request again and again, in milliseconds, and what it finds."""
    taken = []
    async with server.client(server.token(TENANT)) as http:
        first = await http.get(search.replace("|", "%7C"), params=None)
        assert first.status_code == 200, first.text
        for _ in range(TIMINGS):
            begun = time.perf_counter()
            await http.get(search.replace("|", "%7C"))
            taken.append((time.perf_counter() - begun) * 1000)
    found = [entry for entry in body(first).get("entry", []) if entry["search"]["mode"] == "match"]
    return statistics.median(taken) if taken else 0.0, len(found)


async def test_the_hundredth_page_of_a_long_list_is_read_as_the_first(server: Server) -> None:
    async with server.client(server.token(TENANT)) as http:
        url, taken = "Invoice?status=balanced&_sort=-date&_count=50", []
        for _ in range(100):
            begun = time.perf_counter()
            answer = await http.get(url)
            taken.append((time.perf_counter() - begun) * 1000)
            page = body(answer)
            assert len(page["entry"]) == 50
            url = next(link["url"] for link in page["link"] if link["relation"] == "next")
    print(
        f"| pages of `Invoice?status=balanced&_sort=-date` | first {taken[0]:.1f} | last {taken[-1]:.1f} ms |",
        flush=True,
    )


def test_a_page_far_behind_reads_only_itself(large: DatabaseAccess) -> None:
    asked = read("Invoice", "status=balanced&_sort=-date")
    after = Anchor(("2024-02-01 00:00:00+00", "2024-02-01 00:00:00.999999+00"), "i1")
    [(statement, values)] = queries_of(TENANT, PageWanted("Invoice", asked.criterion, asked.sort, 50, after))
    with psycopg.connect(large.app, autocommit=True) as connection:
        connection.execute("SET plan_cache_mode = force_custom_plan")
        connection.execute("SELECT set_config('billing.tenant', %s, false)", (TENANT,))
        connection.execute(b"PREPARE search AS " + statement.sql)
        arguments = ", ".join(map(_literal, values))
        row = connection.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE search({arguments})".encode()).fetchone()
    assert row is not None
    assert rows_touched(row[0][0]["Plan"]) <= 1000
