"""The balances of accounts: locked first, changed in memory, written once at the end of the transaction."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC
from functools import partial

from ledger.account import Account, AccountBalance
from storage import posting_periods
from storage.array_insert import ArrayInsert
from storage.pipeline import Statement
from storage.tables import account_balance
from storage.transaction import CLOCK, AccountsNotLocked, Transaction

_INSERT = ArrayInsert(account_balance, 15)

# In the order of the ids, whatever the order of the request: two transactions cannot wait for one another.
_LOCK = Statement(
    "SELECT account_id FROM billing.account_balance WHERE tenant_id = $1 AND account_id = ANY($2::text[])"
    " ORDER BY account_id FOR NO KEY UPDATE"
)
# A statement of its own, because it sees what was committed while the lock was waited for.
_READ = Statement(
    "SELECT b.account_id, a.status, b.currency, b.unbilled, b.billed_patient, b.billed_payer, b.unapplied, b.held,"
    f" b.refund_payable, b.recorded_at, {CLOCK}"
    " FROM billing.account_balance AS b JOIN billing.account AS a ON a.tenant_id = b.tenant_id AND a.id = b.account_id"
    " WHERE b.tenant_id = $1 AND b.account_id = ANY($2::text[])"
)
_UPDATE = Statement(
    "UPDATE billing.account_balance SET unbilled = $3::bigint, billed_patient = $4::bigint, billed_payer = $5::bigint,"
    " unapplied = $6::bigint, held = $7::bigint, refund_payable = $8::bigint, recorded_at = $9::timestamptz"
    " WHERE tenant_id = $1 AND account_id = $2"
)
_DELETE = Statement("DELETE FROM billing.account_balance WHERE tenant_id = $1 AND account_id = $2")


async def lock(tx: Transaction, account_ids: Iterable[str]) -> dict[str, AccountBalance]:
    """Lock accounts and read their balances; those that do not exist are not in the answer.

    The posting periods are held before, for what is locked is posted to. All accounts of a transaction are locked by
    one statement, before any row, in the order of their ids. Where it turns out that one more is needed,
    `Database.run` begins again and locks them all at first: nobody waits for a deadlock.
    """
    posting_periods.hold(tx)
    wanted = set(account_ids)
    missing = wanted - tx.balances.keys() - tx.accounts_locked
    if missing and tx.holds_locks:
        raise AccountsNotLocked(tx.accounts_first | tx.accounts_locked | missing)
    if not tx.holds_locks and (missing or tx.accounts_first):
        tx.holds_locks = True
        tx.accounts_locked = tx.accounts_first | missing
        ids = sorted(tx.accounts_locked)
        locked, rows = await tx.fetch_all([(_LOCK, (tx.tenant_id, ids)), (_READ, (tx.tenant_id, ids))])
        # What was opened between the two statements is not locked, and not there yet for this transaction.
        there = {row[0] for row in locked}
        for row in rows:
            if row[0] not in there or row[0] in tx.balances:
                continue
            tx.balances[row[0]] = AccountBalance(
                account_id=row[0],
                status=row[1],
                currency=row[2],
                unbilled=row[3],
                billed_patient=row[4],
                billed_payer=row[5],
                unapplied=row[6],
                held=row[7],
                refund_payable=row[8],
                recorded_at=row[9].astimezone(UTC),
            )
            tx.see_clock(row[10])
    await tx.read_clock()
    if tx.posting_days is None:
        await tx.flush()
    return {account_id: tx.balances[account_id] for account_id in wanted if account_id in tx.balances}


def open_balance(tx: Transaction, account: Account) -> None:
    """Give a new account its balances, all zero."""
    assert account.last_updated is not None
    balance = AccountBalance(
        account_id=account.id, status=account.status, currency=account.currency, recorded_at=account.last_updated
    )
    tx.balances[account.id] = balance
    tx.add(_INSERT, (tx.tenant_id, account.id, account.currency, 0, 0, 0, 0, 0, 0, account.last_updated))


def close_balance(tx: Transaction, account_id: str) -> None:
    """Take the balances of an account away that nothing was ever posted to."""
    tx.balances.pop(account_id, None)
    tx.send(_DELETE, tx.tenant_id, account_id)


def mark_changed(tx: Transaction, account_id: str) -> None:
    """Have the balances of a locked account written at the end."""
    if not tx.changed_balances:
        tx.before_end(partial(_write, tx))
    tx.changed_balances.add(account_id)


def _write(tx: Transaction) -> None:
    for account_id in sorted(tx.changed_balances):
        balance = tx.balances[account_id]
        tx.send(
            _UPDATE,
            tx.tenant_id,
            account_id,
            balance.unbilled,
            balance.billed_patient,
            balance.billed_payer,
            balance.unapplied,
            balance.held,
            balance.refund_payable,
            balance.recorded_at,
        )
    tx.changed_balances.clear()
