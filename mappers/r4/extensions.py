"""Extensions: what names them, and that unknown modifier extensions and implicit rules stop the processing.

https://hl7.org/fhir/R4/extensibility.html, https://hl7.org/fhir/R4/resource.html#implicitRules
"""

from __future__ import annotations

import re
from typing import Any

from mappers.r4.faults import Check, Fault, Scope, one, shown

_absolute = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s]+").fullmatch


def absolute_url_rule(value: dict[str, Any], _scope: Scope) -> list[Fault] | None:
    """The url of an extension is absolute; only those nested in another extension go by a short name."""
    url = value.get("url")
    if type(url) is not str or not url or _absolute(url):
        return None
    message = f"{shown(url)} is no absolute URI; send the URL of the extension's definition."
    return one("extension-url", message, "value", ".url")


def modifier_extension_check(extension: Check) -> Check:
    """A server must not process what a modifier extension that it does not know may change; it knows none."""

    def check(value: Any, scope: Scope) -> list[Fault] | None:
        url = value.get("url") if isinstance(value, dict) else None
        message = (
            f"{shown(str(url))} is a modifier extension that this server does not know, so it cannot process this."
        )
        return (extension(value, scope) or []) + one("modifier-extension", message, "extension")

    return check


def implicit_rules_check(uri: Check) -> Check:
    """A server must not process what was made by rules that it does not know; it knows none."""

    def check(value: Any, scope: Scope) -> list[Fault] | None:
        message = f"{shown(str(value))} names rules that this server does not know, so it cannot process this."
        return uri(value, scope) or one("implicit-rules-unknown", message, "extension")

    return check
