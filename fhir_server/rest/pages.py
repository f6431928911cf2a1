"""Pages of a list, by keyset: what does not change while a client pages appears exactly once.

The cursor is opaque, signed, and bound to the tenant, the route and its other parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from fhir_server.interactions.search_cursor import Cursor
from fhir_server.rest.documents import PageFilter
from fhir_server.rest.request import RestRequest
from ledger.errors import invalid
from storage.search import Anchor

Item = TypeVar("Item")

_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def size_of(request: RestRequest) -> int:
    """How many items the page has; ask storage for one more, and it shows whether there is a next page."""
    wanted = request.asked(PageFilter).limit
    if wanted is not None and wanted > request.page_sizes.max:
        raise invalid("parameter-invalid", f"The parameter limit: a page has at most {request.page_sizes.max} items.")
    return wanted or request.page_sizes.default


def anchor_of(request: RestRequest) -> str | None:
    """The id that the page comes after; None for the first page."""
    cursor = cursor_of(request)
    return None if cursor is None else cursor.anchor.id


def page_of(request: RestRequest, items: Sequence[Item], ids: Sequence[str]) -> tuple[list[Item], str | None]:
    """The items of the page and the cursor of the next, from up to one item more than `size_of`; `ids` are theirs."""
    size = size_of(request)
    if len(items) <= size:
        return list(items), None
    return list(items[:size]), next_of(request, (), ids[size - 1], _NEVER)


def cursor_of(request: RestRequest) -> Cursor | None:
    """The cursor that was sent, with all that `next_of` put into it; None for the first page."""
    cursor = request.asked(PageFilter).cursor
    return None if cursor is None else request.cursors.read(_scope(request), cursor)


def next_of(request: RestRequest, values: tuple[str | None, ...], id_: str, asked_at: datetime) -> str:
    """The cursor of the page behind an item; `values` and `asked_at` are whatever that page has to know."""
    return request.cursors.write(_scope(request), Cursor(Anchor(values, id_), backward=False, asked_at=asked_at))


def _scope(request: RestRequest) -> str:
    asked: dict[str, Any] = request.filter.model_dump(mode="json", exclude={"limit", "cursor"}, exclude_none=True)
    return "\n".join(
        [request.tenant.id, request.operation, request.url, *(f"{key}={asked[key]}" for key in sorted(asked))]
    )
