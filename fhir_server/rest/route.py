"""What a REST route is: declared once, carried out and documented by it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from fhir_server.authorization.smart_scopes import Permission, Scopes, insufficient_for_patient
from fhir_server.responses import Answer
from fhir_server.rest.documents import Document, NoFilter
from fhir_server.rest.request import Reading, RestRequest, Writing
from fhir_server.service import Service
from storage.transaction import Database

BASE_PATH = "/api/v1/billing"


@dataclass(frozen=True, slots=True, kw_only=True)
class RestRoute:
    """One row of the table of routes.

    Exactly one of `reads`, `writes` and `serves` is there. The first two look at the request and give back what is to
    be done with a database or in a transaction; `serves` carries it out itself, in transactions of its own, as what
    asks somebody else in between has to, and sees to the idempotency key and the access log. `needs` are permissions on
    FHIR resource types, as for the interactions and operations that do the same; `business_scope` is what else a token
    must have, and of `any_scope` it must have one. `of_operators`: for tokens of operators, which are of no tenant, and
    for no others; all other routes are for tokens of a tenant. A route without any of these does not exist: nothing is
    open here.
    `takes` is the body, `filters` the query, `gives` the answer, with `status` or `other_status`. `follows` is done
    when the change is committed and before it is answered, in transactions of its own: what is not lost when it does
    not come to it.
    """

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    summary: str
    gives: type[Document]
    description: str = ""
    takes: type[Document] | None = None
    filters: type[Document] = NoFilter
    needs: tuple[tuple[str, Permission], ...] = ()
    business_scope: str = ""
    any_scope: tuple[str, ...] = ()
    of_operators: bool = False
    needs_idempotency_key: bool = False
    status: int = 200
    other_status: int | None = None
    reads: Callable[[RestRequest], Reading] | None = None
    writes: Callable[[RestRequest], Writing] | None = None
    serves: Callable[[RestRequest, Service], Awaitable[Answer]] | None = None
    follows: Callable[[RestRequest, Database], Awaitable[None]] | None = None

    def __post_init__(self) -> None:
        assert self.needs or self.business_scope or self.any_scope, f"{self.name}: who may do it?"
        kinds = [kind for kind in (self.reads, self.writes, self.serves) if kind is not None]
        assert len(kinds) == 1, f"{self.name} either reads, writes or serves"
        assert self.follows is None or self.writes is not None, f"{self.name}: only a change is followed by more"
        assert not self.needs_idempotency_key or self.method == "POST", f"{self.name}: keys are for POST"

    @property
    def full_path(self) -> str:
        return f"{BASE_PATH}{self.path}"

    @property
    def name(self) -> str:
        """`POST /api/v1/billing/refunds/{id}/approve`: what metrics count and idempotency keys belong to."""
        return f"{self.method} {self.full_path}"

    @property
    def noun(self) -> str:
        """What the route is about: the first part of its path."""
        return self.path.split("/")[1]

    def check_scopes(self, scopes: Scopes) -> None:
        for resource_type, permission in self.needs:
            # Lists and reports are of all that there is.
            scopes.require_all(resource_type, permission)
        if scopes.bound_to_patient:
            raise insufficient_for_patient()
        if self.business_scope:
            scopes.require_business(self.business_scope)
        if self.any_scope:
            scopes.require_any_business(self.any_scope)
