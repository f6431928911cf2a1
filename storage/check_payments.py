"""What the money of payments must come to, read for `./run check`."""

from __future__ import annotations

from collections.abc import Sequence

from storage.check_snapshot import LIMIT, Snapshot, sql
from storage.pipeline import Statement

# payment, owner, by how much more was put to invoices than the owner has of it
OVER_ALLOCATED = sql(
    "SELECT payment_id, coalesce('Account/' || account_id, payer, '?'), sum(amount_minor) FROM billing.posting"
    " WHERE tenant_id = $1 AND payment_id IS NOT NULL AND ledger_account IN (2100, 2110)"
    f" GROUP BY payment_id, ledger_account, account_id, payer HAVING sum(amount_minor) > 0 ORDER BY 1, 2{LIMIT}"
)
# payment, ledger account, what lies there: less than nothing, or something in clearing although the bank has it all
HOLDING_WRONG = sql(
    "SELECT h.payment_id, h.ledger_account, h.amount FROM (SELECT payment_id, ledger_account,"
    " sum(amount_minor) AS amount FROM billing.posting WHERE tenant_id = $1 AND payment_id IS NOT NULL"
    " AND ledger_account IN (1010, 1020, 1030) GROUP BY payment_id, ledger_account HAVING sum(amount_minor) <> 0) AS h"
    " WHERE h.amount < 0 OR (h.ledger_account = 1030 AND EXISTS (SELECT FROM billing.posting AS p"
    " JOIN billing.journal_entry AS e ON e.tenant_id = p.tenant_id AND e.entry_id = p.entry_id"
    " WHERE p.tenant_id = $1 AND p.payment_id = h.payment_id AND e.kind = $2 AND NOT EXISTS ("
    "SELECT FROM billing.journal_entry AS r WHERE r.tenant_id = e.tenant_id AND r.reverses_entry_id = e.entry_id)))"
    f" ORDER BY 1, 2{LIMIT}"
)

_ALLOCATED = sql(
    "SELECT payment_id, coalesce('Account/' || account_id, payer, '?'), sum(amount_minor) FROM billing.posting"
    " WHERE tenant_id = $1 AND payment_id IS NOT NULL AND ledger_account IN (2100, 2110)"
    f" GROUP BY payment_id, ledger_account, account_id, payer HAVING sum(amount_minor) > 0 ORDER BY 1, 2{LIMIT}"
)
# payment, ledger account, how much less than nothing lies there
HOLDING_NEGATIVE = sql(
    "SELECT payment_id, ledger_account, sum(amount_minor) FROM billing.posting"
    " WHERE tenant_id = $1 AND payment_id IS NOT NULL AND ledger_account IN (1010, 1020, 1030)"
    f" GROUP BY payment_id, ledger_account HAVING sum(amount_minor) < 0 ORDER BY 1, 2{LIMIT}"
)

# payment, ledger account, what stands there although the payment is reversed; $2: the kind of that entry
REVERSAL_INCOMPLETE = sql(
    "SELECT p.payment_id, p.ledger_account, sum(p.amount_minor) FROM billing.posting AS p"
    " WHERE p.tenant_id = $1 AND p.payment_id IN (SELECT e.source_id FROM billing.journal_entry AS e"
    " WHERE e.tenant_id = $1 AND e.kind = $2)"
    " GROUP BY p.payment_id, p.ledger_account, p.account_id, p.invoice_id, p.payer, p.detail"
    f" HAVING sum(p.amount_minor) <> 0 ORDER BY 1, 2{LIMIT}"
)

_ALLOCATED = Statement(
    "SELECT payment_id, invoice_id, -sum(amount_minor) FROM billing.posting"
    " WHERE tenant_id = $1 AND payment_id = ANY ($2::text[]) AND ledger_account IN (1100, 1110)"
    " GROUP BY payment_id, invoice_id HAVING sum(amount_minor) <> 0"
)


async def allocated(snapshot: Snapshot, tenant_id: str, payment_ids: Sequence[str]) -> dict[str, dict[str | None, int]]:
    """Payment -> invoice -> how much of it the journal has put there."""
    found: dict[str, dict[str | None, int]] = {}
    for payment_id, invoice_id, amount in await snapshot.rows(_ALLOCATED, tenant_id, list(payment_ids)):
        found.setdefault(payment_id, {})[invoice_id] = int(amount)
    return found
