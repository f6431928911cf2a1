"""The events of subscriptions, read for `./run check`."""

from __future__ import annotations

from storage.check_snapshot import LIMIT, sql

# id, last number, how many are kept, from, to: a gap, or events that are gone before they were taken
NUMBERS_BROKEN = sql(
    "SELECT s.id, s.last_number, count(e.number), min(e.number), max(e.number) FROM billing.subscription_state AS s"
    " LEFT JOIN billing.subscription_event AS e ON e.tenant_id = s.tenant_id AND e.subscription_id = s.id"
    " WHERE s.tenant_id = $1 GROUP BY s.id, s.last_number, s.sent_number, s.status"
    " HAVING (count(e.number) > 0 AND (max(e.number) <> s.last_number"
    " OR count(e.number) <> max(e.number) - min(e.number) + 1))"
    " OR (s.status <> 'off' AND s.last_number > s.sent_number"
    " AND (min(e.number) IS NULL OR min(e.number) > s.sent_number + 1))"
    f" ORDER BY 1{LIMIT}"
)
# id, number, version: an event of a version that is not there, or was made at another moment
EVENT_WRONG = sql(
    "SELECT e.subscription_id, e.number, e.resource_type || '/' || e.resource_id || '/_history/' || e.version"
    " FROM billing.subscription_event AS e WHERE e.tenant_id = $1"
    " AND NOT EXISTS (SELECT FROM billing.resource_versions AS v WHERE v.tenant_id = e.tenant_id"
    " AND v.resource_type = e.resource_type AND v.id = e.resource_id AND v.version = e.version"
    f" AND v.last_updated = e.recorded_at) ORDER BY 1, 2{LIMIT}"
)
