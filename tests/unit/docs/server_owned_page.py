"""docs/fhir/server-owned.md, made from the tables that the commands go by. Run it to write the page anew:

.venv/bin/python -m tests.unit.docs.server_owned_page
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from billing.server_owned import FILLED, SERVER_OWNED
from billing.status_rules import DELETED, NEW, STATUS_RULES, StatusRule
from fhir_server.outcomes import MEANINGS

PAGE = Path(__file__).parents[3] / "docs" / "fhir" / "server-owned.md"

_HEAD = """\
# What belongs to the server

Statuses that say what happened to money follow from the ledger, and so do some elements. These tables say what a
client may send, and what becomes of it. The commands go by the same tables: `billing/status_rules.py` and
`billing/server_owned.py`.

Each row holds for the request alone and as an entry of a transaction, which is refused as a whole with any of its
entries. A PUT that creates goes by the rows of POST, where *now* is (none). A PATCH goes by the rows of PUT: it is an
update with what the patch makes of the current version. DELETE of what other resources refer to is refused with 409
`still-referenced`; of what is not there, it is fine.

`id`, `meta.versionId` and `meta.lastUpdated` are the server's: sent ones are ignored, but that the `id` of a PUT must
be the one of its URL.
"""

_STATUS = """\
## Statuses

*Now* is what the resource is, *sent* the status that the request has. A status that only the server gives (refused
with 422 `server-owned`), and that the resource had in an earlier version, is stale: the client has not seen the last
change. It is then refused with 409 `stale`: read again, and repeat the change.

`active, posted` is a PaymentReconciliation that is active with the outcome complete, partial or none: the journal has
it. `active, cleared` is an active PaymentNotice with the payment status cleared.
"""

_TABLE = "| request | now | sent | what it does | refused |\n| --- | --- | --- | --- | --- |\n"

_OWNED = """\
## Elements that only the server says

| element | says | none is sent | the current value is sent | an earlier value is sent | any other is sent |
| --- | --- | --- | --- | --- | --- |
"""

_FILLED = """\
A new resource has none of these: on POST each is refused with 422 `server-owned`. In a resource that is there, *none
is sent* keeps the current value. Legal numbers are the same: no client may send one that the invoice does not have,
and one that is left out is kept.

## Elements that the server fills in

What a client sends of these is kept as it was sent. What it leaves out is filled in:

| element | filled with |
| --- | --- |
"""

_FROZEN = """\

## What is frozen

An invoice that was issued, and a payment that is posted, keep every byte but for what the tables above call notes.
How many zeros a number is sent with makes no difference, the stored ones stay. A refusal names every element that was
to change.
"""


def page() -> str:
    return "".join(_parts())


def _parts() -> Iterator[str]:
    yield _HEAD
    yield "\n" + _STATUS
    for resource_type, rules in STATUS_RULES.items():
        yield f"\n### {resource_type}\n\n{_TABLE}"
        for rule in rules:
            yield _status_row(rule)
    yield "\n" + _OWNED
    for elements in SERVER_OWNED.values():
        for element in elements:
            yield f"| `{element.place}` | {element.meaning} | kept | kept | 409 `stale` | 422 `server-owned` |\n"
    yield "\n" + _FILLED
    for filled in FILLED.values():
        for each in filled:
            yield f"| `{each.place}` | {each.filled} |\n"
    yield _FROZEN


def _status_row(rule: StatusRule) -> str:
    request = "PUT, PATCH" if NEW not in rule.before else "POST" if rule.before == (NEW,) else "POST, PUT, PATCH"
    sent = _codes(rule.sent)
    if DELETED in rule.sent:
        request, sent = "DELETE", ""
    return f"| {request} | {_codes(rule.before)} | {sent} | {rule.effect or 'refused'} | {_refusal(rule)} |\n"


def _codes(statuses: tuple[str, ...]) -> str:
    return ", ".join(status if status == NEW else f"`{status}`" for status in statuses)


def _refusal(rule: StatusRule) -> str:
    if rule.refusal is None:
        return ""
    when = f" where {rule.refusal.when}" if rule.refusal.when else ""
    return f"{MEANINGS[rule.refusal.category].status} `{rule.refusal.code}`{when}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
