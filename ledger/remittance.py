"""What a payer's remittance says beside what it pays.

What was agreed not to be owed, what the patient owes, and what the payer takes back.
"""

from __future__ import annotations

from datetime import date

from ledger.chart import LedgerAccount
from ledger.journal import JournalEntry, Posting

CONTRACTUAL = "contractual-adjusted"
RESPONSIBILITY = "patient-responsibility"
TAKEN_BACK = "payment-taken-back"
REVERSED = "remittance-reversed"

KINDS = (CONTRACTUAL, RESPONSIBILITY, TAKEN_BACK)


def remittance_entry(
    kind: str,
    payment_id: str,
    invoice_id: str,
    account_id: str,
    amount_minor: int,
    *,
    payer: str,
    currency: str,
    on: date,
) -> JournalEntry:
    """One detail of a remittance about the share of `payer`.

    Contractual: 4100 -> 1110. The patient's responsibility: 1100 -> 1110. Taken back: 1110 -> 2110.
    """

    def line(account: LedgerAccount, amount: int, *, of_payer: bool, on_account: bool = True) -> Posting:
        return Posting(
            account,
            amount,
            account_id if on_account else None,
            invoice_id,
            payment_id=payment_id,
            payer=payer if of_payer else None,
        )

    share = line(LedgerAccount.RECEIVABLE_PAYER, -amount_minor, of_payer=True)
    match kind:
        case "contractual-adjusted":
            other = line(LedgerAccount.CONTRACTUAL_ALLOWANCE, amount_minor, of_payer=True)
        case "patient-responsibility":
            other = line(LedgerAccount.RECEIVABLE_PATIENT, amount_minor, of_payer=False)
        case _:
            assert kind == TAKEN_BACK, kind
            share = share._replace(amount_minor=amount_minor)
            other = line(LedgerAccount.UNAPPLIED_PAYER, -amount_minor, of_payer=True, on_account=False)
    return JournalEntry(
        kind=kind,
        currency=currency,
        effective_at=on,
        source_type="PaymentReconciliation",
        source_id=payment_id,
        postings=(other, share) if kind != TAKEN_BACK else (share, other),
    )
