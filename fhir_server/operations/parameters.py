"""Parameters of operations: read by their declaration, and written around resources that are bytes already.

https://hl7.org/fhir/R4/parameters.html. What is unknown, repeated or of another type is refused, each with its place: a
payment that ignores half of what was sent is worse than none.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

from fhir_server.fhir_request import FhirRequest, Query
from fhir_server.operation_declaration import Operation, Parameter
from fhir_server.responses import json_array, json_object, json_string
from ledger.dates import moment_of
from ledger.errors import Category, Problem, Refusal, invalid
from ledger.money import Money
from mappers.r4.json_text import encode
from mappers.r4.validate import validate

DATE_CHARACTERS = len("2026-01-31")

Values = dict[str, Any]
"""By name: the value, a list of values where a parameter may be repeated, None where it is not there.

The value of a parameter that is made of parts is the Values of its parts.
"""


def read_parameters(request: FhirRequest, operation: Operation) -> Values:
    """The values of an operation's parameters: from Parameters in the body, or from the query of a GET."""
    if request.method != "POST":
        document = parameters_of_query(request.query, operation)
    else:
        if request.query:
            raise invalid(
                "parameter-in-url",
                "Parameters of a POST are sent in its body, as a resource of type Parameters; the URL has none.",
            )
        document = request.document if request.document is not None else {"resourceType": "Parameters"}
    problems = validate(document, "Parameters")
    if problems:
        raise Refusal(problems)
    return _values(document.get("parameter", []), operation.inputs, "Parameters.parameter", f"${operation.code}")


def _values(sent: list[dict[str, Any]], inputs: Iterable[Parameter], path: str, owner: str) -> Values:
    """The values of what was sent at a path, by the parameters that its owner - an operation, or a parameter - has."""
    declared = {parameter.name: parameter for parameter in inputs}
    found: dict[str, list[Any]] = {name: [] for name in declared}
    problems: list[Problem] = []
    for index, item in enumerate(sent):
        place = f"{path}[{index}]"
        parameter = declared.get(item["name"])
        if parameter is None:
            known = ", ".join(declared) or "none"
            message = f"{owner} has no parameter of this name; its parameters are: {known}."
            problems.append(Problem(Category.INVALID, "parameter-unknown", message, f"{place}.name", "not-supported"))
        elif found[parameter.name] and parameter.max == "1":
            message = f"{parameter.name} is there more than once; send it once."
            problems.append(Problem(Category.INVALID, "parameter-repeated", message, place, "structure"))
        else:
            try:
                found[parameter.name].append(_value(item, parameter, place))
            except Refusal as refusal:
                problems += refusal.problems
    problems += [
        _missing(parameter, path, owner)
        for parameter in declared.values()
        if parameter.min and not any(item["name"] == parameter.name for item in sent)
    ]
    if problems:
        raise Refusal(problems)
    return {
        name: values if declared[name].max == "*" else (values[0] if values else None) for name, values in found.items()
    }


def _missing(parameter: Parameter, path: str, owner: str) -> Problem:
    message = f"{owner} needs the parameter {parameter.name} ({_json_name(parameter)})."
    return Problem(Category.INVALID, "parameter-missing", message, path, "required")


def _json_name(parameter: Parameter) -> str:
    if parameter.parts:
        return "part"
    if parameter.type == "Resource":
        return "resource"
    return f"value{parameter.type[0].upper()}{parameter.type[1:]}"


def _value(item: dict[str, Any], parameter: Parameter, place: str) -> Any:
    name = _json_name(parameter)
    others = [key for key in item if key not in {"name", "id", "extension", name, f"_{name}"}]
    if others or name not in item:
        message = f"{parameter.name} is sent as {name}."
        raise invalid("parameter-type", message, f"{place}.value", "structure")
    if parameter.parts:
        return _values(item[name], parameter.parts, f"{place}.part", parameter.name)
    value, place = item[name], f"{place}.value"
    match parameter.type:
        case "Money":
            return _money(value, place)
        case "date":
            return _date(value, place)
        case "instant":
            return moment_of(value, place)
        case "code" if parameter.codes and value not in parameter.codes:
            message = f"{parameter.name} is one of {', '.join(parameter.codes)}."
            raise invalid("parameter-code", message, place, "code-invalid")
        case "string" if not value.strip():
            raise invalid("parameter-empty", f"{parameter.name} says nothing; send a text.", place, "value")
        case _:
            return value


def _money(value: dict[str, Any], place: str) -> Money:
    if "value" not in value or "currency" not in value:
        raise invalid("money-incomplete", "An amount has a value and a currency.", place, "required")
    # An integer has no decimal point in JSON, and comes as one.
    return Money.of_decimal(Decimal(value["value"]), value["currency"], f"{place}.value")


def _date(value: str, place: str) -> date:
    # Of a date that is only a month nobody knows on which day to post.
    if len(value) != DATE_CHARACTERS:
        raise invalid("date-partial", "A whole date is needed here: YYYY-MM-DD.", place, "value")
    return date.fromisoformat(value)


def parameters_of_query(query: Query, operation: Operation) -> dict[str, Any]:
    """The query of a URL as Parameters: a name that is not declared is sent on, to be refused like any other."""
    names = {parameter.name: _json_name(parameter) for parameter in operation.inputs}
    # In a query string `+` is a space, and an instant has one before its zone.
    parameters = [
        {"name": name, names.get(name, "valueString"): value.replace(" ", "+") if name in names else value}
        for name, value in query
    ]
    return {"resourceType": "Parameters", **({"parameter": parameters} if parameters else {})}


def resource_parameter(name: str, resource: bytes) -> bytes:
    """A parameter whose resource is JSON already."""
    return json_object([(b"name", json_string(name)), (b"resource", resource)])


class Id(str):
    """A value that is an id."""

    __slots__ = ()


def value_parameter(name: str, value: str | Money) -> bytes:
    """An amount of money, an id, or a code."""
    return encode(_value_of(name, value))


def parts_parameter(name: str, parts: Iterable[tuple[str, str | Money]]) -> bytes:
    return encode({"name": name, "part": [_value_of(*part) for part in parts]})


def _value_of(name: str, value: str | Money) -> dict[str, Any]:
    if isinstance(value, Money):
        return {"name": name, "valueMoney": {"value": value.decimal(), "currency": value.currency}}
    if isinstance(value, Id):
        return {"name": name, "valueId": str(value)}
    return {"name": name, "valueCode": value}


def parameters(items: Iterable[bytes]) -> bytes:
    return json_object([(b"resourceType", b'"Parameters"'), (b"parameter", json_array(items))])
