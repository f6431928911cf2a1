"""The OpenAPI document shows, for every operation, what is sent and what is answered, as its schemas have it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema_rs
import pytest

from tests.integration.rest_client import BASE
from tests.integration.serving import Json, Server, body


@pytest.fixture
async def document(server: Server) -> Json:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(server.app), base_url=BASE) as http:
        return body(await http.get("openapi.json"))


def contents(document: Json) -> Iterator[tuple[str, Json]]:
    """(where, media type object) of each body that is sent or answered."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            answers = {f"answer {status}": answer for status, answer in operation["responses"].items()}
            for name, described in {"body": operation.get("requestBody", {}), **answers}.items():
                for media_type, content in described.get("content", {}).items():
                    yield f"{method.upper()} {path} {name} {media_type}", content


async def test_every_body_and_every_answer_has_an_example_that_its_schema_accepts(document: Json) -> None:
    wrong: dict[str, Any] = {}
    for where, content in contents(document):
        schema = {**content["schema"], "components": document["components"]}
        example = content.get("example")
        if example is None or not jsonschema_rs.validator_for(schema).is_valid(example):
            wrong[where] = example
    assert wrong == {}


async def test_examples_show_something(document: Json) -> None:
    assert [where for where, content in contents(document) if not content["example"]] == []
