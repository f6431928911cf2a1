"""Ids chosen before anything is written: what a transaction creates can then be referred to by its other entries."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ledger.errors import invalid
from storage.resource_ids import new_id

_TEMPORARY_IN_URL = re.compile(r"(?:([A-Z][A-Za-z]+)/)?(urn:[a-z0-9-]+:[^/?#&\s]+)")
_is_id = re.compile(r"[A-Za-z0-9\-.]{1,64}").fullmatch
_RESTFUL = re.compile(r"(.*/)?([A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64})").fullmatch


@dataclass(slots=True)
class TemporaryIds:
    """`assigned` are the ids of what is created, by index of the entry.

    `by_full_url` says what each fullUrl will be: `Invoice/1`. `by_base` says the same of relative references, which
    mean different things in entries with fullUrls of different servers.
    """

    assigned: dict[int, str] = field(default_factory=dict)
    by_full_url: dict[str, str] = field(default_factory=dict)
    by_base: dict[str, dict[str, str]] = field(default_factory=dict)

    def replacements_for(self, full_url: str) -> Mapping[str, str]:
        """What is to be replaced in the entry with this fullUrl."""
        relative = self.by_base.get(_base_of(full_url))
        return {**relative, **self.by_full_url} if relative else self.by_full_url

    def in_url(self, url: str) -> str:
        """The URL of an entry's request with its temporary id replaced: `Invoice/urn:uuid:.../$issue`."""

        def replaced(match: re.Match[str]) -> str:
            actual = self.by_full_url.get(match[2])
            is_of_type = actual is not None and match[1] in {None, actual.partition("/")[0]}
            return actual if actual is not None and is_of_type else match[0]

        return _TEMPORARY_IN_URL.sub(replaced, url, count=1)


def temporary_ids(given: list[dict[str, Any]], base_url: str) -> TemporaryIds:
    """Choose an id for each entry that creates, and note what every fullUrl stands for."""
    ids = TemporaryIds()
    for index, entry in enumerate(given):
        asked, full_url = entry.get("request", {}), entry.get("fullUrl", "")
        method, path = asked.get("method"), asked.get("url", "").partition("?")[0]
        if method == "POST" and path.isalpha():
            ids.assigned[index] = new_id()
            actual = f"{path}/{ids.assigned[index]}"
        elif method == "PUT" and path.isalpha():
            # A conditional update: the id that it has if nothing matches.
            ids.assigned[index] = _own_id(entry) or new_id()
            actual = f"{path}/{ids.assigned[index]}"
        elif method in {"PUT", "PATCH"} and _RESTFUL(path):
            actual = path
        else:
            continue
        if not full_url or full_url == f"{base_url}/{actual}":
            continue
        if ids.by_full_url.setdefault(full_url, actual) != actual:
            place = f"Bundle.entry[{index}].fullUrl"
            raise invalid("full-url-repeated", "Another entry has this fullUrl; give each its own.", place, "duplicate")
        restful = _RESTFUL(full_url)
        if restful is not None and restful[1]:
            ids.by_base.setdefault(restful[1], {})[restful[2]] = actual
    return ids


def _own_id(entry: dict[str, Any]) -> str:
    given = entry.get("resource", {}).get("id")
    return given if isinstance(given, str) and _is_id(given) else ""


def _base_of(full_url: str) -> str:
    restful = _RESTFUL(full_url)
    return restful[1] or "" if restful else ""
