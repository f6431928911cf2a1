"""What is said of a search parameter: its modifiers, prefixes and forms, by its type and by what serves it."""

from __future__ import annotations

from capability.served import ServedParameter
from mappers.search_values import modifiers_of
from storage.search_parameters import MoneyColumns, SearchParameter

_FORMS = {
    "token": "code, system|code, |code or system|.",
    "reference": "An id, Type/id or an absolute URL.",
    "date": "A year, month, day or time; without a zone in UTC.",
    "string": "The start of the text, whatever the case and the accents.",
    "number": "A number, as precise as it is written.",
    "quantity": "number, number|system|code or number||code.",
    "uri": "The whole URI.",
}
_MONEY_FORM = "number, number|urn:iso:std:iso:4217|currency or number||currency."


def served_parameter(parameter: SearchParameter) -> ServedParameter:
    is_money = isinstance(parameter.served_by, MoneyColumns)
    said = [_MONEY_FORM if is_money else _FORMS[parameter.type]]
    if parameter.comparators:
        said.append(f"Prefixes: {', '.join(parameter.comparators)}.")
    said.append(f"Modifiers: {', '.join(f':{name}' for name in modifiers_of(parameter))}.")
    said.append("Can be sorted by.")
    return ServedParameter(parameter.code, parameter.type, parameter.url, " ".join(said))
