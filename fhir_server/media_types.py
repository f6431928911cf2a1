"""What a client sends and wants: Content-Type, Accept, `_format` and Prefer.

https://hl7.org/fhir/R4/http.html#mime-type and https://hl7.org/fhir/R4/http.html#ops
"""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from ledger.errors import Category, Refusal, refuse
from mappers.r4.faults import shown

FHIR_JSON = "application/fhir+json"
FHIR_XML = "application/fhir+xml"
JSON_PATCH = "application/json-patch+json"
FORM = "application/x-www-form-urlencoded"


class Format(Enum):
    """The forms that a resource is read and answered in."""

    JSON = "json"
    XML = "xml"


_TYPES = {
    Format.JSON: frozenset({FHIR_JSON, "application/json", "application/json+fhir", "text/json"}),
    Format.XML: frozenset({FHIR_XML, "application/xml", "application/xml+fhir", "text/xml"}),
}
_RANGES = {each: names | {"*/*", "application/*"} for each, names in _TYPES.items()}
# In a query string `+` is a space, so that `_format=application/fhir+json` arrives with one.
_NAMES = {each: names | {each.value, *(name.replace("+", " ") for name in names)} for each, names in _TYPES.items()}
_FHIR_VERSIONS = frozenset({"4.0", "4.0.1"})
_UTF_8 = frozenset({"utf-8", "utf8"})
_QUALITY = re.compile(r"(0|1)(?:\.([0-9]{0,3}))?")
_BEST = 1000


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
def format_wanted(accept: str, named: str | None) -> Format | None:
    """The form that the client wants most of those there are, or None; `named` is `_format`, which overrides Accept."""
    if named is not None:
        name, parameters = _media_range(named)
        return next((each for each, names in _NAMES.items() if name in names and _is_readable(parameters)), None)
    if not accept.strip():
        return Format.JSON
    ranges = [*map(_media_range, accept.split(","))]
    quality, wanted = max(((_quality_of(each, ranges), each) for each in Format), key=lambda pair: pair[0])
    return wanted if quality else None


def _quality_of(wanted: Format, ranges: list[_MediaRange]) -> int:
    """How much a form is wanted, 0 to 1000."""
    best = (-1, 0)
    for name, parameters in ranges:
        if name in _RANGES[wanted] and _is_readable(parameters):
            # What is said more precisely counts: `application/fhir+json;q=0, */*` wants anything but JSON.
            precision = 0 if name == "*/*" else 1 if name.endswith("/*") else 2
            best = max(best, (precision, _quality(parameters.get("q", "1"))))
    return best[1]


def _quality(text: str) -> int:
    """The weight of RFC 9110, in thousandths; what is none counts as if it were not there."""
    match = _QUALITY.fullmatch(text)
    return _BEST if match is None else min(_BEST, int(match[1] + (match[2] or "").ljust(3, "0")))


def not_acceptable(accept: str, named: str | None) -> Refusal:
    wanted = f"Accept: {accept}" if named is None else f"_format={named}"
    return refuse(
        Category.NOT_ACCEPTABLE,
        "not-acceptable",
        f"This server answers in {FHIR_JSON} and {FHIR_XML} (FHIR 4.0, UTF-8); {shown(wanted)} leaves those out.",
    )


@lru_cache(maxsize=256)
def takes_gzip(accept_encoding: str) -> bool:
    """Whether the client says that it reads gzip."""
    qualities = {
        name: _quality(parameters.get("q", "1")) for name, parameters in map(_media_range, accept_encoding.split(","))
    }
    return qualities.get("gzip", qualities.get("x-gzip", qualities.get("*", 0))) > 0


@lru_cache(maxsize=256)
def format_sent(content_type: str) -> Format:
    """The form of a body that is a resource; refused where it is none that can be read."""
    name, parameters = _media_range(content_type)
    if _is_readable(parameters):
        for each, names in _TYPES.items():
            if name in names:
                return each
    raise _unreadable(
        content_type, f"{FHIR_JSON} and {FHIR_XML} (or application/json, application/xml; a patch also as {JSON_PATCH})"
    )


def is_json_patch(content_type: str) -> bool:
    """Whether a body is a JSON Patch; where it is none, a patch is a resource."""
    name, parameters = _media_range(content_type)
    if name == JSON_PATCH and not _is_readable(parameters):
        raise _unreadable(content_type, JSON_PATCH)
    return name == JSON_PATCH


def check_form(content_type: str) -> None:
    """Refuse a body that is no form where one is expected."""
    name, parameters = _media_range(content_type)
    if name != FORM or not _is_readable(parameters):
        raise _unreadable(content_type, FORM)


def _is_readable(parameters: dict[str, str]) -> bool:
    charset, version = parameters.get("charset", "utf-8"), parameters.get("fhirversion", "4.0")
    return charset.lower() in _UTF_8 and version in _FHIR_VERSIONS


def _unreadable(content_type: str, readable: str) -> Refusal:
    sent = f"{shown(content_type)} is" if content_type else "No Content-Type is"
    return _media_type("media-type", f"{sent} sent, and this is read here: {readable}, in UTF-8 (FHIR 4.0).")


def _media_type(code: str, message: str) -> Refusal:
    return refuse(Category.MEDIA_TYPE, code, message)


def _media_range(text: str) -> _MediaRange:
    name, *parameters = text.split(";")
    pairs = (parameter.partition("=") for parameter in parameters)
    return _MediaRange(name.strip().lower(), {key.strip().lower(): value.strip().strip('"') for key, _, value in pairs})


@lru_cache(maxsize=256)
def preferences_of(prefer: str) -> Preferences:
    """`return=minimal|representation|OperationOutcome` and `handling=strict|lenient`; other preferences are ignored.

    The preferences stand between commas or semicolons, in one header or in several that are joined. RFC 7240
    """
    found = _NO_PREFERENCES
    for item in prefer.replace(";", ",").split(","):
        name, _, value = item.partition("=")
        value = value.strip().strip('"').lower()
        match name.strip().lower():
            case "return" if value in _RETURNS:
                found = found._replace(returns=_RETURNS[value])
            case "handling" if value in {"strict", "lenient"}:
                found = found._replace(is_lenient=value == "lenient")
    return found
