"""What a client sends and wants: Content-Type, Accept, `_format` and Prefer.

https://hl7.org/fhir/R4/http.html#mime-type and https://hl7.org/fhir/R4/http.html#ops
"""

from __future__ import annotations

from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from ledger.errors import Category, Refusal, invalid, refuse

FHIR_JSON = "application/fhir+json"
FORM = "application/x-www-form-urlencoded"

_JSON_TYPES = frozenset({FHIR_JSON, "application/json", "application/json+fhir", "text/json"})
_JSON_RANGES = _JSON_TYPES | {"*/*", "application/*"}
# In a query string `+` is a space, so that `_format=application/fhir+json` arrives with one.
_JSON_FORMATS = _JSON_TYPES | {"json", "application/fhir json", "application/json fhir"}
_FHIR_VERSIONS = frozenset({"4.0", "4.0.1"})


class ReturnPreference(Enum):
    MINIMAL = "minimal"
    REPRESENTATION = "representation"
    OPERATION_OUTCOME = "OperationOutcome"


class Preferences(NamedTuple):
    """The Prefer header. `is_lenient` is None where it does not say how unknown parameters are handled."""

    returns: ReturnPreference = ReturnPreference.REPRESENTATION
    is_lenient: bool | None = None


_NO_PREFERENCES = Preferences()
_RETURNS = {preference.value.lower(): preference for preference in ReturnPreference}


class _MediaRange(NamedTuple):
    name: str
    parameters: dict[str, str]


@lru_cache(maxsize=256)
def accepts_json(accept: str) -> bool:
    """Whether an Accept header allows FHIR JSON in UTF-8; an empty one does."""
    if not accept.strip():
        return True
    best = (-1, False)
    for name, parameters in map(_media_range, accept.split(",")):
        if name in _JSON_RANGES and parameters.get("fhirversion", "4.0") in _FHIR_VERSIONS:
            # What is said more precisely counts: `application/fhir+json;q=0, */*` wants anything but JSON.
            precision = 0 if name == "*/*" else 1 if name.endswith("/*") else 2
            is_wanted = parameters.get("q", "1").strip("0.") != ""
            best = max(best, (precision, is_wanted))
    return best[1]


def check_wanted(accept: str, wanted_format: str | None) -> None:
    """Refuse a request whose answer cannot be in the form that it wants. `_format` overrides Accept."""
    if accepts_json(accept) if wanted_format is None else wanted_format.split(";")[0].strip().lower() in _JSON_FORMATS:
        return
    wanted = f"Accept: {accept}" if wanted_format is None else f"_format={wanted_format}"
    raise refuse(
        Category.NOT_ACCEPTABLE,
        "not-acceptable",
        f"This server answers in {FHIR_JSON} (FHIR 4.0, UTF-8) and not in XML; '{wanted[:100]}' leaves that out.",
    )


def check_sent(content_type: str, content_encoding: str, *, form: bool = False) -> None:
    """Refuse a body that is not in a form that can be read."""
    if content_encoding not in {"", "identity"}:
        raise _media_type("content-encoding", "A compressed body is not read; send it as it is.")
    if not _is_readable(content_type, form):
        readable = FORM if form else f"{FHIR_JSON} or application/json"
        sent = f"'{content_type[:100]}' is" if content_type else "No Content-Type is"
        message = f"{sent} sent, and this is read here: {readable}, in UTF-8 (FHIR 4.0). XML and Turtle are not."
        raise _media_type("media-type", message)


@lru_cache(maxsize=256)
def _is_readable(content_type: str, form: bool) -> bool:
    name, parameters = _media_range(content_type)
    return (
        (name == FORM if form else name in _JSON_TYPES)
        and parameters.get("charset", "utf-8").lower() in {"utf-8", "utf8"}
        and parameters.get("fhirversion", "4.0") in _FHIR_VERSIONS
    )


def _media_type(code: str, message: str) -> Refusal:
    return refuse(Category.MEDIA_TYPE, code, message)


def _media_range(text: str) -> _MediaRange:
    name, *parameters = text.split(";")
    pairs = (parameter.partition("=") for parameter in parameters)
    return _MediaRange(name.strip().lower(), {key.strip().lower(): value.strip().strip('"') for key, _, value in pairs})


@lru_cache(maxsize=256)
def preferences_of(prefer: str) -> Preferences:
    """`return=minimal|representation|OperationOutcome` and `handling=strict|lenient`; the rest is ignored.

    The preferences stand between commas or semicolons, in one header or in several that are joined. RFC 7240
    """
    found = _NO_PREFERENCES
    for item in prefer.replace(";", ",").split(","):
        name, _, value = item.partition("=")
        value = value.strip().strip('"').lower()
        match name.strip().lower():
            case "return" if value in _RETURNS:
                found = found._replace(returns=_RETURNS[value])
            case "return":
                raise invalid(
                    "prefer-invalid", "Prefer: return is one of minimal, representation and OperationOutcome."
                )
            case "handling" if value in {"strict", "lenient"}:
                found = found._replace(is_lenient=value == "lenient")
            case "handling":
                raise invalid("prefer-invalid", "Prefer: handling is one of strict and lenient.")
    return found
