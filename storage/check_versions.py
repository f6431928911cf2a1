"""The versions of resources, their outbox rows and what else names a resource, read for `./run check`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import NamedTuple

from storage import tables
from storage.check_rows import Stretch
from storage.check_snapshot import LIMIT, Snapshot, sql
from storage.pipeline import Statement
from storage.resource_rows import RESOURCE_TYPES, rows_of

# type, id, version: a version that left no outbox row; an outbox row of no version, or of another moment
OUTBOX_MISSING = sql(
    "SELECT v.resource_type, v.id, v.version FROM billing.resource_versions AS v WHERE v.tenant_id = $1"
    " AND NOT EXISTS (SELECT FROM billing.outbox AS o WHERE o.tenant_id = v.tenant_id"
    f" AND o.resource_type = v.resource_type AND o.id = v.id AND o.version = v.version) ORDER BY 1, 2, 3{LIMIT}"
)
OUTBOX_EXTRA = sql(
    "SELECT o.resource_type, o.id, o.version FROM billing.outbox AS o WHERE o.tenant_id = $1"
    # Sealed blocks and payment plans are announced too, and looked after elsewhere.
    " AND o.resource_type NOT IN ('JournalBlock', 'PaymentPlan')"
    " AND NOT EXISTS (SELECT FROM billing.resource_versions AS v WHERE v.tenant_id = o.tenant_id"
    " AND v.resource_type = o.resource_type AND v.id = o.id AND v.version = o.version"
    f" AND v.last_updated = o.recorded_at) ORDER BY 1, 2, 3{LIMIT}"
)
# type, key, id: a business key of a resource that is not there
BUSINESS_KEY_DANGLING = sql(
    "SELECT b.resource_type, b.system || '|' || b.value, b.id FROM billing.business_key AS b WHERE b.tenant_id = $1"
    + "".join(
        f" AND NOT (b.resource_type = '{resource_type}' AND EXISTS (SELECT FROM {rows_of(resource_type).table.fullname}"
        " AS r WHERE r.tenant_id = b.tenant_id AND r.id = b.id))"
        for resource_type in RESOURCE_TYPES
    )
    + f" ORDER BY 1, 2{LIMIT}"
)


_PARTS = {
    tables.account_index: ("Account", "id"),
    tables.charge_item_index: ("ChargeItem", "id"),
    tables.invoice_index: ("Invoice", "id"),
    tables.payment_reconciliation_index: ("PaymentReconciliation", "id"),
    tables.payment_notice_index: ("PaymentNotice", "id"),
    tables.subscription_index: ("Subscription", "id"),
    tables.invoice_line: ("Invoice", "invoice_id"),
    tables.invoice_price_component: ("Invoice", "invoice_id"),
    tables.invoice_payer_share: ("Invoice", "invoice_id"),
    tables.payment_detail: ("PaymentReconciliation", "payment_id"),
}

# type, id, table: rows that are part of a resource which is not there
PART_WITHOUT_RESOURCE = sql(
    "SELECT * FROM ("
    + " UNION ".join(
        f"SELECT '{resource_type}', p.{key}, '{table.name}' FROM {table.fullname} AS p WHERE p.tenant_id = $1"
        f" AND NOT EXISTS (SELECT FROM {rows_of(resource_type).table.fullname} AS r"
        f" WHERE r.tenant_id = p.tenant_id AND r.id = p.{key})"
        for table, (resource_type, key) in _PARTS.items()
    )
    + f") AS found(resource_type, id, part) ORDER BY 1, 2, 3{LIMIT}"
)


def _positions(table: str, resource_type: str, *key: str) -> str:
    return (
        f"SELECT '{resource_type}', {key[0]}, '{table}' FROM billing.{table} WHERE tenant_id = $1"
        f" GROUP BY {', '.join(key)} HAVING min(position) <> 0 OR max(position) <> count(*) - 1"
    )


_COMPONENT_WITHOUT_LINE = (
    "SELECT 'Invoice', c.invoice_id, 'invoice_price_component' FROM billing.invoice_price_component AS c"
    " WHERE c.tenant_id = $1 AND c.line_position <> -1 AND NOT EXISTS (SELECT FROM billing.invoice_line AS l"
    " WHERE l.tenant_id = c.tenant_id AND l.invoice_id = c.invoice_id AND l.position = c.line_position)"
)

# type, id, table: items of a repeating element that are not numbered 0, 1, 2 ..., or belong to a line that is not there
POSITIONS_BROKEN = sql(
    "SELECT DISTINCT * FROM ("
    + " UNION ALL ".join(
        [
            _positions("invoice_line", "Invoice", "invoice_id"),
            _positions("invoice_price_component", "Invoice", "invoice_id", "line_position"),
            _positions("invoice_payer_share", "Invoice", "invoice_id"),
            _positions("payment_detail", "PaymentReconciliation", "payment_id"),
            _COMPONENT_WITHOUT_LINE,
        ]
    )
    + f") AS found(resource_type, id, part) ORDER BY 1, 2, 3{LIMIT}"
)

# By keyset, for a cursor over all of them would sort their contents on disk.
_VERSIONS = Statement(
    "SELECT resource_type, id, version, last_updated, interaction, content, mapper_version,"
    " to_char(last_updated AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
    " FROM billing.resource_versions WHERE tenant_id = $1 AND resource_type = $2 AND (id, version) > ($3, $4::int)"
    " AND ($5::text IS NULL OR id <= $5::text) ORDER BY id, version LIMIT $6::int"
)
_VERSIONS_AT_ONCE = 500
_LAST_VERSION = 2**31 - 1

# The types of resources of which there are versions, each found by one step of the key.
_TYPES = Statement(
    "WITH RECURSIVE t AS ((SELECT resource_type FROM billing.resource_versions WHERE tenant_id = $1"
    " ORDER BY resource_type LIMIT 1) UNION ALL SELECT (SELECT n.resource_type FROM billing.resource_versions AS n"
    " WHERE n.tenant_id = $1 AND n.resource_type > t.resource_type ORDER BY n.resource_type LIMIT 1)"
    " FROM t WHERE t.resource_type IS NOT NULL) SELECT resource_type FROM t WHERE resource_type IS NOT NULL"
)

# type, id: the newest version was rendered by an older mapper than $2
_RENDERED_BEFORE = Statement(
    "SELECT n.resource_type, n.id FROM (SELECT DISTINCT ON (resource_type, id) resource_type, id, mapper_version,"
    " content FROM billing.resource_versions WHERE tenant_id = $1 ORDER BY resource_type, id, version DESC) AS n"
    " WHERE n.mapper_version < $2::smallint AND n.content IS NOT NULL ORDER BY n.resource_type, n.id"
)


class KeptVersion(NamedTuple):
    resource_type: str
    id: str
    version: int
    last_updated: datetime
    interaction: str
    content: str | None
    mapper_version: int
    instant: str
    """`last_updated` as `meta.lastUpdated` has it."""


async def types(snapshot: Snapshot, tenant_id: str) -> list[str]:
    """The types of resources that there may be, and whatever else there are versions of."""
    found = [row[0] for row in await snapshot.rows(_TYPES, tenant_id)]
    return [*RESOURCE_TYPES, *(each for each in found if each not in RESOURCE_TYPES)]


async def versions(
    snapshot: Snapshot, tenant_id: str, resource_type: str, stretch: Stretch
) -> AsyncIterator[list[KeptVersion]]:
    """Every version of every resource in a stretch of ids, in batches, those of a resource one after the other."""
    after = (stretch.after, _LAST_VERSION)
    while rows := await snapshot.rows(_VERSIONS, tenant_id, resource_type, *after, stretch.through, _VERSIONS_AT_ONCE):
        yield [KeptVersion(*row) for row in rows]
        if len(rows) < _VERSIONS_AT_ONCE:
            return
        after = (rows[-1][1], rows[-1][2])


async def rendered_before(
    snapshot: Snapshot, tenant_id: str, mapper_version: int, *, count: int
) -> AsyncIterator[list[tuple[str, str]]]:
    """(type, id) of resources whose newest version an older mapper rendered, in batches."""
    async for rows in snapshot.stream(_RENDERED_BEFORE, tenant_id, mapper_version, count=count):
        yield [(row[0], row[1]) for row in rows]
