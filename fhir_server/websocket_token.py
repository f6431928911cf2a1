"""Tokens that bind a websocket to subscriptions: short-lived, signed, and of no use for anything else.

A browser cannot send an Authorization header with a websocket; it gets such a token over HTTP first.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import time
from dataclasses import astuple, dataclass

import msgspec

from fhir_server.interactions.search_cursor import Cursors
from fhir_server.settings import Settings
from ledger.errors import Category, refuse

LIFETIME_SECONDS = 300

_SIGNATURE_BYTES = 32


@dataclass(frozen=True, slots=True)
class Binding:
    """Which subscriptions of which tenant may be bound, until when (seconds since 1970), and who got the token."""

    tenant_id: str
    subscriptions: tuple[str, ...]
    expires_at: int
    subject: str = ""
    client: str = ""


class BindingTokens:
    """Writes tokens and reads them back, with a key that all processes of a server share."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def of_settings(cls, settings: Settings) -> BindingTokens:
        return cls(Cursors.of_settings(settings).derived_key("websocket"))

    def write(self, binding: Binding) -> str:
        payload = msgspec.json.encode(astuple(binding))
        return base64.urlsafe_b64encode(self._signature(payload) + payload).rstrip(b"=").decode()

    def read(self, text: str) -> Binding:
        """The binding of a token; refused where it is not ours or too old."""
        try:
            data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            data = b""
        signature, payload = data[:_SIGNATURE_BYTES], data[_SIGNATURE_BYTES:]
        if hmac.compare_digest(signature, self._signature(payload)):
            binding = Binding(*msgspec.json.decode(payload, type=tuple[str, tuple[str, ...], int, str, str]))
            if binding.expires_at > time.time():
                return binding
        message = "The token is not one of $get-ws-binding-token, or too old; get another."
        raise refuse(Category.UNAUTHENTICATED, "binding-token-invalid", message)

    def _signature(self, payload: bytes) -> bytes:
        return hmac.digest(self._key, payload, "sha256")
