"""What searches find, in the real database, for each type of parameter. https://hl7.org/fhir/R4/search.html"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio

from tests.database_server import DatabaseAccess
from tests.integration.searching import BASE, SearchedTenant, ids, searched_tenant

Json = dict[str, Any]


@pytest_asyncio.fixture(loop_scope="session")
async def tenant(database: DatabaseAccess) -> AsyncIterator[SearchedTenant]:
    async with searched_tenant(database) as tenant:
        yield tenant


def invoice(id_: str, **elements: Any) -> Json:
    return {"resourceType": "Invoice", "id": id_, "status": "draft", **elements}


def account(id_: str, **elements: Any) -> Json:
    currency = {
        "url": "http://hl7.org/fhir/5.0/StructureDefinition/extension-Account.currency",
        "valueCodeableConcept": {"coding": [{"system": "urn:iso:std:iso:4217", "code": "AFN"}]},
    }
    return {"resourceType": "Account", "id": id_, "status": "active", "extension": [currency], **elements}


def charge(id_: str, **elements: Any) -> Json:
    code = {"code": {"coding": [{"system": "http://his/codes", "code": "XRAY"}]}}
    return {"resourceType": "ChargeItem", "id": id_, "status": "planned", **code, **elements}


def identifier(system: str | None, value: str) -> Json:
    return {"identifier": [{"value": value} if system is None else {"system": system, "value": value}]}


async def test_a_token_in_index_rows_is_found_by_code_by_system_and_by_both(tenant: SearchedTenant) -> None:
    await tenant.store(
        invoice("a", **identifier("http://his", "1")),
        invoice("b", **identifier("http://lab", "1")),
        invoice("c", **identifier(None, "1")),
        invoice("d", **identifier("http://his", "2,x|y")),
        invoice("e"),
    )
    assert await tenant.find("Invoice?identifier=1") == ["a", "b", "c"]
    assert await tenant.find("Invoice?identifier=http://his|1") == ["a"]
    assert await tenant.find("Invoice?identifier=|1") == ["c"]
    assert await tenant.find("Invoice?identifier=http://his|") == ["a", "d"]
    assert await tenant.find("Invoice?identifier=http://his|1,http://lab|1") == ["a", "b"]
    assert await tenant.find(r"Invoice?identifier=2\,x\|y") == ["d"]
    assert await tenant.find(r"Invoice?identifier=http://his|2\,x\|y") == ["d"]
    assert await tenant.find("Invoice?identifier:not=1") == ["d", "e"]
    assert await tenant.find("Invoice?identifier:not=http://his|1") == ["b", "c", "d", "e"]
    assert await tenant.find("Invoice?identifier:missing=true") == ["e"]
    assert await tenant.find("Invoice?identifier:missing=false") == ["a", "b", "c", "d"]
    assert await tenant.find("Invoice?identifier=1&identifier=http://lab|") == ["b"]


async def test_a_code_is_found_with_and_without_the_system_that_it_is_bound_to(tenant: SearchedTenant) -> None:
    await tenant.store(invoice("a"), invoice("b", status="issued"), invoice("c", status="cancelled"))
    assert await tenant.find("Invoice?status=draft") == ["a"]
    assert await tenant.find("Invoice?status=draft,issued") == ["a", "b"]
    assert await tenant.find("Invoice?status=http://hl7.org/fhir/invoice-status|issued") == ["b"]
    assert await tenant.find("Invoice?status=http://other|issued") == []
    assert await tenant.find("Invoice?status=|issued") == []
    assert await tenant.find("Invoice?status=http://hl7.org/fhir/invoice-status|") == ["a", "b", "c"]
    assert await tenant.find("Invoice?status:not=draft,issued") == ["c"]
    assert await tenant.find("Invoice?_id=a,c,nobody") == ["a", "c"]
    assert await tenant.find("Invoice?_id:not=a") == ["b", "c"]


async def test_a_code_that_is_absent_is_not_the_one_that_is_excluded(tenant: SearchedTenant) -> None:
    await tenant.store(
        {"resourceType": "PaymentReconciliation", "id": "a", "status": "draft", "outcome": "error"},
        {"resourceType": "PaymentReconciliation", "id": "b", "status": "draft"},
    )
    assert await tenant.find("PaymentReconciliation?outcome:not=complete") == ["a", "b"]
    assert await tenant.find("PaymentReconciliation?outcome:not=error") == ["b"]
    assert await tenant.find("PaymentReconciliation?outcome:missing=true") == ["b"]


async def test_a_reference_is_found_by_id_by_type_and_by_url(tenant: SearchedTenant) -> None:
    await tenant.store(
        invoice("a", subject={"reference": "Patient/1"}),
        invoice("b", subject={"reference": f"{BASE}/Patient/1"}),
        invoice("c", subject={"reference": "Group/1"}),
        invoice("d", subject={"reference": "https://elsewhere.example/fhir/Patient/1"}),
        invoice("e", subject={"reference": "Patient/10"}),
        invoice("f", subject={"display": "somebody"}),
        invoice("g"),
    )
    assert await tenant.find("Invoice?subject=1") == ["a", "b", "c"]
    assert await tenant.find("Invoice?subject=Patient/1") == ["a", "b"]
    assert await tenant.find(f"Invoice?subject={BASE}/Patient/1") == ["a", "b"]
    assert await tenant.find("Invoice?subject:Patient=1") == ["a", "b"]
    assert await tenant.find("Invoice?subject:Patient=Patient/1") == ["a", "b"]
    assert await tenant.find("Invoice?subject:Group=1") == ["c"]
    assert await tenant.find("Invoice?patient=1") == ["a", "b"]
    assert await tenant.find("Invoice?patient=Patient/1,Patient/10") == ["a", "b", "e"]
    assert await tenant.find("Invoice?patient=Group/1") == []
    assert await tenant.find("Invoice?subject=https://elsewhere.example/fhir/Patient/1") == ["d"]
    assert await tenant.find("Invoice?subject=https://other.example/fhir/Patient/1") == []
    assert await tenant.find("Invoice?patient:missing=true") == ["c", "f", "g"]
    assert await tenant.find("Invoice?patient:missing=false") == ["a", "b", "d", "e"]
    assert await tenant.find("Invoice?subject:missing=true") == ["f", "g"]


async def test_a_reference_in_an_array_is_found(tenant: SearchedTenant) -> None:
    await tenant.store(
        account("a", subject=[{"reference": "Patient/1"}, {"reference": "Location/x"}]),
        account("b", subject=[{"reference": "Location/1"}]),
        account("c"),
    )
    assert await tenant.find("Account?subject=1") == ["a", "b"]
    assert await tenant.find("Account?patient=1") == ["a"]
    assert await tenant.find("Account?subject:Location=x") == ["a"]
    assert await tenant.find("Account?patient:missing=true") == ["b", "c"]
    assert await tenant.find("Account?subject:missing=true") == ["c"]


async def test_a_reference_to_a_resource_of_ours_is_found_by_its_id(tenant: SearchedTenant) -> None:
    await tenant.store(account("one"), account("two"))
    await tenant.store(
        charge("a", account=[{"reference": "Account/one"}]),
        charge("b", account=[{"reference": "Account/two"}]),
        charge("c"),
    )
    assert await tenant.find("ChargeItem?account=one") == ["a"]
    assert await tenant.find("ChargeItem?account=Account/one,two") == ["a", "b"]
    assert await tenant.find(f"ChargeItem?account={BASE}/Account/two") == ["b"]
    assert await tenant.find("ChargeItem?account:Account=two") == ["b"]
    assert await tenant.find("ChargeItem?account=https://elsewhere.example/fhir/Account/two") == []
    assert await tenant.find("ChargeItem?account:missing=true") == ["c"]


# Each date as stored, and what every prefix with 2026-05-10 says of it. https://hl7.org/fhir/R4/search.html#prefix
DATES = {
    "before": "2026-05-09",
    "day": "2026-05-10",
    "time": "2026-05-10T23:59:59Z",
    "month": "2026-05",
    "year": "2026",
    "after": "2026-05-11T00:00:00Z",
    "east": "2026-05-11T01:00:00+04:30",
}


@pytest.mark.parametrize(
    ("prefix", "found"),
    [
        ("", {"day", "time", "east"}),
        ("eq", {"day", "time", "east"}),
        ("ne", {"before", "month", "year", "after"}),
        ("gt", {"month", "year", "after"}),
        ("ge", {"day", "time", "east", "month", "year", "after"}),
        ("lt", {"before", "month", "year"}),
        ("le", {"day", "time", "east", "before", "month", "year"}),
        ("sa", {"after"}),
        ("eb", {"before"}),
    ],
)
async def test_each_prefix_of_a_date_compares_intervals(tenant: SearchedTenant, prefix: str, found: set[str]) -> None:
    await tenant.store(*(invoice(name, date=date) for name, date in DATES.items()), invoice("none"))
    assert set(await tenant.find(f"Invoice?date={prefix}2026-05-10")) == found


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("2026-05", {"before", "day", "time", "month", "after", "east"}),
        ("2026", set(DATES)),
        ("2026-05-10T23:59:59Z", {"time"}),
        ("2026-05-10T23:59Z", {"time"}),
        ("2026-05-11T01:00:00%2B04:30", {"east"}),
        ("2026-05-11T01:00:00+04:30", {"east"}),
        ("ge2026-05-10T12:00:00Z&date=lt2026-05-11", {"time", "east", "day", "month", "year"}),
        ("2026-05-09,2026-05-11", {"before", "after"}),
    ],
)
async def test_a_date_is_as_wide_as_it_is_written(tenant: SearchedTenant, search: str, found: set[str]) -> None:
    await tenant.store(*(invoice(name, date=date) for name, date in DATES.items()), invoice("none"))
    assert set(await tenant.find(f"Invoice?date={search}")) == found


async def test_a_period_that_is_open_reaches_to_infinity(tenant: SearchedTenant) -> None:
    await tenant.store(
        account("closed", servicePeriod={"start": "2026-01-01", "end": "2026-01-31"}),
        account("running", servicePeriod={"start": "2026-01-15"}),
        account("until", servicePeriod={"end": "2026-01-20"}),
        account("none"),
    )
    assert await tenant.find("Account?period=2026-01") == ["closed"]
    assert await tenant.find("Account?period=gt2027") == ["running"]
    assert await tenant.find("Account?period=ge2026-01-30") == ["closed", "running"]
    assert await tenant.find("Account?period=lt2026-01-10") == ["closed", "until"]
    assert await tenant.find("Account?period=eb2026-01-25") == ["until"]
    assert await tenant.find("Account?period=sa2026-01-10") == ["running"]
    assert await tenant.find("Account?period=ap2026-11-20") == ["running"]
    assert await tenant.find("Account?period:missing=true") == ["none"]


async def test_approximately_is_within_a_tenth_of_the_time_to_now(tenant: SearchedTenant) -> None:
    await tenant.store(invoice("near", date="2026-10-21"), invoice("far", date="2026-08-01"), invoice("none"))
    # From 2026-10-11 to now are 40 days: four days more on both sides do not reach the 21st, ten would.
    assert await tenant.find("Invoice?date=ap2026-10-11") == []
    assert await tenant.find("Invoice?date=ap2026-10-18") == ["near"]
    assert await tenant.find("Invoice?date=ap2026-10-21") == ["near"]


async def test_last_updated_is_exact_to_the_microsecond(tenant: SearchedTenant) -> None:
    await tenant.store(invoice("a"))
    await tenant.store(invoice("b"))
    page = await tenant.page("Invoice?_sort=_lastUpdated")
    at = [match.anchor.values[0] for match in page.matches]
    assert at[0] is not None
    assert at[1] is not None
    first, second = (f"{value[:10]}T{value[11:]}".replace("+00", "Z") for value in at if value)
    assert await tenant.find(f"Invoice?_lastUpdated={first}") == ["a"]
    assert await tenant.find(f"Invoice?_lastUpdated=gt{first}") == ["b"]
    assert await tenant.find(f"Invoice?_lastUpdated=ge{second}") == ["b"]
    assert await tenant.find(f"Invoice?_lastUpdated=lt{second}") == ["a"]
    assert await tenant.find(f"Invoice?_lastUpdated=ne{second}") == ["a"]


def money(value: str, currency: str | None = "AFN") -> Json:
    amount: Json = {"value": Decimal(value)}
    return amount if currency is None else {**amount, "currency": currency}


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("100", ["afn", "fine", "jpy", "kwd", "unstated"]),
        ("100.00", ["afn", "jpy", "kwd", "unstated"]),
        ("100|urn:iso:std:iso:4217|AFN", ["afn", "fine"]),
        ("100||AFN", ["afn", "fine"]),
        ("100|AFN", ["afn", "fine"]),
        ("100||JPY", ["jpy"]),
        ("100|http://other|AFN", []),
        ("gt100", ["fine", "much"]),
        ("ge100", ["afn", "fine", "jpy", "kwd", "much", "unstated"]),
        ("lt100", ["minus"]),
        ("le100", ["afn", "jpy", "kwd", "minus", "unstated"]),
        ("ne100", ["minus", "much"]),
        ("ap100", ["afn", "fine", "jpy", "kwd", "unstated"]),
        ("ap-5", ["minus"]),
        ("1e2", ["afn", "fine", "jpy", "kwd", "unstated"]),
        ("gt99999999999999999999999999", []),
        ("lt99999999999999999999999999||JPY", ["jpy"]),
        ("gt100.101||AFN", ["fine", "much"]),
        ("lt100.129||AFN", ["afn", "fine", "minus"]),
    ],
)
async def test_an_amount_of_money_is_compared_in_minor_units(
    tenant: SearchedTenant, search: str, found: list[str]
) -> None:
    await tenant.store(
        invoice("afn", totalGross=money("100.00")),
        invoice("fine", totalGross=money("100.12")),
        invoice("jpy", totalGross=money("100", "JPY")),
        invoice("kwd", totalGross=money("100.000", "KWD")),
        invoice("minus", totalGross=money("-5")),
        invoice("much", totalGross=money("5000000")),
        invoice("unstated", totalGross=money("100.0", None)),
        invoice("none"),
    )
    assert await tenant.find(f"Invoice?totalgross={search}") == found


async def test_a_quantity_and_a_number_are_found_as_precisely_as_they_are_asked(tenant: SearchedTenant) -> None:
    mg = {"system": "http://unitsofmeasure.org", "code": "mg"}
    await tenant.store(
        charge("a", quantity={"value": Decimal("5.4"), **mg}, factorOverride=Decimal("0.8")),
        charge("b", quantity={"value": Decimal("5.44"), **mg}, factorOverride=Decimal("0.85")),
        charge("c", quantity={"value": 5}, factorOverride=2),
        charge("d"),
    )
    assert await tenant.find("ChargeItem?quantity=5.4") == ["a", "b"]
    assert await tenant.find("ChargeItem?quantity=5.40") == ["a"]
    assert await tenant.find("ChargeItem?quantity=5") == ["a", "b", "c"]
    assert await tenant.find("ChargeItem?quantity=gt5|http://unitsofmeasure.org|mg") == ["a", "b"]
    assert await tenant.find("ChargeItem?quantity=gt5||mg") == ["a", "b"]
    assert await tenant.find("ChargeItem?quantity=gt5||g") == []
    assert await tenant.find("ChargeItem?quantity:missing=true") == ["d"]
    assert await tenant.find("ChargeItem?factor-override=0.8") == ["a"]
    assert await tenant.find("ChargeItem?factor-override=lt1") == ["a", "b"]
    assert await tenant.find("ChargeItem?factor-override=0.8,2") == ["a", "c"]
    assert await tenant.find("ChargeItem?factor-override=ne2") == ["a", "b"]


async def test_a_string_is_found_whatever_its_case_and_accents(tenant: SearchedTenant) -> None:
    await tenant.store(
        account("a", name="Émilie Łódź"),
        account("b", name="emilie"),
        account("c", name="حَسَن"),
        account("d", name="50% off_or not"),
        account("e"),
    )
    assert await tenant.find("Account?name=EMI") == ["a", "b"]
    assert await tenant.find("Account?name:exact=emilie") == ["b"]
    assert await tenant.find("Account?name:contains=łódź") == ["a"]
    assert await tenant.find("Account?name:contains=LODZ") == []
    assert await tenant.find("Account?name=حسن") == ["c"]
    assert await tenant.find("Account?name:contains=%25") == ["d"]
    assert await tenant.find("Account?name=off,emilie%20l") == []
    assert await tenant.find("Account?name:contains=off_,emilie") == ["a", "b", "d"]
    assert await tenant.find("Account?name:missing=true") == ["e"]


async def test_what_stands_in_meta_is_found(tenant: SearchedTenant) -> None:
    tag = {"system": "http://tags", "code": "t"}
    label = {"system": "http://labels", "code": "R"}
    await tenant.store(
        account("a", meta={"tag": [tag], "security": [label], "source": "http://his#1"}),
        account("b", meta={"profile": ["http://profiles/one", "http://profiles/two"]}),
        account("c", meta={"profile": ["http://profiles/onerous"]}),
    )
    assert await tenant.find("Account?_tag=t") == ["a"]
    assert await tenant.find("Account?_tag=http://tags|t") == ["a"]
    assert await tenant.find("Account?_tag:not=t") == ["b", "c"]
    assert await tenant.find("Account?_security=R") == ["a"]
    assert await tenant.find("Account?_source=http://his%231") == ["a"]
    assert await tenant.find("Account?_profile=http://profiles/one") == ["b"]
    assert await tenant.find("Account?_profile:below=http://profiles") == ["b", "c"]
    assert await tenant.find("Account?_profile:below=http://profiles/one") == ["b"]
    assert await tenant.find("Account?_profile:missing=true") == ["a"]


async def test_another_tenant_finds_nothing(tenant: SearchedTenant, database: DatabaseAccess) -> None:
    await tenant.store(invoice("a"))
    async with searched_tenant(database) as other:
        assert await other.find("Invoice?status=draft") == []
        assert (await other.page("Invoice?_total=accurate")).total == 0


SORTS = [
    "",
    "date",
    "-date",
    "status,-date",
    "-status,date",
    "date,status",
    "-date,-status",
    "totalgross",
    "-totalgross,date",
    "_lastUpdated",
    "-_lastUpdated",
    "_id",
    "-_id",
    "subject,-date,status",
    "identifier",
    "-identifier",
    "participant,-identifier,date",
    "-charge,type",
]


def mixed_invoices() -> list[Json]:
    dates = ["2026-01-01", "2026-02", None, "2026-02-01", "2026-02"]
    totals = ["1.00", None, "3.00"]
    subjects: list[str | None] = ["Patient/1", None, "Patient/2", "Patient/1"]
    documents = []
    for number in range(23):
        elements: Json = {"status": ["draft", "issued"][number % 2]}
        if date := dates[number % 5]:
            elements["date"] = date
        if total := totals[number % 3]:
            elements["totalGross"] = money(total)
        if subject := subjects[number % 4]:
            elements["subject"] = {"reference": subject}
        if number % 3:
            elements["identifier"] = [{"value": f"n{(number * 5 + at) % 11}"} for at in range(number % 3)]
        if number % 4:
            actors = [{"actor": {"reference": f"Practitioner/{(number + at) % 5}"}} for at in range(number % 4)]
            elements["participant"] = actors
        documents.append(invoice(f"i{number * 7 % 23:02}", **elements))
    return documents


@pytest.mark.parametrize("sort", SORTS)
async def test_pages_in_any_sort_show_each_resource_once_and_back_again(tenant: SearchedTenant, sort: str) -> None:
    for document in mixed_invoices():
        await tenant.store(document)
    query = f"Invoice?_sort={sort}&" if sort else "Invoice?"
    whole = ids(await tenant.page(f"{query}_count=100"))
    assert sorted(whole) == [f"i{number:02}" for number in range(23)]
    for count in (1, 2, 5, 22, 23):
        pages = [page async for page in tenant.pages(f"{query}_count={count}")]
        assert [id_ for page in pages for id_ in ids(page)] == whole
    last = (await tenant.page(f"{query}_count=100")).matches[-1].anchor
    page = await tenant.page(f"{query}_count=4", after=last, backward=True)
    back = ids(page)
    while page.more:
        page = await tenant.page(f"{query}_count=4", after=page.matches[0].anchor, backward=True)
        back = ids(page) + back
    assert back == whole[:-1]


async def test_what_has_no_value_comes_last_ascending_and_first_descending(tenant: SearchedTenant) -> None:
    await tenant.store(invoice("a", date="2026-02"), invoice("b"), invoice("c", date="2026-01"))
    assert ids(await tenant.page("Invoice?_sort=date")) == ["c", "a", "b"]
    assert ids(await tenant.page("Invoice?_sort=-date")) == ["b", "a", "c"]


async def test_of_repeating_values_the_one_that_comes_first_counts(tenant: SearchedTenant) -> None:
    def numbered(id_: str, *values: str) -> Json:
        return invoice(id_, identifier=[{"system": "http://his", "value": value} for value in values])

    await tenant.store(numbered("a", "5", "2"), numbered("b", "3"), numbered("c", "1", "9"), invoice("d"))
    assert ids(await tenant.page("Invoice?_sort=identifier")) == ["c", "a", "b", "d"]
    assert ids(await tenant.page("Invoice?_sort=-identifier")) == ["d", "c", "a", "b"]


async def test_a_sort_by_a_reference_of_some_types_leaves_the_others_out(tenant: SearchedTenant) -> None:
    await tenant.store(
        account("a", subject=[{"reference": "Device/1"}, {"reference": "Patient/3"}]),
        account("b", subject=[{"reference": "Patient/2"}, {"reference": "Patient/4"}]),
        account("c", subject=[{"reference": "https://elsewhere.example/Patient/1"}]),
        account("d", subject=[{"reference": "Device/0"}]),
    )
    assert ids(await tenant.page("Account?_sort=patient")) == ["b", "a", "c", "d"]
    assert ids(await tenant.page("Account?_sort=subject")) == ["d", "a", "b", "c"]


async def test_payments_are_sorted_by_the_accounts_and_invoices_they_are_about(tenant: SearchedTenant) -> None:
    await tenant.store(account("a1"), account("a2"), account("a3"))

    def payment(id_: str, owner: str, *requests: str) -> Json:
        extension = {
            "url": "https://billing.ghasi.example/fhir/StructureDefinition/payment-account",
            "valueReference": {"reference": f"Account/{owner}"},
        }
        details = [{"type": {"text": "x"}, "request": {"reference": each}} for each in requests]
        document: Json = {"resourceType": "PaymentReconciliation", "id": id_, "status": "draft"}
        return document | ({"extension": [extension]} if owner else {}) | ({"detail": details} if details else {})

    await tenant.store(
        payment("p", "a3", "Account/a1", "Invoice/7"),
        payment("q", "a2", "Invoice/5", "Account/a3"),
        payment("r", ""),
    )
    assert ids(await tenant.page("PaymentReconciliation?_sort=account")) == ["p", "q", "r"]
    assert ids(await tenant.page("PaymentReconciliation?_sort=-account")) == ["r", "q", "p"]
    assert ids(await tenant.page("PaymentReconciliation?_sort=invoice")) == ["q", "p", "r"]


async def test_resources_that_do_not_change_come_once_while_others_write(tenant: SearchedTenant) -> None:
    quiet = [f"q{number:03}" for number in range(40)]
    await tenant.store(*(invoice(id_, date=f"2026-01-{1 + number % 28:02}") for number, id_ in enumerate(quiet)))
    done = asyncio.Event()

    async def write() -> None:
        number = 0
        while not done.is_set():
            number += 1
            await tenant.store(invoice(f"w{number}", date=f"2026-01-{1 + number * 5 % 28:02}"))

    writer = asyncio.create_task(write())
    try:
        for sort in ("date", "-date", "_lastUpdated", "status,-date"):
            seen: list[str] = []
            async for page in tenant.pages(f"Invoice?_sort={sort}&_count=7&date=2026-01"):
                seen += [id_ for id_ in ids(page) if id_.startswith("q")]
                if len(seen) > 200:
                    break
            assert sorted(seen) == quiet, sort
    finally:
        done.set()
        await writer


async def test_the_total_is_given_where_it_is_free_or_asked_for(tenant: SearchedTenant) -> None:
    await tenant.store(*(invoice(f"i{number}") for number in range(3)))
    assert (await tenant.page("Invoice?_count=3")).total == 3
    assert (await tenant.page("Invoice?_count=2")).total is None
    assert (await tenant.page("Invoice?_count=2&_total=accurate")).total == 3
    counted = await tenant.page("Invoice?_count=0")
    assert (counted.total, counted.matches, counted.more) == (3, [], False)


async def test_a_reference_by_identifier_is_found_by_that(tenant: SearchedTenant) -> None:
    logical: Json = {"identifier": {"system": "http://his", "value": "77"}, "display": "somebody"}
    await tenant.store(
        invoice("a", subject=logical),
        invoice("b", subject={"reference": "Patient/1", **logical}),
        invoice(
            "c", subject={"reference": "Patient/77"}, participant=[{"actor": {"display": "x"}}, {"actor": logical}]
        ),
        account("d", subject=[{"reference": "Patient/1"}, logical], owner={"identifier": {"value": "77"}}),
    )
    assert await tenant.find("Invoice?subject:identifier=http://his|77") == ["a", "b"]
    assert await tenant.find("Invoice?patient:identifier=77,78") == ["a", "b"]
    assert await tenant.find("Invoice?subject:identifier=|77") == []
    assert await tenant.find("Invoice?subject=1") == ["b"]
    assert await tenant.find("Invoice?participant:identifier=http://his|") == ["c"]
    assert await tenant.find("Account?subject:identifier=77&owner:identifier=|77") == ["d"]
    assert await tenant.find("Invoice?account.patient:identifier=77") == []
