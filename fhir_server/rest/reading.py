"""From a body and a query to the documents that a route declares, or to everything that is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import ValidationError

from fhir_server.rest.documents import Document
from ledger.errors import Category, Problem, Refusal, invalid
from mappers.r4.json_text import encode

_CODES = {"extra_forbidden": "unknown-element", "missing": "missing-element", "unknown_currency": "unknown-currency"}
_SENTENCES = {
    "extra_forbidden": "There is no such member here; leave it out.",
    "missing": "This member is required.",
}


def read_document(document: dict[str, Any], model: type[Document]) -> Document:
    """A body as its route declares it. Places are JSON pointers (RFC 6901) into it."""
    try:
        # As JSON once more, so that a number with a point cannot pass for an integer.
        return model.model_validate_json(encode(document))
    except ValidationError as error:
        raise Refusal(_body_problem(item) for item in error.errors(include_url=False)) from None


def read_query(query: Sequence[tuple[str, str]], model: type[Document]) -> Document:
    """A query as its route declares it; each parameter is there once at most."""
    values = dict(query)
    if len(values) < len(query):
        raise invalid("parameter-repeated", "A parameter is there more than once; send it once.")
    if any(_is_control(character) for value in values.values() for character in value):
        raise invalid("parameter-invalid", "A parameter holds a control character.")
    try:
        return model.model_validate_strings(values)
    except ValidationError as error:
        raise Refusal(_query_problem(item, model) for item in error.errors(include_url=False)) from None


def _is_control(character: str) -> bool:
    return character < " " or character == "\x7f"


def _body_problem(error: Any) -> Problem:
    kind: str = error["type"]
    code = _CODES.get(kind) or ("wrong-json-type" if kind.endswith("_type") else "value-invalid")
    return Problem(Category.INVALID, code, _sentence(error), _pointer(error["loc"]))


def _query_problem(error: Any, model: type[Document]) -> Problem:
    name = str(error["loc"][0]) if error["loc"] else ""
    if error["type"] == "extra_forbidden":
        known = ", ".join(model.model_fields) or "none"
        return Problem(
            Category.INVALID, "parameter-unknown", f"There is no parameter {name[:40]}. Known here: {known}.", ""
        )
    return Problem(Category.INVALID, "parameter-invalid", f"The parameter {name}: {_sentence(error)}", "")


def _sentence(error: Any) -> str:
    text: str = _SENTENCES.get(error["type"]) or error["msg"].removeprefix("Value error, ")
    return text if text.endswith(".") else f"{text}."


def _pointer(place: Iterable[int | str]) -> str:
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in place)
