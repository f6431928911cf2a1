"""Questions about which accounts and invoices there are."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from storage.array_insert import made_of_tables
from storage.pipeline import Statement
from storage.resource_rows import RESOURCE_TYPES, rows_of
from storage.transaction import Transaction

_ACTIVE_OF_SUBJECT = Statement(
    "SELECT a.id FROM billing.account_index AS i"
    " JOIN billing.account AS a ON a.tenant_id = i.tenant_id AND a.id = i.id"
    " WHERE i.tenant_id = $1 AND i.parameter = 'subject' AND i.value = $2 AND a.status = 'active' AND a.currency = $3"
    " ORDER BY a.id LIMIT 2"
)
_WITH_IDENTIFIER = Statement(
    "SELECT DISTINCT id FROM billing.account_index"
    " WHERE tenant_id = $1 AND parameter = 'identifier' AND value = $3 AND system IS NOT DISTINCT FROM $2::text"
    " ORDER BY id LIMIT 2"
)
_OF_INVOICES = Statement(
    "SELECT DISTINCT account_id FROM billing.invoice"
    " WHERE tenant_id = $1 AND id = ANY($2::text[]) AND account_id IS NOT NULL"
)
_OPEN_INVOICES = Statement(
    "SELECT id FROM billing.invoice WHERE tenant_id = $1 AND account_id = $2 AND status = 'issued'"
    " ORDER BY due_date, date_low, id"
)
# The same that `billing.touched_accounts` says of records: of a resource that is to be changed its accounts are asked
# for, locked, and only then all of it is read.
_NAMES = {
    "Account": "ARRAY[r.id]",
    "ChargeItem": "ARRAY[r.account_id]",
    "Invoice": "ARRAY[r.account_id]",
    "PaymentReconciliation": (
        "r.payment_account_id || ARRAY(SELECT substr(d.request, 9) FROM billing.payment_detail AS d"
        " WHERE d.tenant_id = r.tenant_id AND d.payment_id = r.id AND starts_with(d.request, 'Account/'))"
    ),
}
_NAMED = {
    resource_type: Statement(
        made_of_tables(
            f"SELECT r.id, {_NAMES.get(resource_type, 'ARRAY[]::text[]')} FROM {rows_of(resource_type).table.fullname}"
            " AS r WHERE r.tenant_id = $1 AND r.id = ANY($2::text[])"
        )
    )
    for resource_type in RESOURCE_TYPES
}


async def accounts_named_by(
    tx: Transaction, ids: Mapping[str, Collection[str]]
) -> dict[tuple[str, str], frozenset[str]]:
    """(type, id) -> the accounts that the resource names now, of those resources (type -> ids) that are there."""
    asked = [(resource_type, sorted(wanted)) for resource_type, wanted in ids.items() if wanted]
    queries = [(_NAMED[resource_type], (tx.tenant_id, wanted)) for resource_type, wanted in asked]
    results = await tx.fetch_all(queries) if queries else []
    return {
        (resource_type, row[0]): frozenset(row[1]) - {None}
        for (resource_type, _), rows in zip(asked, results, strict=True)
        for row in rows
    }


async def active_accounts(tx: Transaction, subject: str, currency: str) -> list[str]:
    """Active accounts of a patient in a currency, two at most: all that matters is whether there is exactly one."""
    return [row[0] for row in await tx.fetch(_ACTIVE_OF_SUBJECT, tx.tenant_id, subject, currency)]


async def with_identifier(tx: Transaction, system: str | None, value: str) -> list[str]:
    """Accounts with an identifier, two at most: all that matters is whether there is exactly one."""
    return [row[0] for row in await tx.fetch(_WITH_IDENTIFIER, tx.tenant_id, system, value)]


async def accounts_of_invoices(tx: Transaction, invoice_ids: Collection[str]) -> set[str]:
    """The accounts that invoices are on now."""
    if not invoice_ids:
        return set()
    return {row[0] for row in await tx.fetch(_OF_INVOICES, tx.tenant_id, sorted(invoice_ids))}


async def open_invoices(tx: Transaction, account_id: str) -> list[str]:
    """The account's invoices that are not settled, the oldest due first."""
    return [row[0] for row in await tx.fetch(_OPEN_INVOICES, tx.tenant_id, account_id)]
