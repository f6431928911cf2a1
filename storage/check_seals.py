"""Sealed blocks against the outbox, read for `./run check`. $2: the type that their outbox rows have."""

from __future__ import annotations

from storage.check_snapshot import LIMIT, sql

# number
NOT_ANNOUNCED = sql(
    "SELECT b.number FROM billing.journal_block AS b WHERE b.tenant_id = $1 AND NOT EXISTS ("
    "SELECT FROM billing.outbox AS o WHERE o.tenant_id = b.tenant_id AND o.resource_type = $2 AND o.version = b.number"
    f" AND o.recorded_at = b.sealed_at) ORDER BY 1{LIMIT}"
)
# number
ANNOUNCED_AND_GONE = sql(
    "SELECT o.version FROM billing.outbox AS o WHERE o.tenant_id = $1 AND o.resource_type = $2 AND NOT EXISTS ("
    "SELECT FROM billing.journal_block AS b WHERE b.tenant_id = o.tenant_id AND b.number = o.version)"
    f" ORDER BY 1{LIMIT}"
)
