"""The body of a request, read with a limit while it arrives: what is too large is refused before it is all here."""

from __future__ import annotations

from starlette.requests import ClientDisconnect
from starlette.types import Receive

from ledger.errors import Category, Refusal, refuse


async def read_body(receive: Receive, content_length: str | None, bytes_max: int) -> bytes:
    if content_length is not None and content_length.isdigit() and int(content_length) > bytes_max:
        raise _too_large(bytes_max)
    chunks: list[bytes] = []
    received = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk = message.get("body", b"")
        received += len(chunk)
        if received > bytes_max:
            raise _too_large(bytes_max)
        chunks.append(chunk)
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _too_large(bytes_max: int) -> Refusal:
    return refuse(
        Category.TOO_LARGE, "body-too-large", f"The body is larger than {bytes_max} bytes; send less at a time."
    )
