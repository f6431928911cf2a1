"""The form of an answer: JSON or XML, indented for people or not, compressed or not, as the client wants it.

What is stored, and made of it, is JSON; an answer becomes XML here and nowhere else, refusals too. Where a client
wants JSON as it is, nothing is done to the bytes. https://hl7.org/fhir/R4/http.html#mime-type
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import msgspec

from fhir_server.fhir_request import Query, take
from fhir_server.media_types import FHIR_JSON, FHIR_XML, Format, format_wanted, not_acceptable, takes_gzip
from fhir_server.responses import Header
from ledger.errors import invalid
from mappers.r4.xml_writing import xml_of_json

GZIP_BYTES_MIN = 8 * 1024
"""Below this the time to compress is more than that to send."""
_GZIP_LEVEL = 1

_CONTENT_TYPES: dict[Format, Header] = {
    Format.JSON: (b"content-type", f"{FHIR_JSON}; charset=utf-8".encode()),
    Format.XML: (b"content-type", f"{FHIR_XML}; charset=utf-8".encode()),
}
_GZIPPED: Header = (b"content-encoding", b"gzip")


class AnswerForm:
    """What the headers say, until the query or a form says more."""

    __slots__ = ("_accept", "_accept_encoding", "_format", "_is_pretty", "_named")

    def __init__(self, headers: Mapping[bytes, bytes]) -> None:
        self._accept = headers.get(b"accept", b"").decode("latin-1")
        self._accept_encoding = headers.get(b"accept-encoding", b"").decode("latin-1")
        self._named: str | None = None
        self._is_pretty = False
        self._format = format_wanted(self._accept, None)

    def take_from(self, query: Query) -> None:
        """Take `_format` and `_pretty` out of the parameters; they are about the answer and not the question."""
        if not query:
            return
        pretty = take(query, "_pretty")
        if pretty not in {None, "true", "false"}:
            raise invalid("parameter-invalid", "_pretty is true or false.", issue="value")
        self._is_pretty = pretty == "true" or self._is_pretty
        named = take(query, "_format")
        if named is not None:
            self._named, self._format = named, format_wanted(self._accept, named)

    def check(self) -> None:
        """Refuse a request whose answer cannot be in the form that it wants."""
        if self._format is None:
            raise not_acceptable(self._accept, self._named)

    def rendered(self, content: bytes) -> tuple[list[Header], bytes]:
        """JSON in this form, with the headers that say so. Whoever reads neither of the two forms gets JSON."""
        headers = [_CONTENT_TYPES[self._format or Format.JSON]]
        if self._format is Format.XML:
            content = xml_of_json(content, is_pretty=self._is_pretty)
        elif self._is_pretty:
            content = msgspec.json.format(content, indent=2)
        if len(content) >= GZIP_BYTES_MIN and self._accept_encoding and takes_gzip(self._accept_encoding):
            headers.append(_GZIPPED)
            content = zlib.compress(content, _GZIP_LEVEL, wbits=zlib.MAX_WBITS | 16)
        return headers, content
