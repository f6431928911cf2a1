"""Both directions of the mappers together: nothing is lost, nothing is kept twice, every column is seen."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ledger.errors import Category, Refusal
from ledger.resource import DecimalMoney, IndexRow, Resource
from mappers import MAPPER_VERSION, MAPPERS, mapper_for
from mappers.invoice import LINE, PRICE_COMPONENT, SHARE
from mappers.payment_reconciliation import DETAIL
from mappers.r4.json_text import canonical, decode, encode
from mappers.r4.validate import validate
from tests.strategies import resources
from tests.unit.mappers.documents import BASE, DOCUMENTS, FULL, full_document

EXAMPLES = Path(__file__).parents[2] / "conformance" / "examples"
CHILDREN = {"lines": LINE, "components": PRICE_COMPONENT, "totals": PRICE_COMPONENT, "shares": SHARE, "details": DETAIL}
SEARCHING = settings(deadline=None, max_examples=200, suppress_health_check=list(HealthCheck))
NOT_FROM_ELEMENTS = {"id", "version", "last_updated", "index", "residue"}


@pytest.fixture(params=FULL, ids=[file.stem for file in FULL])
def full(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Each resource with a value in every field."""
    return full_document(request.param)


def parse(document: dict[str, Any]) -> Resource:
    record: Resource = mapper_for(document["resourceType"]).parse(
        decode(encode(document)), id=document["id"], base_url=BASE
    )
    return record


def render(record: Resource) -> bytes:
    return mapper_for(type(record).__name__).render(record)


def test_the_full_documents_of_these_tests_are_valid(full: dict[str, Any]) -> None:
    full.pop("modifierExtension")  # which a server that does not know it must refuse

    assert validate(full) == []


def assert_comes_back(document: dict[str, Any]) -> None:
    record = parse(document)
    rendered = render(record)

    assert canonical(decode(rendered)) == canonical(document)
    assert parse(decode(rendered)) == record


@pytest.mark.parametrize(
    "name", ["Account-example", "ChargeItem-example", "PaymentNotice-77654", "Subscription-example"]
)
def test_an_official_example_comes_back_equal(name: str) -> None:
    assert_comes_back(decode((EXAMPLES / f"{name}.json").read_bytes()))


def test_a_resource_with_every_field_comes_back_equal(full: dict[str, Any]) -> None:
    assert_comes_back(full)


@SEARCHING
@given(st.one_of(*DOCUMENTS.values()))
def test_whatever_way_owned_values_are_written_they_come_back_equal(document: dict[str, Any]) -> None:
    assert_comes_back({**document, "id": "x"})


def lacks_a_required_value(document: dict[str, Any]) -> bool:
    """Whether an extension stands in the place of a status or of a component's type: the ledger cannot do without."""
    components = [
        component
        for line in [document, *document.get("lineItem", [])]
        for component in line.get("priceComponent", []) + line.get("totalPriceComponent", [])
    ]
    if document["resourceType"] == "Subscription" and ("criteria" not in document or "type" not in document["channel"]):
        return True
    return "status" not in document or any("type" not in component for component in components)


@SEARCHING
@given(st.sampled_from(sorted(MAPPERS)).flatmap(resources))
def test_any_valid_resource_comes_back_equal(document: dict[str, Any]) -> None:
    document = {**document, "id": "x"}
    for name in ("versionId", "lastUpdated"):
        document.get("meta", {}).pop(name, None)
    if document.get("meta") == {}:
        del document["meta"]

    assume(not lacks_a_required_value(document))
    assert_comes_back(document)
    assert_residue_holds_no_owned_path(document)


@SEARCHING
@given(st.one_of(*DOCUMENTS.values()))
def test_the_residue_holds_no_owned_path(document: dict[str, Any]) -> None:
    assert_residue_holds_no_owned_path({**document, "id": "x"})


def test_the_residue_of_a_resource_with_every_field_holds_no_owned_path(full: dict[str, Any]) -> None:
    assert_residue_holds_no_owned_path(full)


