"""The balances of accounts: locked first, changed in memory, written once at the end of the transaction."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC
from functools import partial
from typing import Any

from ledger.account import Account, AccountBalance
from storage import posting_periods
from storage.array_insert import ArrayInsert
from storage.pipeline import Row, Statement
from storage.tables import account_balance
from storage.transaction import CLOCK, AccountsNotLocked, Transaction

_INSERT = ArrayInsert(account_balance, 15)

# In the order of the ids, whatever the order of the request: two transactions cannot wait for one another. A row that
# was waited for is read as it is then: https://www.postgresql.org/docs/current/transaction-iso.html#XACT-READ-COMMITTED
_LOCK = Statement(
    "SELECT account_id, currency, unbilled, billed_patient, billed_payer, unapplied, held, refund_payable, recorded_at"
    " FROM billing.account_balance WHERE tenant_id = $1 AND account_id = ANY($2::text[])"
    " ORDER BY account_id FOR NO KEY UPDATE"
)
# A statement of its own, because it sees what was committed while the lock was waited for.
_READ = Statement(f"SELECT id, status, {CLOCK} FROM billing.account WHERE tenant_id = $1 AND id = ANY($2::text[])")
_UPDATE = Statement(
    "UPDATE billing.account_balance SET unbilled = $3::bigint, billed_patient = $4::bigint, billed_payer = $5::bigint,"
    " unapplied = $6::bigint, held = $7::bigint, refund_payable = $8::bigint, recorded_at = $9::timestamptz"
    " WHERE tenant_id = $1 AND account_id = $2"
)
_UPDATE_MANY = Statement(
    "UPDATE billing.account_balance AS b SET unbilled = n.unbilled, billed_patient = n.billed_patient,"
    " billed_payer = n.billed_payer, unapplied = n.unapplied, held = n.held, refund_payable = n.refund_payable,"
    " recorded_at = n.recorded_at FROM unnest($2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],"
    " $7::bigint[], $8::bigint[], $9::timestamptz[])"
    " AS n(account_id, unbilled, billed_patient, billed_payer, unapplied, held, refund_payable, recorded_at)"
    " WHERE b.tenant_id = $1 AND b.account_id = n.account_id"
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
        statuses = {row[0]: row[1] for row in rows}
        for row in locked:
            if row[0] in statuses and row[0] not in tx.balances:
                tx.balances[row[0]] = _balance(row, statuses[row[0]])
        for row in rows:
            tx.see_clock(row[2])
    await tx.read_clock()
    if tx.posting_days is None:
        await tx.flush()
    return {account_id: tx.balances[account_id] for account_id in wanted if account_id in tx.balances}


def _balance(row: Row, status: str) -> AccountBalance:
    return AccountBalance(
        account_id=row[0],
        status=status,
        currency=row[1],
        unbilled=row[2],
        billed_patient=row[3],
        billed_payer=row[4],
        unapplied=row[5],
        held=row[6],
        refund_payable=row[7],
        recorded_at=row[8].astimezone(UTC),
    )


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
    rows = [_row(tx.balances[account_id]) for account_id in sorted(tx.changed_balances)]
    if len(rows) == 1:
        tx.send(_UPDATE, tx.tenant_id, *rows[0])
    elif rows:
        tx.send(_UPDATE_MANY, tx.tenant_id, *map(list, zip(*rows, strict=True)))
    tx.changed_balances.clear()


def _row(balance: AccountBalance) -> tuple[Any, ...]:
    return (
        balance.account_id,
        balance.unbilled,
        balance.billed_patient,
        balance.billed_payer,
        balance.unapplied,
        balance.held,
        balance.refund_payable,
        balance.recorded_at,
    )
