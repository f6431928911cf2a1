"""Add a tax rule, or end one. A rule is never edited: what invoices were taxed by stays what it was."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from ledger.errors import conflict, not_found, rule_broken
from ledger.tax_rule import TaxRule, refuse_rule
from storage import tax_rules
from storage.transaction import Transaction

_DAY = timedelta(days=1)


async def add_tax_rule(tx: Transaction, rule: TaxRule) -> tuple[TaxRule, bool]:
    """The rule, and whether it is new: the same once more is what it was.

    Refused where one for the same facility or country, category and tax is in force on one of its days. Whoever adds or
    ends one at the same time waits here.
    """
    refuse_rule(rule)
    existing = await tax_rules.lock_all(tx)
    of_id = next((each for each in existing if each.id == rule.id), None)
    if of_id == rule:
        return of_id, False
    if of_id is not None:
        raise conflict("tax-rule-exists", f"There is another rule {rule.id}; rules are not edited, so add one.", "id")
    for other in existing:
        if other.scope == rule.scope and other.overlaps(rule):
            days = f"{other.valid_from} to {other.valid_to}" if other.valid_to else f"{other.valid_from} on"
            raise conflict(
                "tax-rule-overlap",
                f"{other.id} is in force from {days}, for the same; end it before, or choose other days.",
                "valid_from",
            )
    tax_rules.insert(tx, rule)
    return rule, True


async def end_tax_rule(tx: Transaction, rule_id: str, last_day: date, *, today: date) -> TaxRule:
    """Have a rule end on a day: not in the past, for invoices of then were taxed by it.

    One that is not in force yet may end on the day before its first, and so never be.
    """
    found = next((each for each in await tax_rules.lock_all(tx) if each.id == rule_id), None)
    if found is None:
        raise rule_unknown(rule_id)
    if last_day == found.valid_to:
        return found
    if found.valid_to is not None and last_day > found.valid_to:
        message = f"It ends on {found.valid_to}; add another rule for the days after."
        raise rule_broken("tax-rule-invalid", message, "valid_to")
    earliest = max(today, found.valid_from - _DAY)
    if last_day < earliest:
        message = f"Invoices up to today may be taxed by it; let it end on {earliest} or later."
        raise rule_broken("tax-rule-invalid", message, "valid_to")
    tax_rules.end(tx, rule_id, last_day)
    return replace(found, valid_to=last_day)


def rule_unknown(rule_id: str) -> Exception:
    return not_found("tax-rule-unknown", f"There is no tax rule {rule_id}.")
