"""A query string as a search: which parameters, in what order, how many, and what of them is shown.

https://hl7.org/fhir/R4/search.html. All problems are found at once. What is unknown is refused, for the unfiltered set
is dangerous where money is; a client that asks for lenient handling is told what was ignored instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast
from urllib.parse import parse_qsl, quote

from ledger.errors import Category, Problem, Refusal, invalid
from mappers.r4.definitions import definitions
from mappers.r4.faults import shortened, shown
from mappers.search_chains import HAS, Criteria, LinkRefusedError, ParameterUnknownError, Within, everywhere
from mappers.search_includes import INCLUDES, Include, read_includes
from mappers.search_values import ModifierRefusedError, SearchContext, ValueRefusedError, sort_keys
from storage.search_criteria import Criterion, every
from storage.search_parameters import SearchParameter
from storage.search_sql import SortKey

PARAMETERS_MAX = 100
SORT_PARAMETERS_MAX = 5

RESULT_PARAMETERS = ("_contained", "_count", "_elements", "_sort", "_summary", "_total")
FORM_PARAMETERS = ("_format", "_pretty")
"""How the answer is written down, which is not for the search to say."""

NOT_SUPPORTED = (
    "_containedType",
    "_content",
    "_filter",
    "_list",
    "_query",
    "_text",
    "_type",
)

CONTAINED_TOO = ("true", "both")

TOTALS = ("none", "estimate", "accurate")
SUMMARIES = ("true", "text", "data", "count", "false")

Pairs = Sequence[tuple[str, str]]
Total = Literal["none", "estimate", "accurate", ""]
Summary = Literal["true", "text", "data", "count", "false"]


@dataclass(frozen=True, slots=True)
class SearchLimits:
    """How many matches a page has where nobody says, and at most."""

    default_count: int = 50
    max_count: int = 1000


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """A search that can be run. `applied` are the parameters as they were given, without what was ignored.

    `joined_types` are the other types that its criteria ask about, and `includes` what comes along with the matches.
    """

    resource_type: str
    criterion: Criterion
    sort: tuple[SortKey, ...]
    count: int
    total: Total
    summary: Summary
    elements: tuple[str, ...]
    applied: tuple[tuple[str, str], ...]
    ignored: tuple[Problem, ...]
    joined_types: frozenset[str] = frozenset()
    includes: tuple[Include, ...] = ()

    @property
    def query(self) -> str:
        """The query string that says what was applied."""
        return encode_query(self.applied)


def decode_query(query: str | bytes) -> list[tuple[str, str]]:
    """The names and values of a query string or of a form, in order."""
    text = query.decode("latin-1") if isinstance(query, bytes) else query
    try:
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=PARAMETERS_MAX)
    except UnicodeDecodeError:
        raise invalid("search-value-invalid", "The query is not UTF-8; percent-encode it as UTF-8.") from None
    except ValueError:
        message = f"A search has at most {PARAMETERS_MAX} parameters."
        raise invalid("search-value-invalid", message, issue="too-costly") from None


def encode_query(pairs: Iterable[tuple[str, str]]) -> str:
    return "&".join(f"{quote(name, safe=':')}={quote(value, safe=':/,$')}" for name, value in pairs)


def read_search(
    resource_type: str,
    parameters: Iterable[SearchParameter],
    pairs: Pairs,
    *,
    base_url: str,
    now: datetime,
    limits: SearchLimits,
    lenient: bool = False,
    within: Within = everywhere,
) -> SearchRequest:
    """The search that the parameters ask for; refused with every problem at once.

    Chains and `_has` see of each type what is `within`; what is searched itself is not narrowed.
    """
    base = base_url if base_url.endswith("/") else f"{base_url}/"
    by_code = {parameter.code: parameter for parameter in parameters}
    reading = _Reading(SearchContext(resource_type, by_code, base, now), limits, lenient, within)
    for name, value in pairs:
        reading.take(name, value)
    return reading.finish()


class _Reading:
    def __init__(self, context: SearchContext, limits: SearchLimits, lenient: bool, within: Within) -> None:
        self._context = context
        self._reader = Criteria(context, within)
        self._includes: dict[Include, None] = {}
        self._limits = limits
        self._lenient = lenient
        self._criteria: list[Criterion] = []
        self._applied: list[tuple[str, str]] = []
        self._problems: list[Problem] = []
        self._ignored: list[Problem] = []
        self._results: dict[str, str] = {}
        self._sort: tuple[SortKey, ...] = ()
        self._count = limits.default_count
        self._elements: tuple[str, ...] = ()

    def take(self, name: str, value: str) -> None:
        if "\x00" in name or "\x00" in value:
            self._refuse(name, "text cannot hold the character NUL")
        elif name in FORM_PARAMETERS:
            self._applied.append((name, value))
        elif name in RESULT_PARAMETERS:
            self._take_result(name, value)
        elif name.partition(":")[0] in INCLUDES:
            self._take_include(name, value)
        else:
            self._take_criterion(name, value)

    def _take_criterion(self, name: str, value: str) -> None:
        try:
            criterion = self._reader.read(name, value)
        except ParameterUnknownError as error:
            self._unknown(error.resource_type, error.code)
        except LinkRefusedError as error:
            self._ignore("search-not-supported", f"{_named(name)} is not supported: {error}.")
        except ModifierRefusedError as error:
            self._ignore("search-modifier-not-supported", f"{_named(name)} is not supported: {error}.")
        except ValueRefusedError as error:
            self._refuse(name, str(error))
        else:
            self._criteria.append(criterion)
            self._applied.append((name, value))

    def _take_include(self, name: str, value: str) -> None:
        code, _, modifier = name.partition(":")
        if modifier not in {"", "iterate"}:
            self._ignore("search-modifier-not-supported", f"{_named(name)} is not supported: {code} can have :iterate.")
            return
        try:
            self._includes |= dict.fromkeys(read_includes(self._context.resource_type, code, modifier, value))
        except ValueRefusedError as error:
            self._ignore("search-not-supported", f"{_named(name)} is not supported: {error}.")
        else:
            self._applied.append((name, value))

    def _take_result(self, name: str, value: str) -> None:
        if name in self._results:
            self._refuse(name, "it may be given once")
            return
        self._results[name] = value
        if name == "_contained" and value in CONTAINED_TOO:
            self._ignore("search-not-supported", "Contained resources are not searched; send _contained=false.")
            return
        try:
            applied = self._applied_result(name, value)
        except ValueRefusedError as error:
            self._refuse(name, str(error))
        else:
            self._applied.append((name, applied))

    def _applied_result(self, name: str, value: str) -> str:
        match name:
            case "_count":
                self._count = _count(value, self._limits.max_count)
                return str(self._count)
            case "_sort":
                if value.count(",") >= SORT_PARAMETERS_MAX:
                    raise ValueRefusedError(f"sort by at most {SORT_PARAMETERS_MAX} parameters")
                self._sort = tuple(key for each in value.split(",") for key in self._sort_keys(each))
            case "_elements":
                self._elements = read_elements(self._context.resource_type, value)
            case "_contained":
                _one_of(value, ("false", *CONTAINED_TOO))
            case "_total":
                _one_of(value, TOTALS)
            case "_summary":
                _one_of(value, SUMMARIES)
        return value

    def _sort_keys(self, text: str) -> tuple[SortKey, ...]:
        descending = text.startswith("-")
        code = text.removeprefix("-")
        parameter = self._context.parameters.get(code)
        if parameter is None:
            raise ValueRefusedError(f"{shown(code)} is no search parameter of {self._context.resource_type}")
        return sort_keys(self._context, parameter, descending=descending)

    def finish(self) -> SearchRequest:
        summary = cast(Summary, self._results.get("_summary", "false"))
        if self._elements and summary != "false":
            self._refuse("_elements", "it cannot be combined with _summary")
        if self._includes and summary == "text":
            self._refuse("_summary", "text cannot be combined with _include")
        if self._problems:
            raise Refusal(self._problems)
        return SearchRequest(
            resource_type=self._context.resource_type,
            criterion=every(*self._criteria),
            sort=self._sort,
            count=0 if summary == "count" else self._count,
            total=cast(Total, self._results.get("_total", "")),
            summary=summary,
            elements=self._elements,
            applied=tuple(self._applied),
            ignored=tuple(self._ignored),
            joined_types=frozenset(self._reader.joined_types),
            includes=tuple(self._includes),
        )

    def _unknown(self, resource_type: str, code: str) -> None:
        if code in NOT_SUPPORTED:
            self._ignore("search-not-supported", f"{_named(code)} is not supported by this server.")
            return
        message = f"{_named(code)} is no search parameter of {resource_type}."
        if resource_type == self._context.resource_type:
            known = ", ".join([*sorted(self._context.parameters), HAS, *INCLUDES, *RESULT_PARAMETERS])
            message = f"{message} There are: {known}."
        self._ignore("unknown-search-parameter", message)

    def _refuse(self, name: str, why: str) -> None:
        self._problems.append(
            Problem(Category.INVALID, "search-value-invalid", f"{_named(name)}: {why}.", issue="value")
        )

    def _ignore(self, code: str, message: str) -> None:
        problem = Problem(Category.INVALID, code, message, issue="not-supported")
        (self._ignored if self._lenient else self._problems).append(problem)


def _named(name: str) -> str:
    """A parameter's name in a message; whatever else came in its place is shortened, and never a card number."""
    return shown(shortened(name))


def _count(value: str, at_most: int) -> int:
    if not (value.isascii() and value.isdigit()):
        raise ValueRefusedError(f"send a number of matches from 0 to {at_most}")
    return at_most if len(value.lstrip("0")) > 9 else min(int(value), at_most)


def read_elements(resource_type: str, value: str) -> tuple[str, ...]:
    """The names of elements in `_elements`; a ValueRefusedError names what is none of the type."""
    known = definitions().types[resource_type].elements
    names = tuple(dict.fromkeys(name.removeprefix(f"{resource_type}.") for name in value.split(",")))
    for name in names:
        if name not in known:
            raise ValueRefusedError(f"{shown(name)} is no element of {resource_type}")
    return names


def _one_of(value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueRefusedError(f"send one of {', '.join(allowed)}")
