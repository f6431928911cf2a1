"""Tax rules of the tenants that the state machine drives, a kind of taxation each."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from functools import partial

from billing.keep_tax_rule import add_tax_rule
from ledger.tax_rule import TaxRule
from tests.acceptance.books import ACTOR, Books
from tests.acceptance.reference_model import Fields

ALWAYS = (date(2000, 1, 1), date(2100, 1, 1))

TAXATIONS = ("none", "none", "changing", "inclusive", "exempt", "zero-rated", "several", "by-facility")


def _rule(factor: str | None, *, code: str = "VAT", treatment: str = "taxable", inclusive: bool = False,
          facility: str | None = None, days: tuple[date, date] = ALWAYS) -> Fields:  # fmt: skip
    return {
        "factor": factor,
        "code": code,
        "treatment": treatment,
        "inclusive": inclusive,
        "facility": facility,
        "first": days[0],
        "last": days[1],
    }


def _rules(taxation: str, today: date) -> list[Fields]:
    changed = today - timedelta(days=45)
    before, since = (ALWAYS[0], changed - timedelta(days=1)), (changed, ALWAYS[1])
    exempt = _rule(None, treatment="exempt")
    return {
        "none": [],
        "changing": [_rule("0.05", days=before), _rule("0.125", days=since)],
        "inclusive": [_rule("0.05", inclusive=True, days=before), _rule("0.125", inclusive=True, days=since)],
        "exempt": [_rule("0.05", days=before), {**exempt, "first": since[0]}],
        "zero-rated": [_rule("0", treatment="zero-rated")],
        "several": [_rule("0.05", inclusive=True), _rule("0.0125", code="LEVY")],
        "by-facility": [_rule("0.05"), {**exempt, "facility": "Organization/north"}],
    }[taxation]


async def tax(books: Books, taxation: str, today: date) -> list[Fields]:
    """Add the rules of a kind of taxation, and say what they are."""
    rules = [{**each, "id": f"rule-{at}"} for at, each in enumerate(_rules(taxation, today))]
    for each in rules:
        rule = TaxRule(
            tenant_id=books.tenant_id,
            id=each["id"],
            category="standard",
            code=each["code"],
            treatment=each["treatment"],
            percent=Decimal(each["factor"] or 0) * 100,
            inclusive=each["inclusive"],
            facility=each["facility"] and each["facility"].removeprefix("Organization/"),
            valid_from=each["first"],
            valid_to=each["last"],
        )
        await books.database.run(books.tenant_id, ACTOR, partial(add_tax_rule, rule=rule))
    return rules
