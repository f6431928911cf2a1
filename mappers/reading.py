"""What is known and what has been found wrong while one resource is read."""

from __future__ import annotations

from dataclasses import replace

from ledger.errors import Category, Problem, Refusal


class Reading:
    """One resource being taken apart. Problems are noted relative to the element at hand, and its parents say where."""

    __slots__ = ("base", "problems")

    def __init__(self, base_url: str) -> None:
        self.base = base_url if base_url.endswith("/") else f"{base_url}/"
        self.problems: list[Problem] = []

    def refuse(self, refusal: Refusal, expression: str) -> None:
        """Note what a rule below refused without knowing where it was."""
        self.problems.extend(replace(problem, expression=expression) for problem in refusal.problems)

    def malformed(self, message: str, expression: str) -> None:
        self.problems.append(Problem(Category.INVALID, "extension-malformed", message, expression, "structure"))

    def place(self, since: int, prefix: str) -> None:
        """Say for the problems noted since then under which element they are."""
        self.problems[since:] = [
            replace(problem, expression=f"{prefix}.{problem.expression}" if problem.expression else prefix)
            for problem in self.problems[since:]
        ]

    def raise_problems(self) -> None:
        """Refuse if there is a problem. What is not valid comes before what a rule forbids: it decides the answer."""
        invalid = [problem for problem in self.problems if problem.category is Category.INVALID]
        if self.problems:
            raise Refusal(invalid or self.problems)
