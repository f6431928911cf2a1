"""What a check finds, and how it is gathered: so many of one sort and no more, whatever the damage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from billing.check.corruption import Corruption
from storage.check_snapshot import LISTED_MAX, Snapshot
from storage.pipeline import Statement

DATABASE = ""
"""The tenant of a finding that is about the database as a whole."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as the books say it must be. `place` names a resource, an entry or a table."""

    code: Corruption
    tenant_id: str
    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.code} {self.tenant_id or 'database'} {self.place}: {self.message}"


@dataclass(slots=True)
class Findings:
    """The findings of one tenant."""

    tenant_id: str
    listed: list[Finding] = field(default_factory=list)
    _numbers: Counter[Corruption] = field(default_factory=Counter)

    def add(self, code: Corruption, place: str, message: str) -> None:
        self._numbers[code] += 1
        if self._numbers[code] <= LISTED_MAX:
            self.listed.append(Finding(code, self.tenant_id, place, message))
        elif self._numbers[code] == LISTED_MAX + 1:
            self.listed.append(Finding(code, self.tenant_id, "", f"and more: only the first {LISTED_MAX} are listed"))


@dataclass(frozen=True, slots=True)
class Rule:
    """A class of corruption that one statement finds. Place and message are filled with the columns of each row.

    `parameters` follow the tenant, which is the first of each statement.
    """

    code: Corruption
    statement: Statement
    place: str
    message: str
    parameters: Sequence[Any] = ()


async def apply(rules: Sequence[Rule], snapshot: Snapshot, findings: Findings) -> None:
    for rule in rules:
        for row in await snapshot.rows(rule.statement, findings.tenant_id, *rule.parameters):
            findings.add(rule.code, rule.place.format(*row), rule.message.format(*row))
