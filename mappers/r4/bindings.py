"""Required bindings: codes that FHIR R4 enumerates, and those that other standards define by list or by syntax.

Currencies are ISO 4217, languages BCP 47 and MIME types BCP 13 (RFC 6838).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ledger.money import currency_exponents
from mappers.r4.definitions import definitions
from mappers.r4.faults import Check, Fault, Scope, listed, one, shown
from mappers.r4.primitives import wrong_json_type, wrong_string

_LANGUAGE = re.compile(
    r"([a-z]{2,3}(-[a-z]{3}){0,3}|[a-z]{4,8})(-[a-z]{4})?(-([a-z]{2}|[0-9]{3}))?"
    r"(-([a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*(-[0-9a-wy-z](-[a-z0-9]{2,8})+)*(-x(-[a-z0-9]{1,8})+)?"
    r"|(x|i)(-[a-z0-9]{1,8})+",
    re.IGNORECASE,
)
_TOKEN = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}"  # noqa: S105 - a token of RFC 6838, not a secret
_MIME_TYPE = re.compile(rf"{_TOKEN}/{_TOKEN}(\s*;\s*{_TOKEN}=({_TOKEN}|\"[^\"\\]*\"))*")

# `CapabilityStatement.format` may name FHIR's own formats by these short names.
_FORMATS = frozenset({"json", "xml", "ttl"})


def code_check(codes: str, path: str) -> Check:
    """The check of an element with a required binding to the value set `codes`."""
    if codes == "currencies":
        return _enumerated(frozenset(currency_exponents()), "unknown-currency", _wrong_currency)
    if codes == "languages":
        return _syntactic(_LANGUAGE.fullmatch, "a BCP 47 language code such as en, fa-AF or ps")
    if codes == "mimetypes":
        short = _FORMATS if path in {"CapabilityStatement.format", "CapabilityStatement.patchFormat"} else frozenset()
        return _syntactic(lambda value: value in short or _MIME_TYPE.fullmatch(value), "a MIME type as text/plain")
    allowed = definitions().codes[codes]
    wish = f"send one of {listed(allowed)}" if len(allowed) <= 20 else f"send one of its {len(allowed)} codes"
    return _enumerated(
        frozenset(allowed), "unknown-code", lambda value: f"{shown(value)} is not a code of {codes}; {wish}."
    )


def _wrong_currency(value: str) -> str:
    return f"{shown(value)} is not an ISO 4217 currency code; send one such as AFN, AED or USD."


def _enumerated(allowed: frozenset[str], code: str, message: Callable[[str], str]) -> Check:
    def check(value: Any, _scope: Scope) -> list[Fault] | None:
        if type(value) is str and value in allowed:
            return None
        if type(value) is not str:
            return wrong_json_type(value, "a JSON string")
        return one(code, message(value), "code-invalid") if value else wrong_string("code", value)

    return check


def _syntactic(is_valid: Callable[[str], Any], wanted: str) -> Check:
    def check(value: Any, _scope: Scope) -> list[Fault] | None:
        if type(value) is str and is_valid(value):
            return None
        if type(value) is not str or not value:
            return wrong_string("code", value)
        return one("unknown-code", f"{shown(value)} cannot be read; send {wanted}.", "code-invalid")

    return check
