"""Recognise deferred revenue when its charge is billed, and defer it again when the charge is billable again."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from ledger.capture import KIND as CAPTURED
from ledger.journal import reversal
from ledger.recognition import KIND, REVERSED, recognition_entry
from storage import journal
from storage.transaction import Transaction


async def recognise(tx: Transaction, charge_ids: Iterable[str], invoice_id: str, *, on: date) -> None:
    """Recognise the revenue of charges that an invoice bills, where their capture did not.

    By which point a charge was captured its entry says, whatever the setting is by now.
    """
    ids = sorted(charge_ids)
    if not tx.recognition_changes or not ids:
        return  # the tenant never deferred anything: nothing is asked
    for _, captured in await journal.standing(tx, "ChargeItem", ids, CAPTURED):
        entry = recognition_entry(captured, invoice_id, on)
        if entry is not None:
            journal.append(tx, entry)


async def defer_again(tx: Transaction, charge_ids: Iterable[str], *, on: date, reason: str) -> None:
    """Take back what was recognised of charges that are billable again."""
    ids = sorted(charge_ids)
    if not tx.recognition_changes or not ids:
        return
    for entry_id, entry in await journal.standing(tx, "ChargeItem", ids, KIND):
        day = max(on, entry.effective_at)
        journal.append(tx, reversal(entry, entry_id, effective_at=day, kind=REVERSED, reason=reason))
