"""Conditions that a request puts: If-Match, If-None-Match, If-Modified-Since, If-None-Exist.

https://hl7.org/fhir/R4/http.html#concurrency and RFC 9110, section 13
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache

from ledger.errors import Category, Refusal, invalid, refuse

_TAG = re.compile(r'(?:W/)?"([\x21\x23-\x7e]*)"')
_TAGS = re.compile(rf"\s*(?:{_TAG.pattern}\s*,\s*)*{_TAG.pattern}\s*")
_SEARCH_PATH = re.compile(r"^[A-Za-z]*\?")


@dataclass(frozen=True, slots=True)
class EntityTags:
    """A list of entity tags: the versions that they name, or `*` for whatever there is.

    Ours are weak and name a version. A strong one of the same version is taken for it, for clients that drop the `W/`;
    one that names no version of ours matches nothing.
    """

    versions: frozenset[int]
    any: bool = False

    def match(self, version: int) -> bool:
        return self.any or version in self.versions


@dataclass(frozen=True, slots=True)
class Conditions:
    """What must be so for the request to be carried out."""

    if_match: EntityTags | None = None
    if_none_match: EntityTags | None = None
    if_modified_since: datetime | None = None
    if_none_exist: str | None = None

    @property
    def versions_required(self) -> frozenset[int] | None:
        """The versions that a change asks for by If-Match; None where any will do."""
        return None if self.if_match is None or self.if_match.any else self.if_match.versions

    def not_modified(self, version: int, last_updated: datetime | None) -> bool:
        """Whether a client that reads has this version already. If-None-Match counts, where there is one."""
        if self.if_none_match is not None:
            return self.if_none_match.match(version)
        if self.if_modified_since is None or last_updated is None:
            return False
        # The header has whole seconds.
        return last_updated < self.if_modified_since + timedelta(seconds=1)


NO_CONDITIONS = Conditions()


def conditions_of(
    if_match: str | None, if_none_match: str | None, if_modified_since: str | None, if_none_exist: str | None
) -> Conditions:
    return Conditions(
        None if if_match is None else entity_tags(if_match, "If-Match"),
        None if if_none_match is None else entity_tags(if_none_match, "If-None-Match"),
        None if if_modified_since is None else _date(if_modified_since),
        None if if_none_exist is None else search_of(if_none_exist),
    )


@lru_cache(maxsize=256)
def entity_tags(text: str, name: str) -> EntityTags:
    if text.strip() == "*":
        return EntityTags(frozenset(), any=True)
    if not _TAGS.fullmatch(text):
        raise invalid("etag-invalid", f'{name} is * or entity tags such as W/"3", separated by commas.')
    return EntityTags(frozenset(int(tag) for tag in _TAG.findall(text) if _is_version(tag)))


def _is_version(tag: str) -> bool:
    return tag.isascii() and tag.isdigit() and len(tag) < 10


def _date(text: str) -> datetime | None:
    """A date that cannot be read is as none, which RFC 9110 asks for."""
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def search_of(text: str) -> str:
    """If-None-Exist is the query of a search, also where it is sent with the `?` before it."""
    query = _SEARCH_PATH.sub("", text.strip())
    if not query:
        raise invalid(
            "if-none-exist-empty", "If-None-Exist is the query of a search, such as identifier=http://his|123."
        )
    return query


def precondition_failed(message: str) -> Refusal:
    return refuse(Category.PRECONDITION, "precondition-failed", message)
