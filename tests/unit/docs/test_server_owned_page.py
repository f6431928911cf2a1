"""The page of what belongs to the server is the tables that the commands go by."""

from __future__ import annotations

import itertools

import pytest

from billing.status_rules import CLEARED, DELETED, NEW, POSTED, STATUS_RULES
from mappers.r4.definitions import definitions
from tests.unit.docs.server_owned_page import PAGE, page


def test_the_page_says_what_the_tables_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m tests.unit.docs.server_owned_page"


@pytest.mark.parametrize("resource_type", STATUS_RULES)
def test_every_step_from_a_status_to_another_has_exactly_one_rule(resource_type: str) -> None:
    statuses = _statuses(resource_type)
    only_the_ledger_knows = {"PaymentReconciliation": [POSTED], "PaymentNotice": [CLEARED]}.get(resource_type, [])
    before = [NEW, *statuses, *only_the_ledger_knows]
    for step in itertools.product(before, [*statuses, DELETED]):
        if step == (NEW, DELETED):
            continue
        rules = [rule for rule in STATUS_RULES[resource_type] if step[0] in rule.before and step[1] in rule.sent]
        assert len(rules) == 1, step


@pytest.mark.parametrize("resource_type", STATUS_RULES)
def test_a_rule_says_what_it_does_or_refuses_in_every_case(resource_type: str) -> None:
    for rule in STATUS_RULES[resource_type]:
        always_refused = rule.refusal is not None and not rule.refusal.when
        assert bool(rule.effect) != always_refused, rule


def _statuses(resource_type: str) -> list[str]:
    """The codes of the type's status, which R4 binds to a closed list."""
    return sorted(definitions().codes[definitions().types[resource_type].elements["status"].codes])
