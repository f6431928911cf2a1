"""Query strings as searches: what is understood, what is refused, and what is said of it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ledger.errors import Category, Refusal
from mappers import MAPPERS, mapper_for
from mappers.search_query import SearchLimits, SearchRequest, decode_query, encode_query, read_search
from storage.search_criteria import EVERYTHING
from storage.search_sql import SortKey

BASE = "https://billing.example.org/fhir"
NOW = datetime(2026, 11, 20, tzinfo=UTC)


def read(search: str, *, lenient: bool = False) -> SearchRequest:
    resource_type, _, query = search.partition("?")
    return read_search(
        resource_type,
        mapper_for(resource_type).search_parameters,
        decode_query(query),
        base_url=BASE,
        now=NOW,
        limits=SearchLimits(default_count=50, max_count=1000),
        lenient=lenient,
    )


def refused(search: str, *, lenient: bool = False) -> list[tuple[str, str]]:
    with pytest.raises(Refusal) as caught:
        read(search, lenient=lenient)
    assert caught.value.category is Category.INVALID
    return [(problem.code, problem.message) for problem in caught.value.problems]


def test_a_search_without_parameters_asks_for_everything_on_a_page_of_the_usual_size() -> None:
    search = read("Invoice?")
    assert (search.criterion, search.count, search.sort, search.query) == (EVERYTHING, 50, (), "")


def test_an_unknown_parameter_is_refused_and_the_known_ones_are_listed() -> None:
    [(code, message)] = refused("Invoice?staus=issued")
    assert code == "unknown-search-parameter"
    assert "'staus' is no search parameter of Invoice" in message
    for known in ("status", "totalgross", "_lastUpdated", "_sort"):
        assert f"{known}," in message or f"{known}." in message or message.endswith(f"{known}.")


def test_all_problems_are_found_at_once() -> None:
    codes = [
        code for code, _ in refused("Invoice?what=1&date=yesterday&status:text=x&_count=many&_filter=x&_sort=nothing")
    ]
    assert codes == [
        "unknown-search-parameter",
        "search-value-invalid",
        "search-modifier-not-supported",
        "search-value-invalid",
        "search-not-supported",
        "search-value-invalid",
    ]


@pytest.mark.parametrize(
    "search",
    [
        "Invoice?date=2026-13",
        "Invoice?date=2026-02-30",
        "Invoice?date=26",
        "Invoice?date=ge",
        "Invoice?date=2026-05-10T25:00Z",
        "Invoice?date=2026-05-10T10:00:00+99:00",
        "Invoice?date=0000",
        "Invoice?date=",
        "Invoice?date=xx2026",
        "Invoice?status=",
        "Invoice?status=,",
        "Invoice?identifier=a|b|c",
        "Invoice?identifier=|",
        "Invoice?subject=Patient/1/2",
        "Invoice?subject=Nothing/1",
        "Invoice?subject=a%20b",
        "Invoice?subject:Patient=Group/1",
        f"Invoice?subject={BASE}/Patient",
        "Invoice?totalgross=much",
        "Invoice?totalgross=1|2|3|4",
        "Invoice?totalgross=NaN",
        "Invoice?totalgross=1e999999999",
        "ChargeItem?quantity=5|mg",
        "ChargeItem?factor-override=1,a",
        "Invoice?status:missing=maybe",
        "Account?name=%CC%81",
        "Invoice?status=a%00b",
        "Invoice?_count=-1",
        "Invoice?_count=1&_count=2",
        "Invoice?_count=%D9%A3",
        "Invoice?_sort=nothing",
        "Invoice?_contained=perhaps",
        "Invoice?identifier:of-type=http://t|MR",
        "Invoice?identifier:of-type=http://t||1",
        "Invoice?type:text=%CC%81",
        "Invoice?_sort=",
        "Invoice?_sort=date,status,_id,_lastUpdated,issuer,recipient",
        "Invoice?_total=some",
        "Invoice?_summary=yes",
        "Invoice?_elements=totals",
        "Invoice?_elements=status&_summary=true",
    ],
)
def test_a_value_that_cannot_be_read_is_refused_even_leniently(search: str) -> None:
    for lenient in (False, True):
        [(code, message)] = refused(search, lenient=lenient)
        assert code == "search-value-invalid"
        assert f"'{search.partition('?')[2].partition('=')[0]}'" in message


@pytest.mark.parametrize(
    "name",
    [
        "status:exact",
        "date:not",
        "_id:above",
        "charge:identifier",
        "subject:Invoice",
        "name:not",
        "status:text",
        "type:of-type",
    ],
)
def test_a_modifier_that_is_not_supported_is_refused_and_the_supported_ones_are_listed(name: str) -> None:
    [(code, message)] = refused(f"{'Account' if name.startswith('name') else 'Invoice'}?{name}=a")
    assert code == "search-modifier-not-supported"
    assert ":missing" in message


@pytest.mark.parametrize(
    "name",
    [
        "_include",
        "_revinclude:iterate",
        "_has:Invoice:account:status",
        "patient.name",
        "_text",
        "_content",
        "_filter",
        "_containedType",
    ],
)
def test_what_is_not_supported_yet_is_refused_as_that(name: str) -> None:
    assert [code for code, _ in refused(f"Invoice?{name}=a")] == ["search-not-supported"]


def test_contained_resources_are_not_searched_which_a_client_may_say() -> None:
    assert read("Invoice?_contained=false&status=issued").query == "_contained=false&status=issued"
    for value in ("true", "both"):
        assert [code for code, _ in refused(f"Invoice?_contained={value}")] == ["search-not-supported"]
        assert [problem.code for problem in read(f"Invoice?_contained={value}", lenient=True).ignored] == [
            "search-not-supported"
        ]


def test_lenient_handling_says_what_it_ignored_and_leaves_it_out_of_the_link() -> None:
    search = read("Invoice?what=1&status=issued&_text=x&status:text=x&_count=5000", lenient=True)
    assert [problem.code for problem in search.ignored] == [
        "unknown-search-parameter",
        "search-not-supported",
        "search-modifier-not-supported",
    ]
    assert search.query == "status=issued&_count=1000"


def test_a_sort_has_the_columns_of_its_parameters_in_order() -> None:
    assert read("Invoice?_sort=-date,status,totalgross").sort == (
        SortKey("date_low", descending=True),
        SortKey("date_high", descending=True, is_end=True),
        SortKey("status"),
        SortKey("total_gross_currency"),
        SortKey("total_gross_minor"),
    )


def test_a_count_is_kept_within_the_limit_and_a_summary_of_counts_shows_nothing() -> None:
    assert read("Invoice?_count=0").count == 0
    assert read("Invoice?_count=99999999999999999999").count == 1000
    assert read("Invoice?_summary=count&_count=7").count == 0


def test_the_link_says_what_was_applied_and_means_the_same_when_it_is_read_again() -> None:
    asked = (
        r"Invoice?identifier=http://his%20x|a\,b%26c&date=ge2026-05-10T10:00:00%2B04:30&_sort=-date&status=draft,issued"
    )
    search = read(asked)
    again = read(f"Invoice?{search.query}")
    assert again == search
    assert " " not in search.query
    assert "+" not in search.query


def test_a_query_that_is_not_utf_8_or_endless_is_refused() -> None:
    for query in ("status=%FF", "&".join(["status=draft"] * 101)):
        assert [code for code, _ in refused(f"Invoice?{query}")] == ["search-value-invalid"]


def test_too_many_alternatives_are_refused() -> None:
    assert read(f"Invoice?_id={','.join(['a'] * 500)}").applied
    assert refused(f"Invoice?_id={','.join(['a'] * 501)}")
    assert refused(f"Invoice?date={','.join(['2026'] * 21)}")


def test_searches_that_differ_in_values_only_have_one_shape() -> None:
    def shape(search: str) -> object:
        return read(search).criterion.shape

    assert shape("Invoice?identifier=a|1&date=ge2026&status=draft,issued") == shape(
        "Invoice?identifier=b|2&date=ge2020-01-01T00:00:00Z&status=issued,balanced"
    )
    assert shape("Invoice?date=ge2026") != shape("Invoice?date=gt2026")


@pytest.mark.parametrize(
    ("resource_type", "code"),
    [(name, each.code) for name, mapper in MAPPERS.items() for each in mapper.search_parameters],
)
def test_every_declared_parameter_can_be_searched_and_knows_missing(resource_type: str, code: str) -> None:
    examples = {
        "token": "http://system|code",
        "reference": "1",
        "date": "ge2026-01",
        "string": "a",
        "number": "1",
        "quantity": "1",
        "uri": "http://a",
    }
    [parameter] = [each for each in mapper_for(resource_type).search_parameters if each.code == code]
    assert read(f"{resource_type}?{code}={examples[parameter.type]}").applied
    assert read(f"{resource_type}?{code}:missing=true").applied


@pytest.mark.parametrize(
    ("search", "joined"),
    [
        ("Invoice?account.identifier=a", {"Account"}),
        ("Invoice?account:Account.owner=a", {"Account"}),
        ("Invoice?charge.account.name:exact=a", {"ChargeItem", "Account"}),
        ("PaymentNotice?request.totalgross=ge5", {"Invoice"}),
        ("PaymentNotice?request.status=draft", set(MAPPERS)),
        ("Account?_has:Invoice:account:status=issued", {"Invoice"}),
        (
            "Account?_has:Invoice:account:_has:PaymentReconciliation:invoice:status=active",
            {"Invoice", "PaymentReconciliation"},
        ),
        ("Account?_has:Invoice:account:charge.code:not=a", {"Invoice", "ChargeItem"}),
        ("ChargeItem?account._has:Invoice:account:status=issued", {"Account", "Invoice"}),
    ],
)
def test_a_chain_knows_what_types_it_asks_about(search: str, joined: set[str]) -> None:
    found = read(search)
    assert found.joined_types == joined
    assert read(f"{search.partition('?')[0]}?{found.query}") == found


@pytest.mark.parametrize(
    ("search", "code"),
    [
        ("Invoice?account.nothing=a", "unknown-search-parameter"),
        ("Invoice?nothing.status=a", "unknown-search-parameter"),
        ("Invoice?status.status=a", "search-not-supported"),
        ("Invoice?account:Invoice.status=a", "search-not-supported"),
        ("Invoice?account.name:not=a", "search-modifier-not-supported"),
        ("Invoice?account.period=x", "search-value-invalid"),
        ("Invoice?_has:ChargeItem:account:status=a", "search-not-supported"),
        ("Invoice?_has:Patient:account:status=a", "search-not-supported"),
        ("Account?_has:Invoice:account=a", "unknown-search-parameter"),
        ("Invoice?account._has:Invoice:account:account._has:Invoice:account:account._id=a", "search-not-supported"),
        ("Invoice?_include=Invoice:patient", "search-not-supported"),
        ("Invoice?_include=ChargeItem:account", "search-not-supported"),
        ("Invoice?_include=Invoice:account:ChargeItem", "search-not-supported"),
        ("Invoice?_include=Invoice", "search-not-supported"),
        ("Invoice?_revinclude=Invoice:account", "search-not-supported"),
        ("Invoice?_include:recurse=*", "search-modifier-not-supported"),
        ("Invoice?_include=*&_summary=text", "search-value-invalid"),
    ],
)
def test_a_chain_or_an_include_that_leads_nowhere_is_refused(search: str, code: str) -> None:
    assert [code for code, _ in refused(search)] == [code]


def test_includes_are_the_references_to_types_that_are_kept_here() -> None:
    def included(search: str) -> set[tuple[str, str, str]]:
        return {(each.source, each.parameter.code, each.finds) for each in read(search).includes}

    assert included("Invoice?_include=*") == {
        ("Invoice", "account", "Account"),
        ("Invoice", "charge", "ChargeItem"),
    }
    assert included("Invoice?_include=Invoice:charge&_include=Invoice:charge:ChargeItem") == {
        ("Invoice", "charge", "ChargeItem")
    }
    assert included("Invoice?_revinclude=*") == {
        ("PaymentReconciliation", "invoice", "PaymentReconciliation"),
        ("PaymentNotice", "request", "PaymentNotice"),
        ("PaymentNotice", "response", "PaymentNotice"),
    }
    assert included("PaymentReconciliation?_include:iterate=Invoice:account") == {("Invoice", "account", "Account")}
    assert included("Account?_include=*") == set()


def test_encoding_and_decoding_a_query_are_inverse() -> None:
    pairs = [("a:not", "x,y|z\\,&=+% é\n"), ("_sort", "-date"), ("empty", "")]
    assert decode_query(encode_query(pairs)) == pairs
