"""The error codes of the source: read off the code, so that docs/fhir/errors.md can be held to it.

A code is found where it stands before the sentence that explains it: `rule_broken("over-allocated", "The ...")`,
`Problem(Category.INVALID, "entry-repeated", message, ...)`, or the same two in a tuple.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from fhir_server.outcomes import MEANINGS
from ledger.errors import Category
from tests.checkout import CHECKOUT

PACKAGES = ("fhir_server", "capability", "billing", "mappers", "storage", "ledger")

# Function -> its category; the code is the first of its arguments that stands before a sentence.
_CATEGORY_OF = {
    "invalid": Category.INVALID,
    "rule_broken": Category.RULE_BROKEN,
    "conflict": Category.CONFLICT,
    "not_found": Category.NOT_FOUND,
    "_broken": Category.RULE_BROKEN,
    "_conflict": Category.CONFLICT,
    "_problem": Category.RULE_BROKEN,
    "_media_type": Category.MEDIA_TYPE,
    # The validator's.
    "one": Category.INVALID,
    "Fault": Category.INVALID,
}
_WITH_CATEGORY = {"refuse", "Problem"}
_CODE = re.compile(r"[a-z]+(-[a-z]+)*|[A-Z]+(_[A-Z]+)+")
# Issue types of FHIR that stand where a code could.
_FHIR_CODES = {"invariant"}
# Whose status is not that of their category, or of the function that is given them.
_STATUS_OF = {"internal-error": 500, "method-not-allowed": 405, "implicit-rules-unknown": 422}

Codes = dict[str, set[int]]
"""Code -> the HTTP statuses that the source shows for it; none where it shows them only indirectly."""


def error_codes() -> Codes:
    found: Codes = defaultdict(set)
    for package in PACKAGES:
        for file in sorted((CHECKOUT / package).rglob("*.py")):
            for code, category in _codes_of(file):
                found[code] |= {MEANINGS[category].status} if category else set()
    return {code: {_STATUS_OF[code]} if code in _STATUS_OF else statuses for code, statuses in found.items()}


def _codes_of(file: Path) -> Iterator[tuple[str, Category | None]]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if name in _CATEGORY_OF:
                yield from ((code, _CATEGORY_OF[name]) for code in _before_sentences(node.args))
            elif name in _WITH_CATEGORY:
                yield from ((code, _category(node.args)) for code in _before_sentences(node.args))
        elif isinstance(node, ast.Tuple):
            # One word alone is a code only where a function for errors gets it.
            yield from ((code, _category(node.elts)) for code in _before_sentences(node.elts) if not code.isalpha())


def _before_sentences(nodes: list[ast.expr]) -> Iterator[str]:
    for node, following in pairwise(nodes):
        code = _text(node)
        if code and _CODE.fullmatch(code) and code not in _FHIR_CODES and _is_sentence(following):
            yield code
            return


def _is_sentence(node: ast.expr) -> bool:
    text = _text(node)
    return " " in text if text is not None else isinstance(node, ast.JoinedStr | ast.Name | ast.BinOp | ast.Call)


def _category(nodes: list[ast.expr]) -> Category | None:
    for node in nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Category":
            return Category[node.attr]
    return None


def _text(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
