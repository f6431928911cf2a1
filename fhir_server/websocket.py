"""`[base]/websocket`: subscriptions over a websocket. https://hl7.org/fhir/R4/subscription.html#2.46.7.2

`bind [id]` needs the access token of the connection (Authorization header), `bind-with-token [token]` one of
`$get-ws-binding-token`. What cannot be done is answered by an OperationOutcome, and the connection is closed; so is one
whose tenant loses its licence. Every binding is in the access log, and every refusal.
"""

from __future__ import annotations

import asyncio
import secrets
from contextlib import suppress

from starlette.websockets import WebSocket, WebSocketDisconnect

from fhir_server.access import authorize
from fhir_server.access_log import Visit
from fhir_server.authorization.smart_scopes import scopes_of
from fhir_server.authorization.tenant import licensed_tenant
from fhir_server.authorization.token import AccessToken
from fhir_server.faults import log_fault, request_id
from fhir_server.outcomes import outcome_of
from fhir_server.responses import Answer
from fhir_server.service import Service
from fhir_server.subscription_access import require_audible
from fhir_server.websocket_token import BindingTokens
from ledger.errors import Refusal, invalid, not_found
from storage import subscription_overview
from subscriptions.channels.websocket import BoundSubscription, SocketWakeUps

BOUND_MAX = 100
MESSAGE_CHARACTERS_MAX = 16 * 1024
POLICY_VIOLATION = 1008
INTERNAL_ERROR = 1011
BIND = "websocket bind"
"""The route of a binding in the access log."""


class SubscriptionSocket:
    """Answers one kind of connection; each is a task with one more task for each subscription it has bound."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._tokens = BindingTokens.of_settings(service.settings)
        self._wake_ups = SocketWakeUps(service.settings.database_url)

    async def answer(self, socket: WebSocket) -> None:
        await socket.accept()
        # Not a request that the middleware has seen; all that is bound over it has one id.
        request_id.set(secrets.token_hex(8))
        connection = _Connection(self._service, self._tokens, self._wake_ups, socket)
        with suppress(WebSocketDisconnect):
            try:
                await connection.serve()
            except Refusal as refusal:
                await self._service.access_log.refused(connection.visit, refusal)
                await socket.send_text(outcome_of(refusal.problems).decode())
                await socket.close(POLICY_VIOLATION)
            except WebSocketDisconnect:
                raise
            except Exception as error:  # the client learns no more than that
                log_fault(error)
                await socket.close(INTERNAL_ERROR)


class _Connection:
    def __init__(self, service: Service, tokens: BindingTokens, wake_ups: SocketWakeUps, socket: WebSocket) -> None:
        self._service = service
        self._tokens = tokens
        self._wake_ups = wake_ups
        self._socket = socket
        self._sending = asyncio.Lock()
        self._bound: dict[tuple[str, str], asyncio.Task[None]] = {}
        self.visit = Visit("operation", BIND, "Subscription")
        """What was tried last."""

    async def serve(self) -> None:
        """Read what the client says, and stop with whatever of the tasks fails first, or a licence that is gone."""
        reading = asyncio.create_task(self._read())
        try:
            while True:
                tasks = {reading, *self._bound.values()}
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED, timeout=1)
                for task in done:
                    task.result()
                    self._bound = {key: each for key, each in self._bound.items() if each is not task}
                for tenant_id in {tenant_id for tenant_id, _ in self._bound}:
                    await licensed_tenant(self._service.tenants, tenant_id)
        finally:
            for task in (reading, *self._bound.values()):
                task.cancel()
            await asyncio.gather(reading, *self._bound.values(), return_exceptions=True)

    async def _read(self) -> None:
        while True:
            text = await self._socket.receive_text()
            verb, _, rest = text.strip().partition(" ")
            if len(text) > MESSAGE_CHARACTERS_MAX or verb not in {"bind", "bind-with-token", "ping"}:
                raise invalid("websocket-message", "Send bind [id], or bind-with-token [token].", issue="structure")
            if verb == "bind":
                await self._bind_by_access_token(rest.strip())
            elif verb == "bind-with-token":
                await self._bind_by_token(rest.strip())

    async def _bind_by_access_token(self, name: str) -> None:
        subscription_id = name.removeprefix("Subscription/")
        self.visit = Visit("operation", BIND, "Subscription", subscription_id)
        authorization = self._socket.headers.get("authorization", "")
        token, tenant = await authorize(self._service, authorization, self.visit, self._socket.scope.get("client"))
        token.scopes.require_all("Subscription", "r")
        states = await subscription_overview.states(self._service.database, tenant.id, ids=[subscription_id])
        for state in states:
            require_audible(token.scopes, state)
        await self._bind(tenant.id, subscription_id, with_handshake=False)

    async def _bind_by_token(self, text: str) -> None:
        """Bind what was looked at when the token was given."""
        self.visit = Visit("operation", BIND, "Subscription")
        try:
            binding = self._tokens.read(text)
        except Refusal:
            self._service.rate_limits.count_failure(self._socket.scope.get("client"))
            raise
        # It has no scopes any more: what it is for was decided then.
        token = AccessToken(binding.tenant_id, binding.subject, binding.client, scopes_of(""), binding.expires_at)
        for subscription_id in binding.subscriptions:
            self.visit = Visit("operation", BIND, "Subscription", subscription_id, token=token)
            await licensed_tenant(self._service.tenants, binding.tenant_id)
            await self._bind(binding.tenant_id, subscription_id, with_handshake=True)

    async def _bind(self, tenant_id: str, subscription_id: str, *, with_handshake: bool) -> None:
        key = (tenant_id, subscription_id)
        if key not in self._bound and len(self._bound) >= BOUND_MAX:
            raise invalid("websocket-message", f"One connection binds {BOUND_MAX} subscriptions at most.")
        bound = BoundSubscription(
            self._service.database, self._service.base_url, tenant_id, subscription_id, self._send
        )
        if not await bound.begin(with_handshake=with_handshake):
            raise not_found("not-found", f"There is no Subscription/{subscription_id} over a websocket.")
        # Before anything is told.
        self._service.access_log.note(self.visit, Answer(200))
        if key in self._bound:
            self._bound.pop(key).cancel()
        self._bound[key] = asyncio.create_task(bound.run(self._wake_ups))

    async def _send(self, text: str) -> None:
        async with self._sending:
            await self._socket.send_text(text)
