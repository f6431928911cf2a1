"""What payments through a gateway must come to, read for `./run check`."""

from __future__ import annotations

from storage.check_snapshot import LIMIT, sql

# Id, status, currency and amount; currency and amount of the payment of that id. One that was reversed since is there
# all the same.
PAYMENT_WRONG = sql(
    "SELECT g.id, g.status, g.currency, g.amount_minor, p.payment_amount_currency, p.payment_amount_minor"
    " FROM billing.gateway_payment AS g"
    " LEFT JOIN billing.payment_reconciliation AS p ON p.tenant_id = g.tenant_id AND p.id = g.id"
    " WHERE g.tenant_id = $1 AND ((g.status = 'captured') <> (p.id IS NOT NULL)"
    " OR p.id IS NOT NULL AND (p.payment_amount_currency, p.payment_amount_minor)"
    " IS DISTINCT FROM (g.currency, g.amount_minor))"
    f" ORDER BY 1{LIMIT}"
)
