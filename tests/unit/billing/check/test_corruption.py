"""Every class of corruption has a stable code, a meaning in the docs, and a test that plants it."""

from __future__ import annotations

import re

from billing.check.corruption import Corruption
from tests.checkout import CHECKOUT
from tests.integration.billing.check.test_catalog import GUARDS

CODES = {str(corruption) for corruption in Corruption}


def test_the_docs_say_what_each_code_means_and_name_no_other() -> None:
    page = (CHECKOUT / "docs" / "check.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `([a-z-]+)` \|", page, re.MULTILINE)) == CODES


def test_every_class_of_corruption_is_planted_by_a_test() -> None:
    tests = (CHECKOUT / "tests" / "integration" / "billing" / "check").glob("*.py")
    planted = {code for file in tests for code in re.findall(r"[a-z][a-z-]+", file.read_text(encoding="utf-8"))}
    planted |= {code for _, code in GUARDS}
    # A constraint stands in the way of the same entry being reversed twice, even for the owner.
    assert CODES - planted - {"reversed-twice"} == set()
