"""What is seen of every request from outside: its id, how long it took, and how it ended; and what holds for all.

That is: too many at once are refused before they cost anything, none lasts for ever, and every answer tells browsers
to take it for nothing but data. Plain ASGI; it costs a few microseconds.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fhir_server.faults import log_fault, request_id, trace_id
from fhir_server.metrics import Metrics
from fhir_server.outcomes import RETRY_AFTER_SECONDS, outcome_of
from fhir_server.responses import Header
from ledger.card_numbers import holds_card_number
from ledger.errors import Category, Problem

_is_request_id = re.compile(rb"[A-Za-z0-9._:/+=\-]{1,128}").fullmatch
# https://www.w3.org/TR/trace-context/#traceparent-header
_traceparent = re.compile(rb"00-([0-9a-f]{32})-[0-9a-f]{16}-([0-9a-f]{2})").fullmatch
OTHER_ROUTE = "other"
CLIENT_WENT_AWAY = 499
"""What is counted where there was nobody to answer."""

# Asked by those who decide whether this server gets more requests: they must be answered above all.
_ALWAYS_ANSWERED = frozenset({"/healthz", "/readyz", "/metrics"})

_SECURITY: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
)
_ONLY_TLS: Header = (b"strict-transport-security", b"max-age=31536000")


@dataclass(slots=True)
class InFlight:
    """How many requests the process answers at the moment, and how many it takes at most."""

    most: int
    now: int = 0


class Observation:
    def __init__(
        self, app: ASGIApp, metrics: Metrics, in_flight: InFlight, *, timeout_seconds: int, is_tls: bool = False
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._in_flight = in_flight
        self._timeout_seconds = timeout_seconds
        self._security = [*_SECURITY, *([_ONLY_TLS] if is_tls else [])]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter_ns()
        identity = _identity(scope)
        status = CLIENT_WENT_AWAY
        has_begun = False

        async def send_with_id(message: Message) -> None:
            nonlocal status, has_begun
            if message["type"] == "http.response.start":
                status, has_begun = message["status"], True
                message["headers"] = [*message["headers"], *identity, *self._security]
            await send(message)

        async def refuse(code: str, message: str) -> None:
            body = outcome_of([Problem(Category.UNAVAILABLE, code, message)])
            headers = [
                (b"content-type", b"application/fhir+json"),
                (b"content-length", b"%d" % len(body)),
                (b"retry-after", b"%d" % RETRY_AFTER_SECONDS),
            ]
            await send_with_id({"type": "http.response.start", "status": 503, "headers": headers})
            await send({"type": "http.response.body", "body": body})

        self._in_flight.now += 1
        timeout = asyncio.timeout(self._timeout_seconds)
        try:
            if self._in_flight.now > self._in_flight.most and scope["path"] not in _ALWAYS_ANSWERED:
                await refuse("overloaded", "The server has too much to do at the moment; try again.")
                return
            async with timeout:
                await self._app(scope, receive, send_with_id)
        except Exception as error:
            is_late = isinstance(error, TimeoutError) and timeout.expired()
            log_fault(error, "request timed out" if is_late else "request failed")
            if has_begun:
                raise
            if is_late:
                await refuse(
                    "request-timeout", f"It took more than {self._timeout_seconds} seconds and was ended; try again."
                )
            else:
                await send_with_id(
                    {"type": "http.response.start", "status": 500, "headers": [(b"content-length", b"0")]}
                )
                await send({"type": "http.response.body", "body": b""})
        finally:
            self._in_flight.now -= 1
            self._metrics.observe(
                scope.get("billing.route", OTHER_ROUTE), status, (time.perf_counter_ns() - began) / 1e9
            )


def _identity(scope: Scope) -> list[Header]:
    """The request's id and, where the client traces, its place in the trace: as sent, if they can stand in a log."""
    own_id, trace = b"", b""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _is_request_id(value) and not holds_card_number(value.decode()):
            own_id = bytes(value)
        elif name == b"traceparent":
            trace = bytes(value)
    own_id = own_id or secrets.token_hex(8).encode()
    request_id.set(own_id.decode())
    traced = _traceparent(trace) if trace else None
    trace_id.set("" if traced is None else traced[1].decode())
    if traced is None:
        return [(b"x-request-id", own_id)]
    here = b"00-%b-%b-%b" % (traced[1], secrets.token_hex(8).encode(), traced[2])
    return [(b"x-request-id", own_id), (b"traceparent", here)]
