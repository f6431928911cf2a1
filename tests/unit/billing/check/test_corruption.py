"""Every class of corruption has a stable code, a meaning in the docs, and a test that plants it."""

from __future__ import annotations

import re

from billing.check.corruption import Corruption
from tests.checkout import CHECKOUT
from tests.integration.billing.check.test_catalog import GUARDS
from tests.integration.billing.check.test_corruption import PLANTED
from tests.integration.billing.check.test_seals import BLOCKS

CODES = {str(corruption) for corruption in Corruption}


def test_the_docs_say_what_each_code_means_and_name_no_other() -> None:
    page = (CHECKOUT / "docs" / "check.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `([a-z-]+)` \|", page, re.MULTILINE)) == CODES


def test_every_class_of_corruption_is_planted_by_a_test() -> None:
    planted = {code for each in PLANTED for code in each.codes.split()} | {code for _, code in GUARDS}
    planted |= {code for _, codes in BLOCKS.values() for code in codes}
    assert CODES - planted - {"reversed-twice", "sealed-content-changed", "block-key-unknown"} == set()
