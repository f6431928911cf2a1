"""Charge codes: the services that may be charged for, as a code table or a terminology server knows them.

A code of the reserved tenant `national` is for a country; one of a tenant's own goes before it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from ledger.errors import Category, Problem, Refusal
from ledger.price_list import Coding
from ledger.tenant import NATIONAL

Verdicts = Mapping[Coding, bool | None]
"""What a terminology server says of codes: valid or not; None where it did not answer."""

OFF, LOCAL, SERVER = "off", "local", "server"

_SYSTEM = re.compile(r"\S{1,200}")
_CODE = re.compile(r"\S+( \S+)*")
_COUNTRY = re.compile(r"[A-Z]{2}")
_CODE_MAX, _DISPLAY_MAX = 100, 500
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeCode:
    """Both days are valid; without one it is valid from ever, or for ever. `country` is said of national ones."""

    system: str
    code: str
    display: str | None = None
    valid_from: date | None = None
    valid_to: date | None = None
    country: str | None = None

    @property
    def coding(self) -> Coding:
        return self.system, self.code

    def is_valid_on(self, day: date) -> bool:
        return (self.valid_from is None or self.valid_from <= day) and (self.valid_to is None or day <= self.valid_to)


def is_in_table(known: Sequence[ChargeCode], day: date) -> bool:
    """Whether a code is valid by the rows that there are for it: the tenant's own, where there is one."""
    own = [each for each in known if each.country is None]
    return any(each.is_valid_on(day) for each in own or known)


def refuse_codes(tenant_id: str, codes: Sequence[ChargeCode]) -> None:
    """Refuse codes that are not sound, or are there twice; all that is wrong at once."""
    problems = [
        Problem(Category.RULE_BROKEN, "charge-code-invalid", text, f"/codes/{at}")
        for at, code in enumerate(codes)
        for text in _wrong(tenant_id, code)
    ]
    counts = Counter((each.coding, each.country) for each in codes)
    problems += [
        Problem(Category.RULE_BROKEN, "charge-code-invalid", f"{code} of {system} is there {count} times.", "/codes")
        for ((system, code), _), count in counts.items()
        if count > 1
    ]
    if problems:
        raise Refusal(problems)


def _wrong(tenant_id: str, code: ChargeCode) -> Iterable[str]:
    if not _SYSTEM.fullmatch(code.system):
        yield "system is a URI such as http://www.ama-assn.org/go/cpt."
    if not _CODE.fullmatch(code.code) or len(code.code) > _CODE_MAX:
        yield f"code is a text without spaces around it, at most {_CODE_MAX} characters."
    if code.display is not None and not 0 < len(code.display) <= _DISPLAY_MAX:
        yield f"display has 1 to {_DISPLAY_MAX} characters, or is left out."
    # The day before the first: it never was.
    if code.valid_from is not None and code.valid_to is not None and code.valid_to < _before(code.valid_from):
        yield "valid_to is not before valid_from."
    if (code.country is not None) != (tenant_id == NATIONAL):
        yield f"A country is said of the codes of {NATIONAL}, and of no others."
    elif code.country is not None and not _COUNTRY.fullmatch(code.country):
        yield "country is a code of ISO 3166 such as AF."


def _before(day: date) -> date:
    return day - _DAY if day > date.min else day
