"""The body of a request, read with a limit while it arrives: what is too large is refused before it is all here."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

from starlette.requests import ClientDisconnect
from starlette.types import Receive

from ledger.errors import Category, Refusal, invalid, refuse
from mappers.r4.faults import shown


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


async def bytes_sent(headers: Mapping[bytes, bytes], receive: Receive, bytes_max: int) -> bytes:
    """The body as the client had it before it compressed it, where it did."""
    content_length = headers.get(b"content-length")
    body = await read_body(receive, None if content_length is None else content_length.decode("latin-1"), bytes_max)
    coding = headers.get(b"content-encoding", b"").decode("latin-1")
    return decompressed(body, coding, bytes_max) if body else body


def decompressed(body: bytes, content_encoding: str, bytes_max: int) -> bytes:
    """The body as it was before it was compressed. It is refused as soon as it proves too large, not after."""
    coding = content_encoding.strip().lower()
    if coding in {"", "identity"}:
        return body
    if coding not in {"gzip", "x-gzip"}:
        message = f"{shown(content_encoding)} is not read here; compress with gzip, or not at all."
        raise refuse(Category.MEDIA_TYPE, "content-encoding", message)
    inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        content = inflater.decompress(body, bytes_max + 1)
    except zlib.error:
        raise _not_gzip() from None
    if len(content) > bytes_max:
        raise _too_large(bytes_max)
    # Streams behind the first one are allowed by RFC 1952 and sent by nobody; each would cost a new beginning.
    if not inflater.eof or inflater.unused_data:
        raise _not_gzip()
    return content


def _not_gzip() -> Refusal:
    message = "The body is not one whole gzip stream, as Content-Encoding says it is."
    return invalid("gzip-malformed", message, issue="structure")


def _too_large(bytes_max: int) -> Refusal:
    return refuse(
        Category.TOO_LARGE, "body-too-large", f"The body is larger than {bytes_max} bytes; send less at a time."
    )
