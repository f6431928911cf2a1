"""The part of FHIRPath that leads to elements: names, indexers and a few functions. All else is refused.

https://hl7.org/fhirpath/N1/. `Account.identifier.where(system = 'http://his').value`, `Account.coverage[0].priority`,
`first()`, `last()`, `single()`, `extension('url')`, `ofType(Period)`. In `where` paths are compared with literals by
`=`, several with `and`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from mappers.r4.element_tree import Element

LENGTH_MAX = 1000

_TOKEN = re.compile(
    r"\s*(?:(?P<name>[A-Za-z_][A-Za-z0-9_]*)|`(?P<delimited>[^`\\]+)`|'(?P<text>(?:[^'\\]|\\.)*)'"
    r"|@(?P<date>[0-9T:.+Z-]+)|(?P<number>-?[0-9]+(?:\.[0-9]+)?)|(?P<mark>[.\[\]()=]))"
)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)")
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "f": "\f"}


class PathError(Exception):
    """The text is no path of this kind; the message says why."""


@dataclass(frozen=True, slots=True)
class Found:
    """An element and where it stands; the root stands nowhere."""

    element: Element
    parent: Element | None = None
    name: str = ""


Step = Callable[[list[Found]], list[Found]]


@dataclass(frozen=True, slots=True)
class Path:
    """Steps from the root of a resource. `last_name` is the name that the path ends with, if it does."""

    steps: tuple[Step, ...]
    last_name: str = ""

    def find(self, root: Element) -> list[Found]:
        return _walk(self.steps, [Found(root)])

    def find_parents(self, root: Element) -> list[Found]:
        """What the last name is a child of."""
        return _walk(self.steps[:-1], [Found(root)])


def parse_path(text: str, resource_type: str) -> Path:
    """The path that a text says of a resource of this type."""
    if len(text) > LENGTH_MAX:
        raise PathError(f"a path has at most {LENGTH_MAX} characters")
    parser = _Parser(text)
    path = parser.path({resource_type, "Resource", "DomainResource"})
    parser.expect_end()
    return path


def _walk(steps: Sequence[Step], found: list[Found]) -> list[Found]:
    for step in steps:
        found = step(found)
    return found


def child(name: str) -> Step:
    return lambda found: [
        Found(item, each.element, name) for each in found for item in each.element.children.get(name, ())
    ]


def _index(position: int) -> Step:
    return lambda found: found[position : position + 1]


def _of_type(type_name: str) -> Step:
    return lambda found: [each for each in found if each.element.type_name == type_name]


def _extension(url: str) -> Step:
    def extensions(found: list[Found]) -> list[Found]:
        every = child("extension")(found)
        return [each for each in every if any(item.value == url for item in each.element.children.get("url", ()))]

    return extensions


def _where(conditions: Sequence[tuple[Path, Any]]) -> Step:
    def holds(each: Found) -> bool:
        return all(
            [_is_same(found.element.value, literal) for found in _walk(path.steps, [each])] == [True]
            for path, literal in conditions
        )

    return lambda found: [each for each in found if holds(each)]


def _is_same(value: Any, literal: Any) -> bool:
    is_boolean = isinstance(value, bool) or isinstance(literal, bool)
    return value is literal if is_boolean else bool(value == literal)


_PLAIN_FUNCTIONS: dict[str, Step] = {
    "first": lambda found: found[:1],
    "last": lambda found: found[-1:],
    "single": lambda found: found,
}


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        at = 0
        text = text.rstrip()
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None or match.lastgroup is None:
                raise PathError(f"it cannot be read from character {at + 1} on")
            self._tokens.append((match.lastgroup, match[match.lastgroup]))
            at = match.end()
        self._tokens.append(("end", ""))

    def path(self, roots: set[str]) -> Path:
        """A path; the first name may be one of `roots`, which stand for where it begins."""
        steps: list[Step] = []
        name = ""
        kind, text = self._take("name", "delimited")
        if not (kind == "name" and text in roots and not self._is_next("(")):
            name = self._add(steps, kind, text)
        while True:
            if self._skip("."):
                name = self._add(steps, *self._take("name", "delimited"))
            elif self._skip("["):
                steps.append(_index(int(self._whole_number())))
                name = ""
                self._expect("]")
            else:
                return Path(tuple(steps), name)

    def _add(self, steps: list[Step], kind: str, text: str) -> str:
        """Add the step of a name or a function; the name, if it is one."""
        if kind == "name" and self._skip("("):
            steps.append(self._function(text))
            self._expect(")")
            return ""
        steps.append(child(text))
        return text

    def _function(self, name: str) -> Step:
        match name:
            case "where":
                return _where(self._conditions())
            case "extension":
                return _extension(_unescaped(self._take("text")[1]))
            case "ofType":
                return _of_type(self._take("name", "delimited")[1])
            case _ if name in _PLAIN_FUNCTIONS:
                return _PLAIN_FUNCTIONS[name]
            case _:
                raise PathError(f"the function {name}() is not supported here")

    def _conditions(self) -> list[tuple[Path, Any]]:
        conditions = []
        while True:
            path = self.path({"$this"})
            self._expect("=")
            conditions.append((path, self._literal()))
            if self._tokens[0] != ("name", "and"):
                return conditions
            self._tokens.pop(0)

    def _literal(self) -> Any:
        kind, text = self._take("text", "number", "date", "name")
        match kind:
            case "text":
                return _unescaped(text)
            case "number":
                return Decimal(text)
            case "date":
                return text
            case _ if text in {"true", "false"}:
                return text == "true"
            case _:
                raise PathError("in where() a path is compared with a literal")

    def _whole_number(self) -> str:
        text = self._take("number")[1]
        if not text.isdigit() or len(text) > 6:
            raise PathError("an index is a whole number")
        return text

    def expect_end(self) -> None:
        if self._tokens[0][0] != "end":
            raise PathError(f"'{self._tokens[0][1]}' is not supported here")

    def _take(self, *kinds: str) -> tuple[str, str]:
        if self._tokens[0][0] not in kinds:
            raise PathError(f"a {' or '.join(kinds)} is missing after what can be read")
        return self._tokens.pop(0)

    def _expect(self, mark: str) -> None:
        if not self._skip(mark):
            raise PathError(f"'{mark}' is missing, or what stands there is not supported here")

    def _skip(self, mark: str) -> bool:
        if not self._is_next(mark):
            return False
        self._tokens.pop(0)
        return True

    def _is_next(self, mark: str) -> bool:
        return self._tokens[0] == ("mark", mark)


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(
        lambda match: chr(int(match[1][1:], 16)) if len(match[1]) == 5 else _ESCAPED.get(match[1], match[1]), text
    )
