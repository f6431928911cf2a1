"""What a rule refuses, and how it says so: all of a refusal, for clients rely on the code and people on the words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ledger.errors import Problem, Refusal

Said = tuple[str, str, str, str]


def said(problems: tuple[Problem, ...] | list[Problem]) -> list[Said]:
    """(category, code, message, place) of each."""
    return [(problem.category.value, problem.code, problem.message, problem.expression) for problem in problems]


def refused(call: Callable[..., Any], *arguments: Any, **named: Any) -> list[Said]:
    """What a call is refused with."""
    with pytest.raises(Refusal) as refusal:
        call(*arguments, **named)
    return said(refusal.value.problems)
