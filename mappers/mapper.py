"""One mapper per resource type: FHIR JSON to the record that the ledger keeps and back, by one declaration.

`parse` takes what columns and index rows own out of a document; what remains is the residue. `render` puts it back. The
two are lossless: a parsed document renders to the same JSON, but for `id`, `meta.versionId` and `meta.lastUpdated`,
which the record has from elsewhere, and for the zeros of amounts that the server owns.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import MISSING, fields
from datetime import UTC, datetime
from functools import cache, lru_cache
from operator import attrgetter
from types import SimpleNamespace
from typing import Any, Generic, NamedTuple, TypeVar

from ledger.resource import IndexRow, Resource
from mappers import resource
from mappers.index_rows import IndexKind, IndexLeaf
from mappers.leaves import Leaf, Required, Values, fields_of, paths_of
from mappers.r4.definitions import definitions, json_names
from mappers.r4.json_text import copied, encode
from mappers.reading import Reading
from mappers.residue import Element, decode_residue, encode_residue, holds_places, without_places
from storage.search_parameters import SearchParameter

R = TypeVar("R", bound=Resource)


class Mapper(Generic[R]):
    """FHIR JSON to and from the record of one resource type, and the search parameters that its columns serve.

    `owned_paths` are the paths that the residue never holds; `index_parameters` are the parameters of its index rows.
    """

    def __init__(
        self,
        record_class: type[R],
        *,
        leaves: Iterable[Leaf],
        index: Iterable[IndexLeaf],
        search_parameters: Iterable[SearchParameter],
    ) -> None:
        self.record_class = record_class
        self.resource_type = record_class.__name__
        self.search_parameters = (*resource.SEARCH_PARAMETERS, *search_parameters)
        self._leaves = (*resource.LEAVES, *leaves)
        self._to_take = [(_key_of(leaf), leaf) for leaf in self._leaves]
        self._to_put = _to_put(self._leaves, record_class)
        # In the order in which the database sorts the rows: a record that was read is equal to one that was parsed.
        self._index = {leaf.parameter: leaf for leaf in sorted((*resource.INDEX, *index), key=_parameter)}
        self._index_by_key: dict[str, list[IndexLeaf]] = {}
        for leaf in self._index.values():
            self._index_by_key.setdefault(leaf.key, []).append(leaf)
        # Where places may be held open. Children have a residue of their own, and look after it themselves.
        firsts = {path.split("[0]")[0] for path in paths_of(self._leaves) if "[]" not in path and "[0]" in path}
        self._repeating_keys = {leaf.key for leaf in self._index.values()} | firsts

    @property
    def index_parameters(self) -> dict[str, IndexKind]:
        return {parameter: leaf.kind for parameter, leaf in self._index.items()}

    @property
    def owned_fields(self) -> tuple[str, ...]:
        return fields_of(self._leaves)

    @property
    def owned_paths(self) -> tuple[str, ...]:
        return (*paths_of(self._leaves), *(path for leaf in self._index.values() for path in leaf.paths))

    def parse(self, document: Element, *, id: str, base_url: str) -> R:  # noqa: A002 - it is FHIR's word
        """The record of a valid resource. The document stays as it is: a copy is taken apart.

        Refused with all problems at once where an amount does not fit its currency or an extension of ours is misused.
        """
        return self.take_apart(copied(document), id=id, base_url=base_url)

    def take_apart(self, document: Element, *, id: str, base_url: str) -> R:  # noqa: A002 - it is FHIR's word
        """As `parse`, of a document that nobody needs any more: what remains of it is the residue."""
        reading = Reading(base_url)
        values: Values = {}
        rows: list[IndexRow] = []
        document.pop("resourceType", None)
        document.pop("id", None)
        _take_version(document)
        for key, leaf in self._to_take:
            if key in document or isinstance(leaf, Required):
                leaf.take(document, values, reading)
        for key, index_leaves in self._index_by_key.items():
            if key in document:
                for index_leaf in index_leaves:
                    index_leaf.take(document, rows, reading)
        rows.sort(key=_parameter)
        if reading.problems:
            reading.place(0, self.resource_type)
            reading.raise_problems()
        return self.record_class(id=id, index=tuple(rows), residue=encode_residue(document), **values)

    def render(self, record: R) -> bytes:
        return encode(self.render_document(record))

    def render_document(self, record: R) -> Element:
        """The resource as JSON values, its elements in the order of the specification."""
        residue = record.residue
        document = decode_residue(residue)
        places_held = holds_places(residue)
        for leaf, key, values_of, absent in self._to_put:
            # Most of what a resource may have is not there: nothing is put, and nothing of it is in the residue.
            if places_held or values_of(record) != absent or key in document:
                leaf.put(document, record)
        for row in record.index:
            places_held |= self._index[row.parameter].put(document, row)
        if places_held:
            self._drop_places(document)
        _put_version(document, record)
        document["resourceType"], document["id"] = self.resource_type, record.id
        return {key: document[key] for key in sorted(document, key=_ranks(self.resource_type).__getitem__)}

    def without_columns(self, record: R, key: str) -> Any:
        """What of an element is in no typed column: residue and index rows, places held open left as they are, or None.

        It is asked of each charge of a Bundle, so no other element is put together.
        """
        document = decode_residue(record.residue)
        for row in record.index:
            leaf = self._index[row.parameter]
            if leaf.key == key:
                leaf.put(document, row)
        return document.get(key)

    def _drop_places(self, document: Element) -> None:
        for key in self._repeating_keys & document.keys():
            document[key] = without_places(document[key])
            if not document[key]:
                del document[key]

    def next_position(self, record: R, parameter: str) -> int:
        """Where a further value stands of a parameter whose path is one array (`identifier`): behind all there are."""
        key = self._index[parameter].key
        taken = [row.position[0] + 1 for row in record.indexed(parameter)]
        return max(len(decode_residue(record.residue).get(key, ())), *taken, 0)


def _take_version(document: Element) -> None:
    meta = document.get("meta")
    if meta is not None:
        meta.pop("versionId", None)
        meta.pop("lastUpdated", None)
        if not meta:
            del document["meta"]


def _put_version(document: Element, record: Resource) -> None:
    meta: Element = {}
    if record.version:
        meta["versionId"] = str(record.version)
    if record.last_updated is not None:
        meta["lastUpdated"] = instant(record.last_updated)
    if meta:
        document["meta"] = meta | document.get("meta", {})


_WITHOUT_ZONE = -len("+00:00")


@lru_cache(maxsize=1024)
def instant(moment: datetime) -> str:
    """A moment as `meta.lastUpdated` has it: to the microsecond, in UTC. It is asked for again by who answers."""
    return f"{moment.astimezone(UTC).isoformat(timespec='microseconds')[:_WITHOUT_ZONE]}Z"


def _parameter(leaf: IndexLeaf | IndexRow) -> str:
    return leaf.parameter


class _Put(NamedTuple):
    """A declaration, the element that it is about, and how to tell that a record has nothing for it."""

    leaf: Leaf
    key: str
    values_of: Callable[[Any], Any]
    absent: Any


def _to_put(leaves: Iterable[Leaf], record_class: type[Resource]) -> tuple[_Put, ...]:
    defaults = SimpleNamespace(
        **{
            # What has no default is always there.
            each.name: each.default_factory() if each.default_factory is not MISSING else each.default
            for each in fields(record_class)
        }
    )
    return tuple(
        _Put(leaf, _key_of(leaf), values_of, values_of(defaults))
        for leaf in leaves
        for values_of in [attrgetter(*leaf.fields)]
    )


def _key_of(leaf: Leaf) -> str:
    """The element that a declaration is about: `extension` for `extension(http://...).valueDate`."""
    (key,) = {re.split(r"\W", path, maxsplit=1)[0] for path in leaf.paths}
    return key


@cache
def _ranks(resource_type: str) -> dict[str, int]:
    """The place of each JSON name in the order of the specification; `_status` stands behind `status`."""
    elements = definitions().types[resource_type].elements
    names = ["resourceType", *(json for name, element in elements.items() for json in json_names(name, element))]
    return {name: rank for rank, name in enumerate(each for json in names for each in (json, f"_{json}"))}
