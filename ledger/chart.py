"""The chart of accounts: the ledger accounts of every tenant, and which balance of a patient account each one is."""

from __future__ import annotations

from enum import IntEnum


class LedgerAccount(IntEnum):
    CASH = 1010
    BANK = 1020
    CLEARING = 1030
    RECEIVABLE_PATIENT = 1100
    RECEIVABLE_PAYER = 1110
    UNBILLED_RECEIVABLE = 1150
    LOSS_ALLOWANCE = 1190
    MIGRATION_SUSPENSE = 1900
    UNAPPLIED_PATIENT = 2100
    UNAPPLIED_PAYER = 2110
    TAX_PAYABLE = 2200
    REFUNDS_PAYABLE = 2300
    DEFERRED_REVENUE = 2400
    OPENING_BALANCE_EQUITY = 3900
    PATIENT_REVENUE = 4000
    CONTRACTUAL_ALLOWANCE = 4100
    COURTESY_DISCOUNTS = 4110
    CHARITY = 4120
    IMPAIRMENT = 5100
    BANK_FEES = 5200
    CASH_OVER_SHORT = 5300
    CASH_ROUNDING = 5900


def name_of(account: LedgerAccount) -> str:
    """As people read it: `Receivable patient`."""
    return account.name.replace("_", " ").capitalize()


# Ledger account -> (balance of the patient account that it makes up, sign: a debit posting is positive).
BALANCE_OF = {
    LedgerAccount.UNBILLED_RECEIVABLE: ("unbilled", 1),
    LedgerAccount.RECEIVABLE_PATIENT: ("billed_patient", 1),
    LedgerAccount.RECEIVABLE_PAYER: ("billed_payer", 1),
    LedgerAccount.UNAPPLIED_PATIENT: ("unapplied", -1),
    LedgerAccount.REFUNDS_PAYABLE: ("refund_payable", -1),
}

# Where money lies that came in by a method, until the bank has it.
ASSET_OF_METHOD = {
    "cash": LedgerAccount.CASH,
    "bank-transfer": LedgerAccount.BANK,
    "card": LedgerAccount.CLEARING,
    "mobile-money": LedgerAccount.CLEARING,
    "cheque": LedgerAccount.CLEARING,
    "other": LedgerAccount.CLEARING,
}
