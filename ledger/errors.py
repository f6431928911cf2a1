"""The closed set of ways in which a request can fail.

Every refusal is a `Refusal` that holds one or more `Problem`s. A problem has a category (what kind of failure it
is), a stable code (`invoice-immutable`; clients may rely on it), a sentence that says what is wrong and how to mend
it, and the place as a FHIRPath expression. What HTTP status a category becomes is known to
`fhir_server/outcomes.py` only.

    Refusal
    - invalid          the input is not well-formed, or not valid FHIR R4
    - rule_broken      the input is well-formed but a rule of billing forbids it
    - not_found        there is no such thing in this tenant
    - gone             it was there and is deleted
    - conflict         it is in a state, or clashes with something stored, that forbids it now
    - precondition     what the client required to be so is not so
    - unauthenticated  no valid token
    - not_allowed      the token does not allow it
    - not_supported    the server does not do this
    - not_acceptable   the server cannot answer in the wanted form
    - media_type       the server cannot read the form that was sent
    - too_large        the input is past a limit
    - throttled        too many requests
    - unavailable      something that is needed does not answer; trying again may help
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Category(StrEnum):
    INVALID = "invalid"
    RULE_BROKEN = "rule_broken"
    NOT_FOUND = "not_found"
    GONE = "gone"
    CONFLICT = "conflict"
    PRECONDITION = "precondition"
    UNAUTHENTICATED = "unauthenticated"
    NOT_ALLOWED = "not_allowed"
    NOT_SUPPORTED = "not_supported"
    NOT_ACCEPTABLE = "not_acceptable"
    MEDIA_TYPE = "media_type"
    TOO_LARGE = "too_large"
    THROTTLED = "throttled"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    `expression` is a FHIRPath such as `Invoice.lineItem[3].priceComponent[0].amount`, empty where no element is at
    fault. `issue` is the FHIR issue-type code where the category's own is not precise enough.
    """

    category: Category
    code: str
    message: str
    expression: str = ""
    issue: str = ""


class Refusal(Exception):  # noqa: N818 - it is the house word, and not every refusal is an error of ours
    """The request is refused and nothing was written. All problems have the category of the first."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        assert self.problems, "a refusal says why"
        super().__init__("; ".join(f"{p.code}: {p.message}" for p in self.problems))

    @property
    def category(self) -> Category:
        return self.problems[0].category

    @property
    def code(self) -> str:
        return self.problems[0].code


def refuse(category: Category, code: str, message: str, expression: str = "", issue: str = "") -> Refusal:
    """A refusal with a single problem, to be raised."""
    return Refusal([Problem(category, code, message, expression, issue)])


def invalid(code: str, message: str, expression: str = "", issue: str = "") -> Refusal:
    return refuse(Category.INVALID, code, message, expression, issue)


def rule_broken(code: str, message: str, expression: str = "", issue: str = "") -> Refusal:
    return refuse(Category.RULE_BROKEN, code, message, expression, issue)


def conflict(code: str, message: str, expression: str = "", issue: str = "") -> Refusal:
    return refuse(Category.CONFLICT, code, message, expression, issue)


def not_found(code: str, message: str, expression: str = "") -> Refusal:
    return refuse(Category.NOT_FOUND, code, message, expression)
