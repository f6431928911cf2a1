"""The declarations of repeating values that index rows own: identifiers, codings, references in arrays, profiles.

A path such as `performer[].function.coding[]` leads to the items; an `IndexRow` remembers the position on each array.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal, Protocol

from ledger.resource import IndexRow
from mappers.reading import Reading
from mappers.references import put_segment, take_segment
from mappers.residue import Element, drop_empty_end, move_behind

IndexKind = Literal["token", "reference", "uri", "string", "text"]
Rows = list[IndexRow]
Position = tuple[int, ...]


class IndexLeaf(Protocol):
    """What index rows of one parameter own, wherever it lies in the resource."""

    kind: ClassVar[IndexKind]

    @property
    def parameter(self) -> str: ...
    @property
    def paths(self) -> tuple[str, ...]: ...
    @property
    def key(self) -> str:
        """The top-level element under which it lies."""
        ...

    def take(self, document: Element, rows: Rows, reading: Reading) -> None: ...
    def put(self, document: Element, row: IndexRow) -> bool:
        """Put the row's values back; true where this left a place before it empty."""
        ...


class _Items(ABC):
    """Values inside the items of arrays."""

    __slots__ = ("_steps", "key", "parameter", "paths")

    kind: ClassVar[IndexKind]

    def __init__(self, parameter: str, path: str, *owned: str) -> None:
        self.parameter = parameter
        self._steps = tuple((step.removesuffix("[]"), step.endswith("[]")) for step in path.split("."))
        self.key = self._steps[0][0]
        self.paths = tuple(f"{path}.{name}" for name in owned)

    def take(self, document: Element, rows: Rows, reading: Reading) -> None:
        if self.key in document:
            self._walk(document, 0, (), rows, reading)

    def _walk(self, element: Element, depth: int, position: Position, rows: Rows, reading: Reading) -> None:
        if depth == len(self._steps):
            self._take_item(element, position, rows, reading)
            return
        key, repeats = self._steps[depth]
        child = element.get(key)
        if child is None:
            return
        if repeats:
            for index, item in enumerate(child):
                self._walk(item, depth + 1, (*position, index), rows, reading)
            drop_empty_end(child)
        else:
            self._walk(child, depth + 1, position, rows, reading)
        if not child:
            del element[key]

    def put(self, document: Element, row: IndexRow) -> bool:
        left_empty, element = self._reach(document, row.position)
        remained = list(element) if element else ()
        self._put_item(element, row)
        move_behind(element, remained)
        return left_empty

    def _reach(self, document: Element, position: Position) -> tuple[bool, Element]:
        """The element at the position, made where it is not there; and whether that left a place before it empty."""
        left_empty = False
        element: Any = document
        positions = iter(position)
        for key, repeats in self._steps:
            if repeats:
                items = element.setdefault(key, [])
                at = next(positions)
                if at >= len(items):
                    left_empty |= _make_room(items, at)
                element = items[at]
            else:
                element = element.setdefault(key, {})
        return left_empty, element

    @abstractmethod
    def _take_item(self, item: Element, position: Position, rows: Rows, reading: Reading) -> None: ...

    @abstractmethod
    def _put_item(self, item: Element, row: IndexRow) -> None: ...


class Tokens(_Items):
    """`system` and `value` of identifiers, or `system` and `code` of codings."""

    __slots__ = ("_value_key",)

    kind: ClassVar[IndexKind] = "token"

    def __init__(self, parameter: str, path: str, value_key: Literal["value", "code"]) -> None:
        super().__init__(parameter, path, "system", value_key)
        self._value_key = value_key

    def _take_item(self, item: Element, position: Position, rows: Rows, reading: Reading) -> None:  # noqa: ARG002
        system, value = item.pop("system", None), item.pop(self._value_key, None)
        if system is not None or value is not None:
            rows.append(IndexRow(self.parameter, position, system, value))

    def _put_item(self, item: Element, row: IndexRow) -> None:
        if row.system is not None:
            item["system"] = row.system
        if row.value is not None:
            item[self._value_key] = row.value


class References(_Items):
    """The `.reference` of References (see `mappers.references`)."""

    __slots__ = ()

    kind: ClassVar[IndexKind] = "reference"

    def __init__(self, parameter: str, path: str) -> None:
        super().__init__(parameter, path, "reference")

    def _take_item(self, item: Element, position: Position, rows: Rows, reading: Reading) -> None:
        segment = take_segment(item, reading.base)
        if segment is not None:
            rows.append(IndexRow(self.parameter, position, None, segment))

    def _put_item(self, item: Element, row: IndexRow) -> None:
        put_segment(item, row.value)


