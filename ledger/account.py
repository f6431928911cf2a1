"""A patient account: one currency for life, and the balances that the journal gives it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ledger.resource import Resource


@dataclass(slots=True, kw_only=True)
class Account(Resource):
    """FHIR Account. Index rows: identifier, type, subject, _tag, _security, _profile."""

    status: str
    name: str | None = None
    owner: str | None = None
    service_period_start: str | None = None
    service_period_end: str | None = None
    currency: str = ""


@dataclass(slots=True, kw_only=True)
class AccountBalance:
    """The balances of an account in minor units of its currency, as its row is locked and changed in a transaction.

    `recorded_at` is when the last entry of the account was recorded: the next one comes later.
    """

    account_id: str
    status: str
    currency: str
    unbilled: int = 0
    billed_patient: int = 0
    billed_payer: int = 0
    unapplied: int = 0
    held: int = 0
    refund_payable: int = 0
    recorded_at: datetime | None = None

    @property
    def total(self) -> int:
        return self.unbilled + self.billed_patient + self.billed_payer - self.unapplied - self.refund_payable
