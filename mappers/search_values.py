"""What one parameter of a search asks, as a criterion on columns: its modifier, its alternatives, their syntax.

https://hl7.org/fhir/R4/search.html#ptypes. A value that cannot be read is refused; a criterion that can hold for
nothing (a code of another system) finds nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import cast, get_args

from mappers.extensions import ISO_4217
from mappers.r4.definitions import definitions, resource_types
from mappers.r4.faults import shown
from mappers.search_dates import Prefix, StoredDate, date_criterion, instant_criterion, read_interval
from mappers.search_numbers import column_number, money_criterion, number_criterion, read_number
from mappers.search_references import (
    any_reference_in,
    any_reference_to,
    at_reference,
    references_in,
    segments_of,
)
from mappers.search_text import split_parts, split_values, unescaped
from storage.search_criteria import (
    EVERYTHING,
    NOTHING,
    Criterion,
    compared,
    either,
    every,
    in_index,
    in_index_together,
    matched,
    negated,
    one_of,
    present,
    starting_with,
)
from storage.search_folding import fold
from storage.search_parameters import (
    ChildColumn,
    CodeColumn,
    DateColumns,
    IndexRows,
    InstantColumn,
    MoneyColumns,
    NumberColumn,
    Places,
    QuantityColumns,
    ReferenceColumn,
    SearchParameter,
    TextColumn,
)
from storage.search_sql import OneOfMany, Place, SortKey

VALUES_MAX = 500
RANGES_MAX = 20
"""Alternatives of one parameter; those that are ranges make the statement longer, the others only an array."""

MODIFIERS: dict[str, tuple[str, ...]] = {
    "token": ("not",),
    "string": ("exact", "contains"),
    "uri": ("below",),
}
"""The modifiers of each type of parameter, besides those that depend on the element (see `modifiers_of`)."""

_PREFIXES = frozenset(get_args(Prefix))


class ValueRefusedError(Exception):
    """The value cannot be read; the message says what to send."""


class ModifierRefusedError(Exception):
    """The modifier is not supported; the message says which are."""


@dataclass(frozen=True, slots=True)
class SearchContext:
    """`base` is the server's base URL with a slash at its end; `parameters` are all of the resource type, by code."""

    resource_type: str
    parameters: dict[str, SearchParameter]
    base: str
    now: datetime


def criterion_of(context: SearchContext, parameter: SearchParameter, modifier: str, text: str) -> Criterion:
    """The criterion of `{parameter}:{modifier}={text}`."""
    if modifier == "missing":
        return _missing(context, parameter, text)
    if modifier == "identifier" and parameter.identifiers:
        tokens = [_read_token(value) for value in _alternatives(text, VALUES_MAX)]
        return in_index(parameter.identifiers, _indexed_tokens(tokens))
    if modifier == "text" and parameter.texts:
        return in_index(
            parameter.texts, _starting("text", [unescaped(each) for each in _alternatives(text, RANGES_MAX)])
        )
    if modifier == "of-type" and parameter.identifier_types:
        return either(*(_of_type(parameter, value) for value in _alternatives(text, RANGES_MAX)))
    if parameter.type == "reference":
        return _reference(context, parameter, modifier, _alternatives(text, VALUES_MAX))
    if modifier and modifier not in MODIFIERS.get(parameter.type, ()):
        raise ModifierRefusedError(_modifiers_of(parameter))
    match parameter.type:
        case "token":
            found = _token(parameter, _alternatives(text, VALUES_MAX))
            return negated(found) if modifier == "not" else found
        case "uri":
            return _uri(parameter, modifier, _alternatives(text, VALUES_MAX))
        case "string":
            return _string(parameter, modifier, _alternatives(text, RANGES_MAX))
        case "date":
            return either(*(_date(context, parameter, value) for value in _alternatives(text, RANGES_MAX)))
        case "number":
            return either(*(_number(parameter, value) for value in _alternatives(text, RANGES_MAX)))
        case "quantity":
            return either(*(_quantity(parameter, value) for value in _alternatives(text, RANGES_MAX)))


