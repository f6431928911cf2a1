"""JSON Patch: the published cases, and what they do not have."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from ledger.errors import Category, Refusal
from mappers.r4.json_patch import apply_json_patch, read_json_patch
from mappers.r4.json_text import decode, encode
from tests.checkout import CHECKOUT

CASES = json.loads((CHECKOUT / "tests/conformance/patch-cases/json-patch-tests.json").read_text(encoding="utf-8"))


def patched(document: dict[str, Any], *operations: dict[str, Any]) -> dict[str, Any]:
    return apply_json_patch(document, read_json_patch(json.dumps(operations).encode()))


@pytest.mark.parametrize("case", CASES, ids=[case["comment"] for case in CASES])
def test_a_published_case(case: dict[str, Any]) -> None:
    if "error" in case:
        with pytest.raises(Refusal):
            patched(case["doc"], *case["patch"])
    else:
        assert patched(case["doc"], *case["patch"]) == case["expected"]


def test_decimals_keep_their_zeros() -> None:
    document = decode(b'{"a":10.00,"b":1.50}')
    operations = read_json_patch(b'[{"op":"replace","path":"/a","value":20.000},{"op":"copy","from":"/b","path":"/c"}]')
    assert encode(apply_json_patch(document, operations)) == b'{"a":20.000,"b":1.50,"c":1.50}'


def test_numbers_are_compared_by_value_and_true_is_not_1() -> None:
    document = {"amount": Decimal("10.00"), "flag": True, "list": [Decimal("1.0"), {"a": None}]}
    same: list[tuple[str, Any]] = [("/amount", 10), ("/flag", True), ("/list", [1, {"a": None}])]
    other: list[tuple[str, Any]] = [("/flag", 1), ("/amount", "10.00"), ("/list", [1]), ("/list/1", {})]
    for path, value in same:
        assert patched(document, {"op": "test", "path": path, "value": value}) is document
    for path, value in other:
        with pytest.raises(Refusal) as refused:
            patched(document, {"op": "test", "path": path, "value": value})
        assert refused.value.code == "patch-test-failed"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"1",
        b'"add"',
        b'[],"x":1',
        b'[],"patch":[]',
        b"[1]",
        b'[{"op":"add"}]',
        b'[{"op":"spam","path":"/a"}]',
        b'[{"op":["add"],"path":"/a","value":1}]',
        b'[{"op":"add","path":"/a"}]',
        b'[{"op":"add","path":"a","value":1}]',
        b'[{"op":"add","path":1,"value":1}]',
        b'[{"op":"add","path":"/a~2","value":1}]',
        b'[{"op":"move","path":"/a"}]',
        b'[{"op":"copy","from":"/a/-","path":"/b"}]',
        b'[{"op":"remove","path":"/a/-"}]',
        b"[" + b'{"op":"remove","path":"/a"},' * 1000 + b'{"op":"remove","path":"/a"}]',
    ],
)
def test_what_is_no_patch_is_invalid(body: bytes) -> None:
    with pytest.raises(Refusal) as refused:
        read_json_patch(body)
    assert refused.value.category is Category.INVALID


def test_all_operations_that_are_wrong_are_told_at_once() -> None:
    with pytest.raises(Refusal) as refused:
        read_json_patch(b'[{"op":"add"},{"op":"remove","path":"/a"},{"op":"move"}]')
    assert [problem.message[:23] for problem in refused.value.problems] == [
        "Operation 1 of the patc",
        "Operation 1 of the patc",
        "Operation 3 of the patc",
        "Operation 3 of the patc",
    ]


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "remove", "path": "/nothing"},
        {"op": "remove", "path": ""},
        {"op": "replace", "path": "/nothing", "value": 1},
        {"op": "replace", "path": "/list/7", "value": 1},
        {"op": "replace", "path": "", "value": 1},
        {"op": "add", "path": "/list/7", "value": 1},
        {"op": "add", "path": "/list/-1", "value": 1},
        {"op": "add", "path": "/list/01", "value": 1},
        {"op": "add", "path": "/list/a", "value": 1},
        {"op": "add", "path": "/text/0", "value": 1},
        {"op": "add", "path": "/number/a", "value": 1},
        {"op": "add", "path": "/nothing/a", "value": 1},
        {"op": "copy", "from": "/nothing", "path": "/a"},
        {"op": "move", "from": "/object", "path": "/object/inner"},
        {"op": "move", "from": "/text/0", "path": "/a"},
        {"op": "test", "path": "/nothing", "value": None},
        {"op": "test", "path": "/list/-1", "value": None},
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(operation: dict[str, Any]) -> None:
    document: dict[str, Any] = {"list": [1], "text": "abc", "number": 1, "object": {"inner": {}}}
    with pytest.raises(Refusal) as refused:
        patched(document, {"op": "test", "path": "/number", "value": 1}, operation)
    assert refused.value.category is Category.RULE_BROKEN
    if operation["path"]:
        assert refused.value.problems[0].message.startswith("Operation 2 of the patch")
        assert operation["path"] in refused.value.problems[0].message


def test_a_resource_that_grows_without_end_is_refused() -> None:
    for operation in ({"op": "copy", "from": "/a", "path": "/a/-"}, {"op": "copy", "from": "/a", "path": "/a/0"}):
        with pytest.raises(Refusal) as refused:
            patched({"a": ["x" * 100]}, *[operation] * 100)
        assert refused.value.code == "patch-too-large"
