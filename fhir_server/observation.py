"""What is seen of every request from outside: its id, how long it took, and how it ended.

Plain ASGI; it costs a few microseconds.
"""

from __future__ import annotations

import re
import secrets
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fhir_server.faults import log_fault, request_id
from fhir_server.metrics import Metrics
from ledger.card_numbers import holds_card_number

_is_request_id = re.compile(rb"[A-Za-z0-9._:/+=\-]{1,128}").fullmatch
OTHER_ROUTE = "other"
CLIENT_WENT_AWAY = 499
"""What is counted where there was nobody to answer."""


class Observation:
    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter_ns()
        own_id = _request_id(scope)
        request_id.set(own_id.decode())
        status = CLIENT_WENT_AWAY
        has_begun = False

        async def send_with_id(message: Message) -> None:
            nonlocal status, has_begun
            if message["type"] == "http.response.start":
                status, has_begun = message["status"], True
                message["headers"] = [*message["headers"], (b"x-request-id", own_id)]
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except Exception as error:
            log_fault(error)
            if has_begun:
                raise
            await send_with_id({"type": "http.response.start", "status": 500, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body", "body": b""})
        finally:
            self._metrics.observe(
                scope.get("billing.route", OTHER_ROUTE), status, (time.perf_counter_ns() - began) / 1e9
            )


def _request_id(scope: Scope) -> bytes:
    """The id that the client sent, where it can stand in a log; else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _is_request_id(value) and not holds_card_number(value.decode()):
            return bytes(value)
    return secrets.token_hex(8).encode()
