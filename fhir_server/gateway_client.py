"""The payment gateway over HTTP: the adapter behind `billing/payment_gateway.py`. docs/gateway.md is its contract."""

from __future__ import annotations

import asyncio
import re
from typing import Any, Literal
from urllib.parse import quote

import httpx
import msgspec

from billing.payment_gateway import GatewayAnswer, GatewayUnclearError
from fhir_server.settings import Settings
from ledger.card_numbers import holds_card_number
from ledger.gateway_payment import GatewayPayment

_ANSWER_BYTES_MAX = 64 * 1024
_is_reference = re.compile(r"[\x21-\x7e]{1,200}").fullmatch
_is_reason = re.compile(r"[a-z0-9_-]{1,64}").fullmatch


class _Amount(msgspec.Struct, frozen=True):
    currency: str
    minor_units: int


class _Payment(msgspec.Struct, frozen=True):
    """What the gateway says of a payment. Members that are not known here are passed over."""

    id: str
    status: Literal["pending", "captured", "declined", "cancelled"]
    amount: _Amount | None = None
    reference: str | None = None
    code: str | None = None


_read = msgspec.json.Decoder(_Payment).decode


def gateway_of(settings: Settings) -> GatewayClient | None:
    """The gateway of the settings, None where there is none."""
    if not settings.gateway_url:
        return None
    file = settings.gateway_secret_file
    secret = "" if file is None else file.read_text(encoding="ascii").strip()
    return GatewayClient(settings.gateway_url, secret, settings.gateway_timeout_seconds)


class GatewayClient:
    """Asks one gateway. No redirect is followed and no proxy of the environment is used; nothing sent is logged."""

    def __init__(self, url: str, secret: str, timeout_seconds: float) -> None:
        self._url = url.rstrip("/")
        self._timeout_seconds = timeout_seconds
        self._client = httpx.AsyncClient(
            timeout=timeout_seconds,
            trust_env=False,
            follow_redirects=False,
            headers={"authorization": f"Bearer {secret}"} if secret else {},
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def charge(self, payment: GatewayPayment, token: str) -> GatewayAnswer:
        document = {
            "id": payment.id,
            "token": token,
            "method": payment.method,
            "amount": {"currency": payment.amount.currency, "minor_units": payment.amount.minor_units},
        }
        answer = await self._ask("POST", "/payments", payment, document)
        if answer is None:
            raise GatewayUnclearError("it answered 404 to a charge")
        return answer

    async def find(self, payment: GatewayPayment) -> GatewayAnswer | None:
        return await self._ask("GET", f"/payments/{quote(payment.id, safe='')}", payment)

    async def cancel(self, payment: GatewayPayment) -> GatewayAnswer:
        answer = await self._ask("POST", f"/payments/{quote(payment.id, safe='')}/cancel", payment)
        if answer is None:
            raise GatewayUnclearError("it answered 404 to a cancellation")
        return answer

    async def _ask(
        self, method: str, path: str, payment: GatewayPayment, document: dict[str, Any] | None = None
    ) -> GatewayAnswer | None:
        headers = {"idempotency-key": payment.id} if method == "POST" else {}
        try:
            async with asyncio.timeout(self._timeout_seconds):
                answer = await self._client.request(method, f"{self._url}{path}", json=document, headers=headers)
        except TimeoutError:
            raise GatewayUnclearError(f"no answer within {self._timeout_seconds:g} seconds") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as failure:
            # Its kind alone: a text of it may hold what was sent.
            raise GatewayUnclearError(type(failure).__name__) from None
        if answer.status_code == 404:
            return None
        if answer.status_code not in (200, 201, 202, 402) or len(answer.content) > _ANSWER_BYTES_MAX:
            raise GatewayUnclearError(f"it answered {answer.status_code}")
        return _said(answer.content, payment)


def _said(content: bytes, payment: GatewayPayment) -> GatewayAnswer:
    try:
        said = _read(content)
    except msgspec.DecodeError:
        raise GatewayUnclearError("its answer is not what docs/gateway.md has") from None
    if said.id != payment.id:
        raise GatewayUnclearError("it answered of another payment")
    if said.status == "captured":
        return GatewayAnswer("captured", reference=_reference(said, payment))
    reason = said.code if said.code is not None and _is_reason(said.code) else None
    return GatewayAnswer(said.status, reason=reason)


def _reference(said: _Payment, payment: GatewayPayment) -> str:
    if said.amount != _Amount(payment.amount.currency, payment.amount.minor_units):
        raise GatewayUnclearError("it captured another amount")
    if said.reference is None or not _is_reference(said.reference) or holds_card_number(said.reference):
        raise GatewayUnclearError("it gave no reference that can be kept")
    return said.reference
