"""`GET or POST Subscription/[id]/$get-ws-binding-token` and on the type: a token that binds a websocket."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from fhir_server.fhir_request import FhirRequest
from fhir_server.operation_declaration import Operation, Parameter
from fhir_server.operations.parameters import parameters, read_parameters
from fhir_server.responses import Answer
from fhir_server.service import Service
from fhir_server.subscription_access import require_audible
from fhir_server.websocket_address import websocket_url
from fhir_server.websocket_token import LIFETIME_SECONDS, Binding, BindingTokens
from ledger.errors import Refusal, not_found, rule_broken
from mappers.extensions import BACKPORT
from mappers.mapper import instant
from mappers.r4.json_text import encode
from storage import subscription_overview

OPERATION = Operation(
    code="get-ws-binding-token",
    resource_type="Subscription",
    title="A token to bind a websocket",
    description=(
        f"A token, valid for {LIFETIME_SECONDS} seconds, that binds a websocket to subscriptions whose channel is"
        " websocket: send bind-with-token and the token. On the type: for those that id names, or for all."
    ),
    affects_state=False,
    permission="r",
    levels=("type", "instance"),
    base=f"{BACKPORT}/OperationDefinition/backport-subscription-get-ws-binding-token",
    parameters=(
        Parameter("id", "in", 0, "*", "id", "On the type: one of these ids. Ignored on an instance."),
        Parameter("token", "out", 1, "1", "string", "The token."),
        Parameter("expiration", "out", 1, "1", "dateTime", "Until when a websocket can be bound with it."),
        Parameter("subscription", "out", 0, "*", "string", "The subscriptions that it binds, as Subscription/1."),
        Parameter("websocket-url", "out", 1, "1", "url", "Where to connect."),
    ),
)


async def subscription_binding_token(request: FhirRequest, service: Service) -> Answer:
    values = read_parameters(request, OPERATION)
    ids = [request.id] if request.id else values["id"] or None
    found = await subscription_overview.states(service.database, request.tenant.id, ids=ids)
    sockets = [state for state in found if state.channel_type == "websocket"]
    if ids is not None and len(sockets) < len(set(ids)):
        raise _not_bindable(request, sorted(set(ids) - {state.id for state in sockets}), {state.id for state in found})
    request.token.scopes.require_all("Subscription", "r")
    for state in sockets:
        require_audible(request.token.scopes, state)
    expires_at = int(time.time()) + LIFETIME_SECONDS
    bound = tuple(state.id for state in sockets)
    binding = Binding(request.tenant.id, bound, expires_at, request.token.subject, request.token.client)
    token = BindingTokens.of_settings(service.settings).write(binding)
    items: list[dict[str, Any]] = [
        {"name": "token", "valueString": token},
        {"name": "expiration", "valueDateTime": instant(datetime.fromtimestamp(expires_at, UTC))},
        *({"name": "subscription", "valueString": f"Subscription/{each}"} for each in bound),
        {"name": "websocket-url", "valueUrl": websocket_url(request.base_url)},
    ]
    return Answer(HTTPStatus.OK, parameters(map(encode, items)))


def _not_bindable(request: FhirRequest, unfit: list[str], known: set[str]) -> Refusal:
    if unfit[0] not in known:
        return not_found("not-found", f"There is no Subscription/{unfit[0]}.")
    message = f"The channel of Subscription/{unfit[0]} is no websocket; only those are bound."
    place = "" if request.id else "Parameters.parameter.where(name='id').value"
    return rule_broken("channel-not-websocket", message, place)
