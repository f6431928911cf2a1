"""Repeating values that index rows own: their positions, and the places that they leave."""

from __future__ import annotations

from typing import Any

from ledger.resource import IndexRow
from mappers import mapper_for
from mappers.r4.json_text import decode, encode

BASE = "https://billing.example/fhir"


def parse(document: dict[str, Any]) -> Any:
    return mapper_for(document["resourceType"]).parse(decode(encode(document)), id="x", base_url=BASE)


def comes_back(document: dict[str, Any]) -> bool:
    return mapper_for(document["resourceType"]).render_document(parse(document)) == {**document, "id": "x"}


def test_a_row_remembers_the_position_on_each_array() -> None:
    document = {
        "resourceType": "ChargeItem",
        "status": "billable",
        "performer": [
            {"actor": {"reference": "Practitioner/1"}},
            {"function": {"coding": [{"display": "x"}, {"code": "b"}, {"system": "urn:f", "code": "c"}]}},
        ],
    }
    record = parse(document)

    assert record.index == (
        IndexRow("performer-actor", (0,), None, "Practitioner/1"),
        IndexRow("performer-function", (1, 1), None, "b"),
        IndexRow("performer-function", (1, 2), "urn:f", "c"),
        IndexRow("performer-function:text", (1, 0), None, None, "x"),
    )
    assert comes_back(document)


def test_texts_stand_in_rows_beside_their_codes_and_come_back_behind_them() -> None:
    document = {
        "resourceType": "Account",
        "status": "active",
        "meta": {"tag": [{"code": "a"}, {"display": "second"}]},
        "identifier": [
            {"value": "1"},
            {"type": {"text": "file", "coding": [{"userSelected": True}, {"display": "d"}]}},
        ],
        "type": {"coding": [{"code": "a", "display": "one"}, {"display": "two"}], "text": "t"},
    }
    record = parse(document)

    assert [row for row in record.index if row.text] == [
        IndexRow("_tag:text", (1,), None, None, "second"),
        IndexRow("identifier:text", (1,), None, None, "file"),
        IndexRow("identifier:text", (1, 1), None, None, "d"),
        IndexRow("type:text", (), None, None, "t"),
        IndexRow("type:text", (0,), None, None, "one"),
        IndexRow("type:text", (1,), None, None, "two"),
    ]
    assert decode(record.residue) == {"identifier": [{}, {"type": {"coding": [{"userSelected": True}]}}]}
    assert comes_back(document)
    rendered = mapper_for("Account").render(record)
    assert b'"type":{"coding":[{"code":"a","display":"one"},{"display":"two"}],"text":"t"}' in rendered


def test_a_place_is_held_open_only_before_what_remains() -> None:
    taken, remaining = {"system": "urn:i", "value": "1"}, {"system": "urn:i", "use": "old"}
    document = {"resourceType": "Account", "status": "active", "identifier": [taken, remaining, taken]}
    record = parse(document)

    assert decode(record.residue) == {"identifier": [{}, {"use": "old"}]}
    assert record.index[1] == IndexRow("identifier", (1,), "urn:i", None)
    assert comes_back(document)


def test_a_place_whose_row_is_gone_is_not_rendered() -> None:
    taken, remaining = {"system": "urn:i", "value": "1"}, {"use": "old"}
    record = parse({"resourceType": "Account", "status": "active", "identifier": [taken, remaining]})
    record.index = ()

    assert mapper_for("Account").render_document(record)["identifier"] == [remaining]


def test_a_frame_whose_row_is_gone_is_not_rendered() -> None:
    subject = {"reference": "Patient/1/_history/2", "display": "d"}
    record = parse({"resourceType": "Account", "status": "active", "subject": [subject]})
    assert record.index == (IndexRow("subject", (0,), None, "Patient/1"),)
    record.index = ()

    assert mapper_for("Account").render_document(record)["subject"] == [{"display": "d"}]


def test_an_element_with_nothing_to_own_has_no_row() -> None:
    document = {
        "resourceType": "Account",
        "status": "active",
        "identifier": [{"use": "old"}],
        "subject": [{"identifier": {"use": "old"}}],
        "type": {"id": "t"},
    }

    assert parse(document).index == ()
    assert comes_back(document)


def test_profiles_keep_their_nulls_and_extensions() -> None:
    why = {"extension": [{"url": "http://example.org/x", "valueString": "why"}]}
    for profile, companions in (
        (["urn:p", None], [None, why]),
        ([None, "urn:p"], [why, None]),
        (["urn:p", "urn:q"], [why, why]),
        ([None, "urn:p", None, "urn:q", None], [why, None, why, None, why]),
    ):
        meta = {"profile": profile, "_profile": companions}
        document = {"resourceType": "Account", "meta": meta, "status": "active"}
        record = parse(document)

        assert [row.position for row in record.index] == [(n,) for n, url in enumerate(profile) if url is not None]
        assert b"urn:" not in record.residue
        assert comes_back(document)


def test_text_that_looks_like_an_empty_place_or_a_frame_is_left_alone() -> None:
    document = {
        "resourceType": "Account",
        "status": "active",
        "identifier": [{"system": "{}", "value": 'a~"', "type": {"text": '{} ~":'}}],
        "name": "{}",
        "description": '{"reference~":[]}',
    }

    assert comes_back(document)