def sort_keys(context: SearchContext, parameter: SearchParameter, *, descending: bool) -> tuple[SortKey, ...]:
    """What to sort by. Amounts sort by currency first; of repeating values counts the one that comes first."""
    match parameter.served_by:
        case DateColumns(name):
            return (SortKey(f"{name}_low", descending), SortKey(f"{name}_high", descending, is_end=True))
        case MoneyColumns(name):
            return (SortKey(f"{name}_currency", descending), SortKey(f"{name}_minor", descending))
        case QuantityColumns(name):
            return (SortKey(f"{name}_value", descending),)
        case IndexRows() | ChildColumn() as place:
            return (_one_of_many((place,), context, parameter, descending=descending),)
        case Places(places):
            return (_one_of_many(places, context, parameter, descending=descending),)
        case column:
            return (SortKey(column.name, descending),)


def _one_of_many(
    places: tuple[Place, ...], context: SearchContext, parameter: SearchParameter, *, descending: bool
) -> SortKey:
    is_narrowed = isinstance(parameter.served_by, ChildColumn | Places) or _is_narrowed(context, parameter)
    types = parameter.targets if parameter.type == "reference" and is_narrowed else ()
    return SortKey(OneOfMany(places, descending, types), descending)


def _alternatives(text: str, at_most: int) -> list[str]:
    values = [value for value in split_values(text) if value]
    if not values:
        raise ValueRefusedError("the value is empty")
    if len(values) > at_most:
        raise ValueRefusedError(f"there are more than {at_most} alternatives; ask in parts")
    return values


def modifiers_of(parameter: SearchParameter) -> tuple[str, ...]:
    """The modifiers of a parameter, `[type]` for a resource type."""
    of_element = {
        "text": bool(parameter.texts),
        "of-type": bool(parameter.identifier_types),
        "missing": True,
        "identifier": bool(parameter.identifiers),
        "[type]": parameter.type == "reference",
    }
    return (*MODIFIERS.get(parameter.type, ()), *(name for name, there in of_element.items() if there))


def _modifiers_of(parameter: SearchParameter) -> str:
    return f"{parameter.code} can have {', '.join(f':{name}' for name in modifiers_of(parameter))}"


def _missing(context: SearchContext, parameter: SearchParameter, text: str) -> Criterion:
    if text not in {"true", "false"}:
        raise ValueRefusedError("send true or false")
    found = _has_value(context, parameter)
    return negated(found) if text == "true" else found


def _has_value(context: SearchContext, parameter: SearchParameter) -> Criterion:
    types = parameter.targets if _is_narrowed(context, parameter) else ()
    match parameter.served_by:
        case IndexRows(rows):
            found = in_index(rows, any_reference_to("value", types) if types else EVERYTHING)
            return either(found, in_index(parameter.texts, EVERYTHING)) if parameter.texts else found
        case ReferenceColumn(name):
            return any_reference_to(name, types)
        case ChildColumn() | Places() as places:
            return at_reference(places, lambda column: any_reference_in(column, parameter.targets))
        case DateColumns(name):
            return present(f"{name}_low")
        case MoneyColumns(name):
            return present(f"{name}_minor")
        case QuantityColumns(name):
            return present(f"{name}_value")
        case column:
            return present(column.name)


def _is_narrowed(context: SearchContext, parameter: SearchParameter) -> bool:
    """Whether another parameter finds more types in the same element: `patient` beside `subject`."""
    return any(
        other.served_by == parameter.served_by and set(other.targets) > set(parameter.targets)
        for other in context.parameters.values()
    )