class Texts(_Items):
    """What is said in words beside a code: `text` of a CodeableConcept and `display` of its codings.

    The text stands at the position of the concept, a display behind it at that of its coding.
    """

    __slots__ = ("_depth",)

    kind: ClassVar[IndexKind] = "text"

    def __init__(self, parameter: str, path: str) -> None:
        super().__init__(parameter, path, "text", "coding[].display")
        self._depth = path.count("[]")

    def _take_item(self, item: Element, position: Position, rows: Rows, reading: Reading) -> None:  # noqa: ARG002
        text = item.pop("text", None)
        if text is not None:
            rows.append(IndexRow(self.parameter, position, None, None, text))
        codings = item.get("coding", ())
        for index, coding in enumerate(codings):
            display = coding.pop("display", None)
            if display is not None:
                rows.append(IndexRow(self.parameter, (*position, index), None, None, display))
        if codings:
            drop_empty_end(codings)
            if not codings:
                del item["coding"]

    def put(self, document: Element, row: IndexRow) -> bool:
        # A coding says its system and code before its display, and a concept its codings before its text.
        left_empty, concept = self._reach(document, row.position[: self._depth])
        if len(row.position) == self._depth:
            concept["text"] = row.text
            return left_empty
        codings = concept.setdefault("coding", [])
        left_empty |= _make_room(codings, row.position[-1])
        codings[row.position[-1]]["display"] = row.text
        if "text" in concept:
            move_behind(concept, ["text"])
        return left_empty

    def _put_item(self, item: Element, row: IndexRow) -> None:
        raise AssertionError(f"{row} is put back into {item} by its position")


class Displays(_Items):
    """The `display` of codings that stand by themselves."""

    __slots__ = ()

    kind: ClassVar[IndexKind] = "text"

    def __init__(self, parameter: str, path: str) -> None:
        super().__init__(parameter, path, "display")

    def _take_item(self, item: Element, position: Position, rows: Rows, reading: Reading) -> None:  # noqa: ARG002
        display = item.pop("display", None)
        if display is not None:
            rows.append(IndexRow(self.parameter, position, None, None, display))

    def _put_item(self, item: Element, row: IndexRow) -> None:
        item["display"] = row.text


class Profiles:
    """`meta.profile`: an array of primitives, in which a null holds the place of one that has only an extension."""

    __slots__ = ("key", "parameter", "paths")

    kind: ClassVar[IndexKind] = "uri"

    def __init__(self, parameter: str) -> None:
        self.parameter, self.key, self.paths = parameter, "meta", ("meta.profile[]",)

    def take(self, document: Element, rows: Rows, reading: Reading) -> None:  # noqa: ARG002
        meta = document.get("meta")
        profiles = meta.get("profile") if meta is not None else None
        if meta is None or profiles is None:
            return
        rows.extend(
            IndexRow(self.parameter, (position,), None, profile)
            for position, profile in enumerate(profiles)
            if profile is not None
        )
        if None in profiles:
            meta["profile"] = [None if profile is None else {} for profile in profiles]
        else:
            del meta["profile"]
        if not meta:
            del document["meta"]

    def put(self, document: Element, row: IndexRow) -> bool:
        profiles = document.setdefault("meta", {}).setdefault("profile", [])
        (position,) = row.position
        left_empty = _make_room(profiles, position)
        profiles[position] = row.value
        return left_empty


class ExtensionStrings:
    """The `valueString` of an extension that may repeat on a primitive: `_criteria.extension[]`.

    The rest of each stays where it was and keeps its place.
    """

    __slots__ = ("_url", "key", "parameter", "paths")

    kind: ClassVar[IndexKind] = "string"

    def __init__(self, parameter: str, key: str, url: str) -> None:
        self.parameter, self.key, self._url = parameter, key, url
        self.paths = (f"{key}.extension({url}).valueString",)

    def take(self, document: Element, rows: Rows, reading: Reading) -> None:  # noqa: ARG002
        for position, extension in enumerate(document.get(self.key, {}).get("extension", ())):
            if extension.get("url") == self._url and "valueString" in extension:
                rows.append(IndexRow(self.parameter, (position,), None, extension.pop("valueString")))

    def put(self, document: Element, row: IndexRow) -> bool:
        extensions = document.setdefault(self.key, {}).setdefault("extension", [])
        (position,) = row.position
        left_empty = False
        if position >= len(extensions):
            left_empty = _make_room(extensions, position)
        extensions[position] = {"url": self._url, **extensions[position], "valueString": row.value}
        return left_empty


def _make_room(items: list[Any], position: int) -> bool:
    """Make the array long enough; true where places before the last stay empty."""
    missing = position + 1 - len(items)
    items.extend({} for _ in range(missing))
    return missing > 1
