"""Answers: ready bytes and their headers, and Bundles and Parameters spliced from resources that are bytes already."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from http import HTTPStatus

import msgspec

from billing.change import Change
from fhir_server.media_types import Preferences, ReturnPreference
from fhir_server.outcomes import success_outcome

Header = tuple[bytes, bytes]

VARY: Header = (b"vary", b"Authorization, Accept, Accept-Encoding, Prefer")
# Patient data: a shared cache keeps none of it, and a private one asks whether it still holds.
_CACHING: tuple[Header, ...] = ((b"cache-control", b"private, no-cache"), VARY)

NOT_STORED: Header = (b"cache-control", b"no-store")

_encode_text = msgspec.json.Encoder().encode


@dataclass(slots=True)
class Answer:
    """What an interaction or operation gives back, whether the request came alone or in a Bundle.

    `location` is the version that was made or read, relative to the base: `Invoice/1/_history/2`. `is_new` says that
    the request made it. `says` is a sentence for `Prefer: return=OperationOutcome`; without one the preference has
    no meaning here and the content is sent.
    """

    status: int
    content: bytes = b""
    version: int = 0
    last_updated: datetime | None = None
    location: str = ""
    is_new: bool = False
    says: str = ""
    replayed: bool = False

    @property
    def etag(self) -> str:
        return f'W/"{self.version}"' if self.version else ""

    def body(self, preferences: Preferences) -> bytes:
        """The content as the client prefers it."""
        if self.says and preferences.returns is not ReturnPreference.REPRESENTATION:
            return b"" if preferences.returns is ReturnPreference.MINIMAL else success_outcome(self.says)
        return self.content

    def headers(self, base_url: str) -> list[Header]:
        headers = [*_CACHING]
        if self.version:
            headers.append((b"etag", b'W/"%d"' % self.version))
        if self.last_updated is not None:
            headers.append((b"last-modified", http_date(self.last_updated)))
        if self.location:
            location = f"{base_url}/{self.location}".encode()
            headers.append((b"location" if self.is_new else b"content-location", location))
        if self.replayed:
            headers.append((b"idempotency-replayed", b"true"))
        return headers


def answer_of_change(change: Change) -> Answer:
    """A resource that was written, or that was there already with what was to be written."""
    name = f"{change.resource_type}/{change.id}"
    is_new = change.outcome == "created"
    return Answer(
        HTTPStatus.CREATED if is_new else HTTPStatus.OK,
        content=change.content or b"",
        version=change.version,
        last_updated=change.last_updated,
        location=f"{name}/_history/{change.version}",
        is_new=is_new,
        says=f"{name} is {_SAID.get(change.outcome, change.outcome)}; this is version {change.version}.",
    )


def answer_of_deletion(change: Change) -> Answer:
    return Answer(HTTPStatus.NO_CONTENT, version=change.version, last_updated=change.last_updated)


_SAID = {"unchanged": "as it was, for nothing in it is different", "existing": "there already, with this content"}


def http_date(moment: datetime) -> bytes:
    return format_datetime(moment.astimezone(UTC), usegmt=True).encode()


@lru_cache(maxsize=64)
def status_line(status: int) -> str:
    """`201 Created`, as `Bundle.entry.response.status` has it."""
    return f"{status} {HTTPStatus(status).phrase}"


def json_string(text: str) -> bytes:
    return _encode_text(text)


def json_object(members: Iterable[tuple[bytes, bytes]]) -> bytes:
    """An object of members whose values are JSON already; a member without a value is left out."""
    return b"{" + b",".join(b'"' + name + b'":' + value for name, value in members if value) + b"}"


def json_array(items: Iterable[bytes]) -> bytes:
    return b"[" + b",".join(items) + b"]"


def bundle(
    bundle_type: str, entries: Sequence[bytes], *, total: int | None = None, links: Sequence[tuple[str, str]] = ()
) -> bytes:
    """A Bundle around entries that are JSON already. https://hl7.org/fhir/R4/bundle.html"""
    return json_object(
        [
            (b"resourceType", b'"Bundle"'),
            (b"type", json_string(bundle_type)),
            (b"total", b"" if total is None else b"%d" % total),
            (b"link", _links(links)),
            # An empty array is no FHIR JSON.
            (b"entry", json_array(entries) if entries else b""),
        ]
    )


def _links(links: Sequence[tuple[str, str]]) -> bytes:
    return _encode_text([{"relation": relation, "url": url} for relation, url in links]) if links else b""