def assert_residue_holds_no_owned_path(document: dict[str, Any]) -> None:
    record = parse(document)
    paths = mapper_for(document["resourceType"]).owned_paths

    assert [path for path in paths if any(found(decode_json(record.residue), path))] == []
    for name, child in children_of(record):
        assert [path for path in CHILDREN[name].paths if any(found(decode_json(child.residue), path))] == []


def decode_json(text: bytes) -> Any:
    return json.loads(text, parse_float=Decimal)


def children_of(record: Any) -> Iterator[tuple[str, Any]]:
    """All child records, and theirs, each with the name of its list."""
    for field in dataclasses.fields(record):
        if field.name in CHILDREN:
            for child in getattr(record, field.name):
                yield field.name, child
                yield from children_of(child)


STEP = re.compile(r"(?P<key>\w+)(?P<array>\[\d*\])?(?:\((?P<argument>.*?)\))?(?:\.|$)")


def found(value: Any, path: str) -> Iterator[bool]:
    """True for each place where the path of a declaration leads to something that its column should have taken."""
    step = STEP.match(path)
    assert step is not None, path
    if not isinstance(value, dict) or step["key"] not in value:
        return
    rest, child = path[step.end() :], value[step["key"]]
    items = child if isinstance(child, list) else [child]
    if step["array"] == "[0]":
        items = items[:1]
    argument = step["argument"]
    if step["key"] == "extension":
        items = [item for item in items if item["url"] == argument]
    elif step["key"] == "coding" and argument:
        items = [item for item in items if item.get("system") == argument]
    if rest:
        for item in items:
            yield from found(item, rest)
    elif step["key"] == "reference" and argument:
        yield re.fullmatch(rf"({re.escape(BASE)}/)?{argument}/[A-Za-z0-9\-.]{{1,64}}(/_history/.+)?", child) is not None
    elif step["key"] == "valueBoolean":
        yield child is True
    else:
        yield any(item is not None and item != {} for item in items)


def test_the_paths_of_declarations_are_found_where_nothing_was_taken() -> None:
    """Else the tests above would prove nothing."""
    for document in map(full_document, FULL):
        paths = [path for path in mapper_for(document["resourceType"]).owned_paths if "occurrence" not in path]
        assert [path for path in paths if not any(found(document, path))] == []


@pytest.mark.parametrize("resource_type", MAPPERS)
def test_every_field_of_a_record_is_owned_by_a_declaration_and_has_a_value_in_a_full_document(
    resource_type: str,
) -> None:
    mapper = mapper_for(resource_type)
    fields = {field.name for field in dataclasses.fields(mapper.record_class)}
    records = [parse(document) for document in map(full_document, FULL) if document["resourceType"] == resource_type]

    assert set(mapper.owned_fields) | NOT_FROM_ELEMENTS == fields
    assert [name for name in mapper.owned_fields if not any(getattr(record, name) for record in records)] == []
    assert {row.parameter for record in records for row in record.index} == set(mapper.index_parameters)
    for record in records:
        for name, child in children_of(record):
            assert {field.name for field in dataclasses.fields(child)} == {*CHILDREN[name].fields, "residue"}


def changes_of(value: Any) -> list[Any]:
    """Other values for a column, one for each of its parts."""
    match value:
        case bool():
            return [not value]
        case int():
            return [value + 1]
        case Decimal():
            return [value + 1, value.quantize(Decimal("1e-9"))]
        case str():
            return [f"{value}0"]
        case DecimalMoney(minor_units, currency, scale):
            other = "CLF" if currency != "CLF" else "AFN"
            longer = [value._replace(scale=scale + 7)] if scale is not None else []
            return [value._replace(minor_units=(minor_units or 0) + 1), value._replace(currency=other), *longer]
        case _:
            raise AssertionError(f"a kind of column that this test does not know: {value!r}")


