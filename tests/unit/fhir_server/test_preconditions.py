"""Entity tags, dates and If-None-Exist."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from fhir_server.preconditions import conditions_of, entity_tags, search_of
from ledger.errors import Refusal


@pytest.mark.parametrize(
    ("text", "versions"),
    [
        ('W/"3"', {3}),
        ('"3"', {3}),
        ('W/"3", W/"4"', {3, 4}),
        (' W/"3" ,"12" ', {3, 12}),
        ('"abc"', set()),
        ('W/"9999999999"', set()),
    ],
)
def test_entity_tags_name_versions(text: str, versions: set[int]) -> None:
    tags = entity_tags(text, "If-Match")
    assert tags.versions == versions
    assert not tags.any


def test_a_star_matches_every_version() -> None:
    assert entity_tags("*", "If-Match").match(7)


@pytest.mark.parametrize("text", ["", "3", 'W/3"', 'w/"3"', '"3" "4"', '"3",', "W/"])
def test_what_is_no_list_of_entity_tags_is_refused(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        entity_tags(text, "If-Match")
    assert refused.value.code == "etag-invalid"


NOON = datetime(2026, 3, 1, 12, 0, 0, 500_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("since", "is_not_modified"),
    [
        ("Sun, 01 Mar 2026 12:00:00 GMT", True),
        ("Sun, 01 Mar 2026 11:59:59 GMT", False),
        ("Sun, 01 Mar 2026 13:00:00 GMT", True),
        ("yesterday", False),
    ],
)
def test_if_modified_since_has_whole_seconds(since: str, is_not_modified: bool) -> None:
    assert conditions_of(None, None, since, None).not_modified(1, NOON) is is_not_modified


def test_if_none_match_counts_before_if_modified_since() -> None:
    conditions = conditions_of(None, 'W/"2"', "Sun, 01 Mar 2026 13:00:00 GMT", None)
    assert not conditions.not_modified(1, NOON)
    assert conditions.not_modified(2, NOON)


@pytest.mark.parametrize(
    ("sent", "query"),
    [
        ("identifier=http://his|1", "identifier=http://his|1"),
        ("?identifier=http://his|1", "identifier=http://his|1"),
        ("ChargeItem?identifier=http://his|1", "identifier=http://his|1"),
        ("identifier=http://his?x|1", "identifier=http://his?x|1"),
    ],
)
def test_if_none_exist_is_the_query_of_a_search(sent: str, query: str) -> None:
    assert search_of(sent) == query


@pytest.mark.parametrize("sent", ["", " ", "?", "ChargeItem?"])
def test_an_empty_if_none_exist_is_refused(sent: str) -> None:
    with pytest.raises(Refusal):
        search_of(sent)
