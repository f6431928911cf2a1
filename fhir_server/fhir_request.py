"""A FHIR request, alone over HTTP or as an entry of a Bundle: all that an interaction needs to know of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from billing.context import Context
from billing.endpoint_policy import PUBLIC_ONLY, EndpointPolicy
from billing.own_references import OwnReference
from billing.terminology import Terminology
from fhir_server.access_log import Visit
from fhir_server.authorization.token import AccessToken
from fhir_server.media_types import Preferences
from fhir_server.preconditions import NO_CONDITIONS, Conditions
from fhir_server.responses import Answer
from ledger.errors import Refusal, invalid
from ledger.tenant import Tenant
from mappers.r4.faults import shortened
from mappers.r4.json_text import decode, encode
from mappers.r4.validate import validate
from storage.transaction import Reader, Transaction

Query = list[tuple[str, str]]

Reading = Callable[[Reader], Awaitable[Answer]]
Writing = Callable[[Transaction], Awaitable[Answer]]

QUERY_PARAMETERS_MAX = 1000


@dataclass(slots=True)
class FhirRequest:
    """`route_name` is the name of its route, `url` the path that was asked for: `Invoice/1/$issue`.

    `document` is the decoded body. A mapper takes it apart, so each attempt to carry out the request begins with
    `renew`. `place` is where in a Bundle it stands, and `assigned_id` the id that a Bundle has chosen for what it
    creates or, if nothing matches, updates; where a Bundle has looked already for what meets the criteria of a
    conditional request, `nothing_matches` says that nothing does; and what the document refers to here, where it has
    looked for that, is in `references`. Only a transaction finds what a reference that is a
    search means; `takes_conditional_references` says that it has.
    """

    method: str
    route_name: str
    url: str
    token: AccessToken
    tenant: Tenant
    base_url: str
    resource_type: str = ""
    id: str = ""
    version_id: str = ""
    query: Query = field(default_factory=list)
    conditions: Conditions = NO_CONDITIONS
    preferences: Preferences = field(default_factory=Preferences)
    idempotency_key: str | None = None
    document: dict[str, Any] | None = None
    body: bytes | None = None
    place: str = ""
    takes_conditional_references: bool = False
    assigned_id: str | None = None
    nothing_matches: bool = False
    references: list[OwnReference] | None = None
    is_renewed: bool = False
    endpoints: EndpointPolicy = PUBLIC_ONLY
    terminology: Terminology | None = None
    interaction: str = ""

    @property
    def visit(self) -> Visit:
        """What the access log keeps of it."""
        query = "&".join(f"{name}={value}" for name, value in self.query)
        return Visit(self.interaction, self.route_name, self.resource_type, self.id, query, self.token)

    @property
    def operation(self) -> str:
        """What an idempotency key belongs to: `POST Invoice/[id]/$issue`."""
        return self.route_name.replace("[type]", self.resource_type)

    @property
    def context(self) -> Context:
        one_time = self.idempotency_key is not None or self.conditions.if_none_exist is not None
        scopes = self.token.scopes
        return Context(
            self.tenant,
            self.token.subject,
            self.token.client,
            self.base_url,
            one_time,
            scopes.text,
            scopes.require_all,  # type: ignore[arg-type]  # SMART's letters are narrower than any text
            self.endpoints,
            self.terminology,
        )

    def renew(self) -> None:
        """Have the document whole again, where an attempt before this one has taken it apart."""
        if self.document is None and self.body is None:
            return
        if self.body is None:
            self.body = encode(self.document)
        if self.is_renewed:
            self.document = decode(self.body)
        self.is_renewed = True

    def resource(self) -> dict[str, Any]:
        """The document as a valid resource of the type that is asked for, or all that is wrong with it."""
        if self.document is None:
            message = f"A resource of type {self.resource_type} is expected here."
            raise invalid("body-missing", message, issue="required")
        problems = validate(self.document, self.resource_type, conditional_references=self.takes_conditional_references)
        if problems:
            raise Refusal(problems)
        return self.document


def query_of(query: str | bytes) -> Query:
    """The parameters of a query string or a form, in order."""
    if not query:
        return []
    try:
        text = query if isinstance(query, str) else query.decode()
        return parse_qsl(
            text, keep_blank_values=True, errors="strict", max_num_fields=QUERY_PARAMETERS_MAX, separator="&"
        )
    except ValueError:
        raise invalid(
            "query-malformed",
            f"The parameters are no percent-encoded UTF-8, or more than {QUERY_PARAMETERS_MAX}.",
            issue="structure",
        ) from None


def take(query: Query, name: str) -> str | None:
    """Take a parameter that can be there once out of a query; None where it is not there."""
    values = [value for key, value in query if key == name]
    if len(values) > 1:
        raise invalid("parameter-repeated", f"The parameter {name} is there {len(values)} times; send it once.")
    query[:] = [pair for pair in query if pair[0] != name]
    return values[0] if values else None


def refuse_rest(query: Query, known: str) -> None:
    """Refuse parameters that nobody took: to ignore one would answer something else than what was asked."""
    if query:
        named = ", ".join(sorted({shortened(name) for name, _ in query}))
        raise invalid("parameter-unknown", f"Unknown parameters: {named}. Known here: {known}.", issue="not-supported")
