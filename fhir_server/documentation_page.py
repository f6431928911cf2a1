"""`/docs`: the OpenAPI document as one page for people, without a script, a style sheet or a font of another host."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cache
from html import escape
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem; }
summary { cursor: pointer; padding: .15rem 0; }
code { font: 13px ui-monospace, monospace; }
.method { display: inline-block; width: 4.5rem; font-weight: 600; }
table { border-collapse: collapse; margin: .5rem 0 1rem 4.5rem; }
td { border-top: 1px solid #ccc; padding: .2rem .8rem .2rem 0; vertical-align: top; }
"""
_HEADERS = {"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"}


def documentation_page(document: Callable[[], dict[str, Any]]) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint. The page is made when the first one asks."""

    @cache
    def content() -> str:
        return page_of(document())

    async def answer(_: Request) -> Response:
        return Response(content(), media_type="text/html", headers=_HEADERS)

    return answer


def page_of(document: dict[str, Any]) -> str:
    info = document["info"]
    by_tag: dict[str, list[str]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            by_tag.setdefault(operation["tags"][0], []).append(_operation(path, method, operation))
    sections = "".join(f"<h2>{escape(tag)}</h2>\n{''.join(items)}" for tag, items in by_tag.items())
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(info["title"])}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{escape(info['title'])} {escape(info['version'])}</h1>"
        f"<p>{escape(info['description'])}</p>"
        '<p>For machines: <a href="/openapi.json">openapi.json</a>,'
        f' <a href="/fhir/metadata">the CapabilityStatement</a>.</p>{sections}</body></html>'
    )


def _operation(path: str, method: str, operation: dict[str, Any]) -> str:
    rows = "".join(map(_parameter, operation.get("parameters", [])))
    said = escape(operation.get("description", ""))
    statuses = ", ".join(sorted(operation["responses"]))
    bodies = ", ".join(operation.get("requestBody", {}).get("content", {}))
    return (
        f'<details><summary><span class="method">{method.upper()}</span> <code>{escape(path)}</code>'
        f" {escape(operation.get('summary', ''))}</summary><p>{said}</p><table>{rows}"
        f"{_row('body', bodies, '') if bodies else ''}{_row('answers', statuses, '')}</table></details>\n"
    )


def _parameter(parameter: dict[str, Any]) -> str:
    needed = ", required" if parameter.get("required") else ""
    return _row(parameter["name"], f"{parameter['in']}{needed}", parameter.get("description", ""))


def _row(*cells: str) -> str:
    first, *others = map(escape, cells)
    return f"<tr><td><code>{first}</code></td>{''.join(f'<td>{each}</td>' for each in others)}</tr>"
