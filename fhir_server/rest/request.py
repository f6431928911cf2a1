"""A REST request, read and allowed: all that a route needs to know of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from billing.context import Context
from billing.terminology import Terminology
from fhir_server.access_log import Visit
from fhir_server.authorization.token import AccessToken
from fhir_server.interactions.search_cursor import Cursors
from fhir_server.preconditions import NO_CONDITIONS, Conditions
from fhir_server.responses import Answer
from fhir_server.rest.documents import Document
from ledger.tenant import Tenant
from storage.transaction import Reader, Transaction

Reading = Callable[[Reader], Awaitable[Answer]]
Writing = Callable[[Transaction], Awaitable[Answer]]

Model = TypeVar("Model", bound=Document)


@dataclass(frozen=True, slots=True)
class PageSizes:
    default: int
    max: int


@dataclass(slots=True, kw_only=True)
class RestRequest:
    """`operation` is what an idempotency key belongs to: `POST /api/v1/billing/refunds/{id}/approve`; `url` has the
    ids. `document` is the body as JSON, `body` and `filter` are the body and the query as the route declares them.
    """

    method: str
    operation: str
    url: str
    token: AccessToken
    tenant: Tenant
    fhir_base_url: str
    cursors: Cursors
    page_sizes: PageSizes
    path: dict[str, str] = field(default_factory=dict)
    filter: Document
    document: dict[str, Any] | None = None
    body: Document | None = None
    conditions: Conditions = NO_CONDITIONS
    idempotency_key: str | None = None
    visit: Visit = field(default_factory=Visit)
    terminology: Terminology | None = None

    @property
    def id(self) -> str:
        return self.path["id"]

    @property
    def context(self) -> Context:
        return Context(
            self.tenant,
            self.token.subject,
            self.token.client,
            self.fhir_base_url,
            one_time=self.idempotency_key is not None,
            terminology=self.terminology,
        )

    def sent(self, model: type[Model]) -> Model:
        """The body, as what the route takes."""
        assert isinstance(self.body, model), "the route declares another body"
        return self.body

    def asked(self, model: type[Model]) -> Model:
        """The query, as what the route takes."""
        assert isinstance(self.filter, model), "the route declares another query"
        return self.filter
