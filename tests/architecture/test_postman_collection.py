"""The Postman collection asks for everything that is served, so that nothing new is forgotten in it.

docs/how-to/add-a-request-to-the-collection.md says how a request is added.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from fhir_server.fhir_request import FhirRequest, Reading
from fhir_server.rest.route import RestRoute
from fhir_server.rest.routes import ROUTES
from fhir_server.route import Route, RouteTable
from fhir_server.routes import route_table
from tests.checkout import CHECKOUT

POSTMAN = CHECKOUT / "examples" / "postman"
COLLECTION = json.loads((POSTMAN / "billing.postman_collection.json").read_text(encoding="utf-8"))
ENVIRONMENT = json.loads((POSTMAN / "local.postman_environment.json").read_text(encoding="utf-8"))

HOW = "each needs a request: docs/how-to/add-a-request-to-the-collection.md"

# It asks for what is not served, and says how that is answered.
NOT_SERVED = "A type that is not served"

_variable = re.compile(r"\{\{(\w+)\}\}")


def requests(item: dict[str, Any] = COLLECTION) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, URL as it stands there, and the item, of each request."""
    for each in item["item"]:
        if "item" in each:
            yield from requests(each)
        else:
            url = each["request"]["url"]
            yield each["request"]["method"], url if isinstance(url, str) else url["raw"], each


def fhir_table() -> RouteTable:
    def never(request: FhirRequest) -> Reading:
        raise AssertionError("only the table is looked at")

    return route_table(never, never, never)


def path_below(base: str, url: str) -> str | None:
    """The path of a URL below a base, its variables as ids; none where it is elsewhere."""
    if not url.startswith(base):
        return None
    return _variable.sub(r"\1", url.removeprefix(base).partition("?")[0]).strip("/")


def fhir_paths() -> Iterator[tuple[str, str]]:
    for method, url, item in requests():
        path = path_below("{{baseUrl}}", url)
        if path is not None and item["name"] != NOT_SERVED:
            yield method, path


def name(route: Route) -> str:
    return f"{route.name} of {route.types[0]}" if route.types else route.name


def is_of(route: RestRoute, method: str, path: str) -> bool:
    return method == route.method and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", route.path), f"/{path}") is not None


def test_the_collection_asks_for_every_fhir_route() -> None:
    table = fhir_table()
    asked = {name(table.match(method, path).route) for method, path in fhir_paths()}
    assert sorted({name(route) for route in table.routes} - asked) == [], HOW


def test_the_collection_asks_for_every_type() -> None:
    asked = {path.partition("/")[0] for _, path in fhir_paths()}
    assert sorted(set(fhir_table().types) - asked) == []


def test_the_collection_asks_for_every_rest_route() -> None:
    below = [(method, path_below("{{restUrl}}", url)) for method, url, _ in requests()]
    asked = [(method, path) for method, path in below if path is not None]
    missing = [route.name for route in ROUTES if not any(is_of(route, *each) for each in asked)]
    assert missing == [], HOW


def test_every_request_of_the_collection_says_what_is_answered() -> None:
    silent = [
        item["name"]
        for _, _, item in requests()
        if not any("pm.test(" in line for event in item["event"] for line in event["script"]["exec"])
    ]
    assert silent == []


def test_every_variable_of_the_collection_is_declared() -> None:
    used = set(_variable.findall(json.dumps(COLLECTION)))
    declared = {each["key"] for each in (*COLLECTION["variable"], *ENVIRONMENT["values"])}
    assert sorted(used - declared) == []
