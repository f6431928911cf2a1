"""SMART on FHIR scopes, versions 1 and 2, and the business scopes of this service: what a token allows.

https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html. `system/` and `user/` scopes count. A scope
that is narrowed by a search (`system/Invoice.rs?status=issued`) grants nothing yet, for to grant more than it says is
worse; and a token that is bound to one patient (`patient/`) is refused as a whole, for the same reason.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from ledger.errors import Category, Refusal, refuse

Permission = Literal["c", "r", "u", "d", "s"]
"""SMART's letters: create, read (with vread and instance history), update, delete, search."""

_RESOURCE_SCOPE = re.compile(r"(?:system|user)/(\*|[A-Z][A-Za-z]+)\.(read|write|\*|(?=[cruds])c?r?u?d?s?)")
_VERSION_1 = {"read": "rs", "write": "cud", "*": "cruds"}
_VERBS = {"c": "create", "r": "read", "u": "update", "d": "delete", "s": "search"}


@dataclass(frozen=True, slots=True)
class Scopes:
    """Letters by resource type (`*` is every type), and business scopes; `text`: how it says it."""

    permissions: dict[str, frozenset[str]]
    business: frozenset[str]
    bound_to_patient: bool = False
    text: str = ""

    def allow(self, resource_type: str, permission: Permission) -> bool:
        return permission in self.permissions.get(resource_type, _NOTHING) or permission in self.permissions.get(
            "*", _NOTHING
        )

    def allow_business(self, scope: str) -> bool:
        return scope in self.business or "billing:*" in self.business

    def require(self, resource_type: str, permission: Permission) -> None:
        if not self.allow(resource_type, permission):
            verb = _VERBS[permission]
            raise _insufficient(
                f"The token does not allow to {verb} {resource_type}; it needs the scope"
                f" system/{resource_type}.{permission} or a wider one."
            )

    def require_business(self, scope: str) -> None:
        if not self.allow_business(scope):
            raise _insufficient(f"The token lacks the scope {scope}.")

    def require_any_business(self, scopes: Sequence[str]) -> None:
        if not any(map(self.allow_business, scopes)):
            raise _insufficient(f"The token lacks each of the scopes {', '.join(scopes)}; one is needed.")


_NOTHING: frozenset[str] = frozenset()


@lru_cache(maxsize=1024)
def scopes_of(text: str) -> Scopes:
    """The scopes of a token's `scope` claim. What is not about this server is ignored."""
    permissions: dict[str, set[str]] = {}
    items = text.split()
    for item in items:
        match = _RESOURCE_SCOPE.fullmatch(item)
        if match is not None:
            permissions.setdefault(match[1], set()).update(_VERSION_1.get(match[2], match[2]))
    return Scopes(
        {resource_type: frozenset(letters) for resource_type, letters in permissions.items()},
        frozenset(item for item in items if item.startswith("billing:")),
        bound_to_patient=any(item.startswith("patient/") for item in items),
        text=text,
    )


def _insufficient(message: str) -> Refusal:
    return refuse(Category.NOT_ALLOWED, "insufficient-scope", message)