def changed_copies(record: Any) -> Iterator[tuple[str, Any]]:
    """Copies of a record with one column changed, or one child left out, or one column of one child changed."""
    for field in dataclasses.fields(record):
        name, value = field.name, getattr(record, field.name)
        if name in {"version", "last_updated", "index", "residue"} or value is None:
            continue
        if name == "occurrence_timing_events":
            yield name, dataclasses.replace(record, **{name: '["2027"]'})
        elif name == "settlement_currency":
            yield name, dataclasses.replace(record, **{name: "JPY"})
        elif name.endswith("_currency") or name == "currency":
            yield name, dataclasses.replace(record, **{name: "CLF"})
        elif not isinstance(value, list):
            for change in changes_of(value):
                yield name, dataclasses.replace(record, **{name: change})
        else:
            for position, child in enumerate(value):
                yield (
                    f"{name}[{position}]",
                    dataclasses.replace(record, **{name: value[:position] + value[position + 1 :]}),
                )
                for path, changed in changed_copies(child):
                    items = [*value[:position], changed, *value[position + 1 :]]
                    yield f"{name}[{position}].{path}", dataclasses.replace(record, **{name: items})


def test_changing_any_column_changes_the_rendering(full: dict[str, Any]) -> None:
    record = parse(full)
    before = render(record)

    unseen = [path for path, changed in changed_copies(record) if render(changed) == before]

    assert unseen == []


def test_clearing_any_column_changes_the_rendering_to_a_resource_without_empty_elements(
    full: dict[str, Any],
) -> None:
    record = parse(full)
    before = render(record)
    for field in dataclasses.fields(record):
        if field.name in NOT_FROM_ELEMENTS or field.default is dataclasses.MISSING or not getattr(record, field.name):
            continue
        if field.name.endswith("_currency"):
            continue  # an amount has one
        rendered = render(dataclasses.replace(record, **{field.name: field.default}))
        assert rendered != before
        assert_without_empty_elements(rendered)


def assert_without_empty_elements(rendered: bytes) -> None:
    assert b"{}" not in rendered
    assert b"[]" not in rendered
    assert b'~"' not in rendered


def test_changing_any_index_row_changes_the_rendering(full: dict[str, Any]) -> None:
    record = parse(full)
    before = render(record)
    for place, row in enumerate(record.index):
        kind = mapper_for(full["resourceType"]).index_parameters[row.parameter]
        others = [row._replace(text=f"{row.text}0") if kind == "text" else row._replace(value=f"{row.value}0")]
        if kind == "token":
            others.append(row._replace(system=f"{row.system}0"))
        for other in others:
            index = (*record.index[:place], other, *record.index[place + 1 :])
            assert render(dataclasses.replace(record, index=index)) != before
        rendered = render(dataclasses.replace(record, index=record.index[:place] + record.index[place + 1 :]))
        assert rendered != before
        assert_without_empty_elements(rendered)


def test_rendering_leaves_the_record_as_it_was(full: dict[str, Any]) -> None:
    record = parse(full)

    assert render(record) == render(record)
    assert record == parse(full)


def account(**elements: Any) -> dict[str, Any]:
    return {"resourceType": "Account", "id": "x", "status": "active", **elements}


def test_id_and_version_come_from_the_record_and_not_from_what_was_sent() -> None:
    sent = account(meta={"versionId": "7", "lastUpdated": "2001-01-01T00:00:00Z"})
    record = mapper_for("Account").parse(sent, id="y", base_url=BASE)
    record.version = 3
    record.last_updated = datetime(2026, 11, 21, 10, 0, 0, 5, tzinfo=timezone(timedelta(hours=4, minutes=30)))

    rendered = decode(render(record))

    assert record.residue == b"{}"
    assert rendered["id"] == "y"
    assert rendered["meta"] == {"versionId": "3", "lastUpdated": "2026-11-21T05:30:00.000005Z"}


def test_the_version_is_rendered_beside_the_rest_of_meta() -> None:
    record = parse(account(meta={"source": "urn:s", "extension": [{"url": "http://e", "valueCode": "a"}]}))
    record.version, record.last_updated = 1, datetime(2026, 11, 21, tzinfo=UTC)

    meta = decode(render(record))["meta"]

    assert list(meta) == ["versionId", "lastUpdated", "source", "extension"]
    assert meta["lastUpdated"] == "2026-11-21T00:00:00.000000Z"