def _reference(context: SearchContext, parameter: SearchParameter, modifier: str, values: list[str]) -> Criterion:
    targets = parameter.targets
    if modifier:
        if modifier not in (targets or resource_types()):
            raise ModifierRefusedError(_modifiers_of(parameter))
        targets = (modifier,)
    segments: list[str] = []
    for value in map(unescaped, values):
        found = segments_of(value, targets, context.base)
        # Many clients say the type twice: subject:Patient=Patient/1.
        if found is None or (modifier and "/" in value.removeprefix(f"{modifier}/")):
            wanted = "an id" if modifier else f"an id, a reference such as {(targets or ('Patient',))[0]}/1, or a URL"
            raise ValueRefusedError(f"{shown(value)} is not {wanted}")
        segments += found
    return at_reference(parameter.served_by, lambda column: references_in(column, segments)) if segments else NOTHING


def _token(parameter: SearchParameter, values: list[str]) -> Criterion:
    tokens = [_read_token(value) for value in values]
    match parameter.served_by:
        case IndexRows(rows):
            return in_index(rows, _indexed_tokens(tokens))
        case CodeColumn(name, bound_system):
            return _codes(name, bound_system, tokens)
        case other:
            raise AssertionError(f"no token is kept in {other}")


def _read_token(value: str) -> tuple[str | None, str]:
    """The system (None: any, empty: none at all) and the code (empty: any of the system)."""
    parts = split_parts(value)
    if len(parts) > 2:
        raise ValueRefusedError(f"{shown(value)} has more than one bar; send system|code")
    if len(parts) == 1:
        return None, parts[0]
    if parts == ["", ""]:
        raise ValueRefusedError("a bar alone asks for nothing; send system|code")
    return parts[0], parts[1]


def _indexed_tokens(tokens: list[tuple[str | None, str]]) -> Criterion:
    criteria = []
    codes = [code for system, code in tokens if system is None]
    if codes:
        criteria.append(one_of("value", codes))
    systems = [system for system, code in tokens if system and not code]
    if systems:
        criteria.append(one_of("system", systems))
    by_system: dict[str, list[str]] = {}
    for system, code in tokens:
        if system is not None and code:
            by_system.setdefault(system, []).append(code)
    for system, its_codes in by_system.items():
        of_system = compared("system", "=", system) if system else negated(present("system"))
        criteria.append(every(one_of("value", its_codes), of_system))
    return either(*criteria)


def _of_type(parameter: SearchParameter, value: str) -> Criterion:
    """`system|code|value`: an identifier that has this value, and this type."""
    assert isinstance(parameter.served_by, IndexRows), "identifiers are kept in index rows"
    parts = split_parts(value)
    if len(parts) != 3 or not (parts[1] and parts[2]):
        raise ValueRefusedError(f"{shown(value)} is not of the form system|code|value")
    system, code, identifier = parts
    of_type = _indexed_tokens([(system, code)])
    has_value = compared("value", "=", identifier)
    return in_index_together(parameter.served_by.parameter, has_value, parameter.identifier_types, of_type)


def _codes(column: str, bound_system: str, tokens: list[tuple[str | None, str]]) -> Criterion:
    of_system = [code for system, code in tokens if system is None or system == bound_system]
    if "" in of_system:
        return present(column)
    return one_of(column, of_system)


def _uri(parameter: SearchParameter, modifier: str, values: list[str]) -> Criterion:
    uris = [unescaped(value) for value in values]

    def of_column(column: str) -> Criterion:
        exact = one_of(column, uris)
        if modifier != "below":
            return exact
        return either(exact, *(starting_with(column, f"{uri.rstrip('/')}/") for uri in uris))

    match parameter.served_by:
        case IndexRows(rows):
            return in_index(rows, of_column("value"))
        case TextColumn(name):
            return of_column(name)
        case other:
            raise AssertionError(f"no uri is kept in {other}")


def _string(parameter: SearchParameter, modifier: str, values: list[str]) -> Criterion:
    texts = [unescaped(value) for value in values]
    match parameter.served_by:
        case IndexRows(rows):
            return in_index(rows, _text_criterion("value", modifier, texts))
        case TextColumn(name):
            return _text_criterion(name, modifier, texts)
        case other:
            raise AssertionError(f"no string is kept in {other}")


