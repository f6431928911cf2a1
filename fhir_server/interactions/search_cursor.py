"""The cursor in a paging link: the row next to which the page begins, opaque and signed; the server keeps nothing.

It is bound to the tenant and to the search: with another one, or changed by a letter, it is refused.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from fhir_server.settings import Settings
from ledger.errors import Refusal, invalid
from storage.private_file import create_private, make_data_directory
from storage.search import Anchor

KEY_FILE = "search-cursor-key"
_SIGNATURE_BYTES = 16


@dataclass(frozen=True, slots=True)
class Cursor:
    """`asked_at` is when the first page was asked for: what is approximate stays the same on all pages."""

    anchor: Anchor
    backward: bool
    asked_at: datetime


class Cursors:
    """Writes cursors and reads them back, with a key that all processes of one server share."""

    def __init__(self, key: bytes) -> None:
        assert len(key) >= _SIGNATURE_BYTES, "a key that can be guessed protects nothing"
        self._key = key

    @classmethod
    def of_settings(cls, settings: Settings) -> Cursors:
        key = settings.cursor_key
        return cls(key.encode()) if key else cls.of_data_directory(settings.data_dir)

    @classmethod
    def of_data_directory(cls, data_dir: Path) -> Cursors:
        """With the key of this data directory, made on first use."""
        file = data_dir / KEY_FILE
        if not file.exists():
            make_data_directory(data_dir)
            return cls(create_private(file, secrets.token_urlsafe(32)).encode())
        return cls(file.read_text(encoding="utf-8").encode())

    def derived_key(self, purpose: str) -> bytes:
        """A key for something else than cursors, that all processes of the server share too."""
        return hmac.digest(self._key, f"billing {purpose}".encode(), "sha256")

    def write(self, scope: str, cursor: Cursor) -> str:
        """`scope` says whose search it is and what it asks."""
        content = (cursor.backward, cursor.asked_at, cursor.anchor.values, cursor.anchor.id)
        payload = msgspec.json.encode(content)
        return base64.urlsafe_b64encode(self._signature(scope, payload) + payload).rstrip(b"=").decode()

    def read(self, scope: str, text: str) -> Cursor:
        try:
            data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise _invalid() from None
        signature, payload = data[:_SIGNATURE_BYTES], data[_SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, self._signature(scope, payload)):
            raise _invalid()
        content = msgspec.json.decode(payload, type=tuple[bool, datetime, tuple[str | None, ...], str])
        backward, asked_at, values, id_ = content
        return Cursor(Anchor(values, id_), backward, asked_at)

    def _signature(self, scope: str, payload: bytes) -> bytes:
        message = hashlib.sha256(scope.encode()).digest() + payload
        return hmac.digest(self._key, message, "sha256")[:_SIGNATURE_BYTES]


def _invalid() -> Refusal:
    message = "The cursor is not one of this search; follow the links of the Bundle as they are, or begin anew."
    return invalid("cursor-invalid", message, issue="value")
