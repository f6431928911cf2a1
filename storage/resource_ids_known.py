"""Which of some resources exist."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from storage.pipeline import Statement
from storage.transaction import Transaction

_KNOWN = {
    "Account": Statement("SELECT id FROM billing.account WHERE tenant_id = $1 AND id = ANY($2::text[])"),
    "ChargeItem": Statement("SELECT id FROM billing.charge_item WHERE tenant_id = $1 AND id = ANY($2::text[])"),
    "Invoice": Statement("SELECT id FROM billing.invoice WHERE tenant_id = $1 AND id = ANY($2::text[])"),
    "PaymentReconciliation": Statement(
        "SELECT id FROM billing.payment_reconciliation WHERE tenant_id = $1 AND id = ANY($2::text[])"
    ),
    "PaymentNotice": Statement("SELECT id FROM billing.payment_notice WHERE tenant_id = $1 AND id = ANY($2::text[])"),
    "Subscription": Statement("SELECT id FROM billing.subscription WHERE tenant_id = $1 AND id = ANY($2::text[])"),
}


async def known(tx: Transaction, resources: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those (type, id) that exist now, asked in one round trip."""
    ids_by_type: defaultdict[str, list[str]] = defaultdict(list)
    for resource_type, resource_id in resources:
        ids_by_type[resource_type].append(resource_id)
    results = await tx.fetch_all([(_KNOWN[type_], (tx.tenant_id, ids)) for type_, ids in ids_by_type.items()])
    return {(resource_type, row[0]) for resource_type, rows in zip(ids_by_type, results, strict=True) for row in rows}
