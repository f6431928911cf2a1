"""The trial balance: what each ledger account was debited and credited, which comes to the same in every currency."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ledger.chart import LedgerAccount


@dataclass(frozen=True, slots=True)
class LedgerAccountTotal:
    """What a ledger account was debited and credited in one currency, both positive."""

    ledger_account: LedgerAccount
    currency: str
    debit_minor: int
    credit_minor: int

    @property
    def balance_minor(self) -> int:
        """Debit positive, credit negative."""
        return self.debit_minor - self.credit_minor


def differences(totals: Iterable[LedgerAccountTotal]) -> dict[str, int]:
    """Currency -> by how much debits exceed credits: empty where the books balance."""
    sums: dict[str, int] = {}
    for total in totals:
        sums[total.currency] = sums.get(total.currency, 0) + total.balance_minor
    return {currency: amount for currency, amount in sums.items() if amount}