def _text_criterion(column: str, modifier: str, texts: list[str]) -> Criterion:
    if modifier == "exact":
        # The index is of folded texts.
        return either(*(every(matched(column, "starts", text, folded=True), _same(column, text)) for text in texts))
    if modifier == "contains":
        return either(*(matched(column, "contains", text, folded=True) for text in _with_letters(texts)))
    return _starting(column, texts)


def _same(column: str, text: str) -> Criterion:
    return compared(column, "=", text)


def _starting(column: str, texts: list[str]) -> Criterion:
    """A text that starts with one of these, whatever the case and the accents."""
    return either(*(matched(column, "starts", text, folded=True) for text in _with_letters(texts)))


def _with_letters(texts: list[str]) -> list[str]:
    if not all(map(fold, texts)):
        raise ValueRefusedError("there is no letter to look for")
    return texts


def _date(context: SearchContext, parameter: SearchParameter, value: str) -> Criterion:
    prefix, rest = _prefixed(unescaped(value))
    is_instant = isinstance(parameter.served_by, InstantColumn)
    interval = read_interval(rest, finest="microsecond" if is_instant else "millisecond")
    if interval is None:
        raise ValueRefusedError(f"{shown(value)} is not a date such as 2026, 2026-11, ge2026-11-20 or a time with zone")
    match parameter.served_by:
        case InstantColumn(name):
            return instant_criterion(name, prefix, interval, context.now)
        case DateColumns(name, date):
            is_period = _may_be_period(parameter.expression)
            stored = StoredDate(f"{name}_low", f"{name}_high", date or ("" if is_period else name), is_period)
            return date_criterion(stored, prefix, interval, context.now)
        case other:
            raise AssertionError(f"no date is kept in {other}")


def _may_be_period(expression: str) -> bool:
    type_name, _, element = expression.rpartition(".")
    return not {"Period", "Timing"}.isdisjoint(definitions().types[type_name].elements[element].types)


def _number(parameter: SearchParameter, value: str) -> Criterion:
    assert isinstance(parameter.served_by, NumberColumn), "numbers are kept in numeric columns"
    prefix, rest = _prefixed(unescaped(value))
    number = read_number(rest)
    if number is None:
        raise ValueRefusedError(f"{shown(value)} is not a number such as 5.4 or ge100")
    return number_criterion(column_number(parameter.served_by.name), prefix, number)


def _quantity(parameter: SearchParameter, value: str) -> Criterion:
    first, *unit = split_parts(value)
    prefix, rest = _prefixed(first)
    number = read_number(rest)
    is_money = isinstance(parameter.served_by, MoneyColumns)
    if number is None or len(unit) > 2 or (len(unit) == 1 and not is_money):
        wanted = f"100, ge100 or 100|{ISO_4217}|AFN" if is_money else "5.4, ge5 or 5.4|http://unitsofmeasure.org|mg"
        raise ValueRefusedError(f"{shown(value)} is not a quantity such as {wanted}")
    system, code = ("", unit[0]) if len(unit) == 1 else (*unit, "", "")[:2]
    match parameter.served_by:
        case MoneyColumns(name):
            return money_criterion(name, prefix, number, code or None) if system in {"", ISO_4217} else NOTHING
        case QuantityColumns(name):
            asked = [number_criterion(column_number(f"{name}_value"), prefix, number)]
            asked += [
                compared(f"{name}_{part}", "=", text) for part, text in (("system", system), ("code", code)) if text
            ]
            return every(*asked)
        case other:
            raise AssertionError(f"no quantity is kept in {other}")


def _prefixed(value: str) -> tuple[Prefix, str]:
    if value[:2] in _PREFIXES:
        return cast(Prefix, value[:2]), value[2:]
    return "eq", value