def test_elements_are_rendered_in_the_order_of_the_specification() -> None:
    sent = account(description="d", _status={"id": "s"}, name="n", identifier=[{"value": "1"}], meta={"source": "s"})

    rendered = render(parse(sent))

    assert list(decode(rendered)) == [
        "resourceType",
        "id",
        "meta",
        "identifier",
        "status",
        "_status",
        "name",
        "description",
    ]


def test_owned_values_are_rendered_before_what_remained_of_their_element() -> None:
    sent = account(
        owner={"display": "d", "reference": "Organization/1"},
        type={"text": "t", "coding": [{"display": "d", "code": "c"}]},
    )

    rendered = render(parse(sent))

    assert b'{"reference":"Organization/1","display":"d"}' in rendered
    assert b'{"coding":[{"code":"c","display":"d"}],"text":"t"}' in rendered


def test_the_same_content_in_another_order_of_keys_has_the_same_record() -> None:
    one = account(owner={"display": "d", "type": "Organization"}, description="d", language="fa")
    other = account(language="fa", description="d", owner={"type": "Organization", "display": "d"})

    assert parse(one) == parse(other)


def test_all_amounts_that_do_not_fit_are_refused_at_once_with_their_place() -> None:
    money = {"value": Decimal("0.001"), "currency": "AFN"}
    document = {
        "resourceType": "Invoice",
        "id": "x",
        "status": "draft",
        "totalNet": {"value": 10**15, "currency": "JPY"},
        "totalGross": {"value": 10**15 + 1, "currency": "JPY"},
        "lineItem": [{"sequence": 1}, {"priceComponent": [{"type": "base"}, {"type": "base", "amount": money}]}],
        "totalPriceComponent": [{"type": "tax", "amount": {"value": 1, "currency": "ZZZ"}}],
    }

    with pytest.raises(Refusal) as refused:
        parse(document)

    assert [(problem.code, problem.expression) for problem in refused.value.problems] == [
        ("amount-too-large", "Invoice.totalGross"),
        ("amount-too-precise", "Invoice.lineItem[1].priceComponent[1].amount"),
        ("unknown-currency", "Invoice.totalPriceComponent[0].amount"),
    ]
    assert refused.value.category is Category.RULE_BROKEN


def test_an_extension_in_the_place_of_the_status_is_refused() -> None:
    document = account(_status={"extension": [{"url": "http://e", "valueCode": "unknown"}]})
    del document["status"]

    with pytest.raises(Refusal) as refused:
        parse(document)

    assert [(problem.code, problem.expression) for problem in refused.value.problems] == [
        ("value-required", "Account.status")
    ]


def test_index_rows_are_in_the_order_in_which_the_database_sorts_them(full: dict[str, Any]) -> None:
    rows = parse(full).index

    assert list(rows) == sorted(rows, key=lambda row: (row.parameter, row.position))


def test_a_further_identifier_stands_behind_those_that_only_the_residue_knows() -> None:
    mapper = mapper_for("Account")
    record = parse(account(identifier=[{"value": "1"}, {"use": "old"}]))

    position = mapper.next_position(record, "identifier")

    assert position == 2
    record.index = (*record.index, IndexRow("identifier", (position,), "urn:i", "2"))
    rendered = decode(render(record))
    assert rendered["identifier"] == [{"value": "1"}, {"use": "old"}, {"system": "urn:i", "value": "2"}]
    assert parse(rendered) == record


def test_a_type_that_the_server_does_not_keep_has_no_mapper() -> None:
    assert sorted(MAPPERS) == [
        "Account",
        "ChargeItem",
        "Invoice",
        "PaymentNotice",
        "PaymentReconciliation",
        "Subscription",
    ]
    assert MAPPER_VERSION == 1
    with pytest.raises(KeyError):
        mapper_for("Patient")
