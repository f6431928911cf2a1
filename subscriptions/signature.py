"""Signing what is sent, by the Standard Webhooks scheme. https://www.standardwebhooks.com"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterable

from mappers.subscription_secrets import signing_bytes


def signed_headers(message_id: str, timestamp: int, body: bytes, keys: Iterable[str]) -> dict[str, str]:
    """The headers of a message: its id, which stays the same when it is sent again, when it is sent, and signatures."""
    headers = {"webhook-id": message_id, "webhook-timestamp": str(timestamp)}
    content = b"%b.%d.%b" % (message_id.encode(), timestamp, body)
    signatures = ["v1," + base64.b64encode(hmac.digest(signing_bytes(key), content, "sha256")).decode() for key in keys]
    if signatures:
        headers["webhook-signature"] = " ".join(signatures)
    return headers
