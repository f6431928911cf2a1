"""The page that says what is booked is what is booked."""

from __future__ import annotations

import os
import re

from billing.check.journal import KINDS
from tests.checkout import CHECKOUT
from tests.integration.billing.accounting_page import page_of
from tests.integration.billing.hospital import Hospital

PAGE = CHECKOUT / "docs" / "accounting.md"


async def test_the_page_shows_the_entries_that_the_examples_make(hospital: Hospital) -> None:
    page = await page_of(hospital)
    if os.environ.get("BILLING_WRITE_DOCS"):
        PAGE.write_text(page, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page, "run this test with BILLING_WRITE_DOCS=1"


def test_the_page_has_an_example_of_every_kind_of_entry() -> None:
    shown = set(re.findall(r"^\| ([a-z-]+) \| \d", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    assert {kind for _, kind, _ in KINDS} - shown == set(), "show them in tests/integration/billing/accounting_*.py"
