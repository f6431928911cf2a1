"""Questions about which accounts and invoices there are."""

from __future__ import annotations

from collections.abc import Collection

from storage.pipeline import Statement
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
