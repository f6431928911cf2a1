"""SMART on FHIR scopes, versions 1 and 2, and the business scopes of this service: what a token allows.

https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html. A scope allows all of a type, or what a
search finds of it (`system/Invoice.rs?status=issued`). A token with a `patient/` scope is about one patient: whatever
its other scopes say, it sees that patient's compartment and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from ledger.errors import Category, Refusal, refuse
from mappers.compartments import PATIENT_COMPARTMENT

Permission = Literal["c", "r", "u", "d", "s"]
"""SMART's letters: create, read (with vread and instance history), update, delete, search."""

BUSINESS_SCOPES = {
    "billing:payment:post": "post payments ($post-payment, REST payments)",
    "billing:refund:request": "request refunds",
    "billing:refund:approve": "approve or reject refunds that others requested",
    "billing:refund:pay": "pay approved refunds out",
    "billing:adjustment:request": "request write-offs, courtesies and other adjustments",
    "billing:adjustment:approve": "approve or reject adjustments that others requested",
    "billing:plan:write": "make and cancel payment plans",
    "billing:price:write": "write price lists and tax rules",
    "billing:period:close": "soft-close, close and reopen posting periods, and post into soft-closed ones",
    "billing:check:read": "run the proof of the books and read its findings",
    "billing:subscription:operate": "look at and mend deliveries of Subscriptions",
    "billing:tenant:admin": "read and change the tenant's own settings; for operators, the registry of tenants",
    "billing:search:explain": "ask how the database carries a search out (_explain)",
    "billing:audit:read": "read the access log with a wildcard scope for all types",
}
"""All business scopes and what they allow. `billing:*` is all of them."""

EVERY_BUSINESS_SCOPE = "billing:*"

_RESOURCE_SCOPE = re.compile(
    r"(system|user|patient)/(\*|[A-Z][A-Za-z]+)\.(read|write|\*|(?=[cruds])c?r?u?d?s?)(?:\?(.+))?"
)
_VERSION_1 = {"read": "rs", "write": "cud", "*": "cruds"}
_VERBS = {"c": "create", "r": "read", "u": "update", "d": "delete", "s": "search"}
_NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Scopes:
    """What a token allows; `text`: how it says it.

    `permissions` are letters by resource type (`*` is every type), `narrowed` those that are for what a search finds:
    (type, letters, query). `business` are the business scopes.
    """

    permissions: dict[str, frozenset[str]]
    business: frozenset[str]
    narrowed: tuple[tuple[str, frozenset[str], str], ...] = ()
    bound_to_patient: bool = False
    text: str = ""

    @property
    def is_narrowed(self) -> bool:
        """Whether what it allows may be for a part of a type."""
        return self.bound_to_patient or bool(self.narrowed)

    def allow_all(self, resource_type: str, permission: Permission) -> bool:
        """Whether a scope without a search allows it."""
        return permission in self.permissions.get(resource_type, _NOTHING) or permission in self.permissions.get(
            "*", _NOTHING
        )

    def allow(self, resource_type: str, permission: Permission) -> bool:
        """Whether it is allowed for some resources at least; `narrowing_of` says for which."""
        if self.bound_to_patient and resource_type not in PATIENT_COMPARTMENT:
            return False
        return self.allow_all(resource_type, permission) or (
            bool(self.narrowed) and bool(self.queries(resource_type, permission))
        )

    def allow_whole(self, resource_type: str, permission: Permission) -> bool:
        """Whether it is allowed for all resources of the type."""
        return not self.bound_to_patient and self.allow_all(resource_type, permission)

    def queries(self, resource_type: str, permission: Permission) -> tuple[str, ...]:
        """The searches whose matches the permission is for, where no scope gives it for all."""
        return tuple(
            query for name, letters, query in self.narrowed if name in {resource_type, "*"} and permission in letters
        )

    def names(self, resource_type: str) -> bool:
        """Whether a scope names the type itself, and not all types."""
        return resource_type in self.permissions or any(name == resource_type for name, _, _ in self.narrowed)

    def allow_business(self, scope: str) -> bool:
        return scope in self.business or EVERY_BUSINESS_SCOPE in self.business

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

    def require_all(self, resource_type: str, permission: Permission) -> None:
        """As `require`, where what is done cannot be held to a part of the type."""
        self.require(resource_type, permission)
        if not self.allow_whole(resource_type, permission):
            raise insufficient_for_part(resource_type, permission)


@lru_cache(maxsize=1024)
def scopes_of(text: str) -> Scopes:
    """The scopes of a token's `scope` claim. What is not about this server is ignored."""
    permissions: dict[str, set[str]] = {}
    narrowed: list[tuple[str, frozenset[str], str]] = []
    bound = False
    items = text.split()
    for item in items:
        bound = bound or item.startswith("patient/")
        match = _RESOURCE_SCOPE.fullmatch(item)
        if match is None:
            continue
        _, resource_type, access, query = match.groups()
        letters = _VERSION_1.get(access, access)
        if query is None:
            permissions.setdefault(resource_type, set()).update(letters)
        else:
            narrowed.append((resource_type, frozenset(letters), query))
    return Scopes(
        {resource_type: frozenset(letters) for resource_type, letters in permissions.items()},
        frozenset(item for item in items if item.startswith("billing:")),
        tuple(narrowed),
        bound,
        text,
    )


def granted(requested: str, registered: str) -> str:
    """Those of the requested scopes that the registered ones cover; nothing asked for: all that is registered."""
    most = scopes_of(registered)
    items = dict.fromkeys((requested or registered).split())
    return " ".join(item for item in items if _is_covered(item, most))


def _is_covered(item: str, most: Scopes) -> bool:
    if item.startswith("billing:"):
        return item in most.business or (item != EVERY_BUSINESS_SCOPE and most.allow_business(item))
    match = _RESOURCE_SCOPE.fullmatch(item)
    if match is None or match[1] == "patient":
        return False
    _, resource_type, access, query = match.groups()
    for letter in _VERSION_1.get(access, access):
        allowed = most.permissions.get(resource_type, _NOTHING) | most.permissions.get("*", _NOTHING)
        same = any(
            (name, query) == (resource_type, asked) and letter in letters for name, letters, asked in most.narrowed
        )
        if letter not in allowed and not same:
            return False
    return True


def insufficient_for_part(resource_type: str, permission: Permission) -> Refusal:
    return _insufficient(
        f"The token allows to {_VERBS[permission]} some {resource_type} only, and this concerns others, too."
    )


def insufficient_for_patient() -> Refusal:
    return _insufficient("The token is about one patient, and this is not; use FHIR, which shows that patient's.")


def _insufficient(message: str) -> Refusal:
    return refuse(Category.NOT_ALLOWED, "insufficient-scope", message)
