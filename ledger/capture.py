"""Capturing a charge: what it costs, whether that is posted, and the entry that posts it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from ledger.charge_item import ChargeItem
from ledger.chart import LedgerAccount
from ledger.dates import date_of
from ledger.journal import JournalEntry, transfer

KIND = "charge-captured"
REVERSED = "charge-reversed"

POSTED_STATUSES = ("billable", "billed")

_ORGANIZATION = re.compile(r"(?:.*/)?Organization/([A-Za-z0-9\-.]{1,64})")


@dataclass(frozen=True, slots=True)
class Capture:
    """What the journal holds of a charge."""

    account_id: str
    currency: str
    amount_minor: int
    service_date: date
    facility: str | None


def capture_of(charge: ChargeItem, service_date: date) -> Capture | None:
    """What is to be posted for a charge; None while it is not billable, not priced, without account, or free."""
    if charge.status not in POSTED_STATUSES or charge.account_id is None or not charge.amount_minor:
        return None
    assert charge.amount_currency is not None
    return Capture(
        charge.account_id,
        charge.amount_currency,
        charge.amount_minor,
        service_date,
        facility_of(charge.performing_organization),
    )


def captured_by(entry: JournalEntry) -> Capture:
    """What an entry of capture_entry says was captured."""
    posting = next(line for line in entry.postings if line.ledger_account == LedgerAccount.UNBILLED_RECEIVABLE)
    assert posting.account_id is not None
    return Capture(
        posting.account_id,
        entry.currency,
        posting.amount_minor,
        entry.service_date or entry.effective_at,
        posting.facility,
    )


def capture_entry(charge_item_id: str, capture: Capture) -> JournalEntry:
    """Unbilled receivable -> revenue, on the day of the service."""
    return JournalEntry(
        kind=KIND,
        currency=capture.currency,
        effective_at=capture.service_date,
        service_date=capture.service_date,
        source_type="ChargeItem",
        source_id=charge_item_id,
        postings=tuple(
            transfer(
                LedgerAccount.UNBILLED_RECEIVABLE,
                LedgerAccount.PATIENT_REVENUE,
                capture.amount_minor,
                account_id=capture.account_id,
                charge_item_id=charge_item_id,
                facility=capture.facility,
            )
        ),
    )


def service_date_of(charge: ChargeItem, timezone: str) -> date | None:
    """The day of the service at the tenant's place, the first one where a period or a partial date says several."""
    written = charge.occurrence_date_time or charge.occurrence_period_start or charge.occurrence_period_end
    return None if written is None else date_of(written, timezone, "ChargeItem.occurrence")


def facility_of(organization: str | None) -> str | None:
    """The id of a facility in the reference to its Organization, wherever that lives; None where there is no id."""
    found = _ORGANIZATION.fullmatch(organization or "")
    return found[1] if found else None
