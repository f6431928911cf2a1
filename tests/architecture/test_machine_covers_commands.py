"""Every command that a client or an operator can reach has a step in the state machine of the acceptance tests."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.checkout import CHECKOUT

ELSEWHERE = {
    "keep_charge_codes": "the state machine validates no codes: tests/integration/billing/test_validate_codes.py",
    "discard_price_list": "of a version that never was in force: tests/integration/billing/test_activate_price_list.py",
    "end_tax_rule": "no end lies before today, where the machine lives: tests/integration/billing/test_tax_rules.py",
    "pause_subscription": "about no money: tests/integration/subscriptions",
    "replay_subscription": "about no money: tests/integration/subscriptions",
    "resume_subscription": "about no money: tests/integration/subscriptions",
    "register_tenant": "makes a tenant, whose life the machine is: tests/integration/billing/test_tenants.py",
    "replace_tenant": "about no money but by its settings: tests/integration/fhir_server/rest/test_tenants.py",
    "replace_settings": "all of them, as change_settings does with some: tests/integration/billing/test_recognition.py",
    "lock_for": "locks what the commands of a Bundle touch: tests/acceptance/test_concurrency.py",
    "locked": "a part of update_resource, which has a step",
    "owners_of": "a part of create_resource, which has a step",
}
"""Commands without a step, and why that is right."""


def _trees(paths: Iterator[Path]) -> dict[Path, ast.Module]:
    return {path: ast.parse(path.read_text()) for path in sorted(paths)}


def _commands() -> dict[str, set[str]]:
    """Module of `billing` -> its public functions that take a transaction, and write or decide in it."""
    commands = {}
    for path, tree in _trees((CHECKOUT / "billing").glob("*.py")).items():
        commands[f"billing.{path.stem}"] = {
            node.name
            for node in tree.body
            if isinstance(node, ast.AsyncFunctionDef)
            and not node.name.startswith("_")
            and [argument.arg for argument in node.args.args[:1]] == ["tx"]
        }
    return commands


def _imported(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from ((node.module, alias.name) for alias in node.names)


def test_every_command_that_is_reached_from_outside_has_a_step_in_the_state_machine() -> None:
    commands = _commands()
    edge = _trees((CHECKOUT / "fhir_server").rglob("*.py"))
    reached = {(module, name) for tree in edge.values() for module, name in _imported(tree)}
    wanted = {name for module, name in reached if name in commands.get(module, ())}
    steps = [tree for path, tree in _trees((CHECKOUT / "tests" / "acceptance").glob("*.py")).items()
             if not path.stem.startswith("test_") or path.stem == "test_ledger_machine"]  # fmt: skip
    taken = {pair for tree in steps for pair in _imported(tree)}
    # What steps have the edge do: the payment gateway is asked between transactions.
    for module in {module for module, _ in taken if module.startswith("fhir_server.")}:
        taken |= set(_imported(edge[CHECKOUT / f"{module.replace('.', '/')}.py"]))
    covered = {name for module, name in taken if module.startswith("billing.")}
    assert wanted - covered == ELSEWHERE.keys(), "add a step to tests/acceptance, or say in ELSEWHERE why there is none"
