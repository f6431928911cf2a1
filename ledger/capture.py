"""Capturing a charge: what it costs, whether that is posted, and the entry that posts it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from ledger.charge_item import ChargeItem
from ledger.chart import LedgerAccount
from ledger.dates import date_of
from ledger.journal import JournalEntry, merged, transfer
from ledger.recognition import CAPTURE, ISSUE, Point, deferred, income_account

KIND = "charge-captured"
REVERSED = "charge-reversed"

POSTED_STATUSES = ("billable", "billed")

_UNBILLED = LedgerAccount.UNBILLED_RECEIVABLE
_DISCOUNTS = LedgerAccount.COURTESY_DISCOUNTS
_EXEMPTIONS = LedgerAccount.CHARITY

_ORGANIZATION = re.compile(r"(?:.*/)?Organization/([A-Za-z0-9\-.]{1,64})")


@dataclass(frozen=True, slots=True)
class Capture:
    """What the journal holds of a charge: what it costs, and what its price list took off before."""

    account_id: str
    currency: str
    amount_minor: int
    service_date: date
    facility: str | None
    discount_minor: int = 0
    exemption_minor: int = 0


class Reductions(NamedTuple):
    """What a price list took off the price of a charge, in minor units."""

    discount_minor: int = 0
    exemption_minor: int = 0


NO_REDUCTIONS = Reductions()


def capture_of(charge: ChargeItem, service_date: date, reductions: Reductions = NO_REDUCTIONS) -> Capture | None:
    """What is to be posted for a charge.

    None while it is not billable, not priced or without account, and where its price is nothing before reductions.
    """
    if charge.status not in POSTED_STATUSES or charge.account_id is None:
        return None
    if charge.amount_minor is None or charge.amount_minor + sum(reductions) == 0:
        return None
    assert charge.amount_currency is not None
    return Capture(
        charge.account_id,
        charge.amount_currency,
        charge.amount_minor,
        service_date,
        facility_of(charge.performing_organization),
        *reductions,
    )


def captured_by(entry: JournalEntry) -> Capture:
    """What an entry of capture_entry says was captured."""
    first = entry.postings[0]
    assert first.account_id is not None
    sums = dict.fromkeys((_UNBILLED, _DISCOUNTS, _EXEMPTIONS), 0)
    for posting in entry.postings:
        account = income_account(posting)
        if account in sums:
            sums[account] += posting.amount_minor
    return Capture(
        first.account_id,
        entry.currency,
        sums[_UNBILLED],
        entry.service_date or entry.effective_at,
        first.facility,
        sums[_DISCOUNTS],
        sums[_EXEMPTIONS],
    )


def capture_entry(charge_item_id: str, capture: Capture, recognised_at: Point = CAPTURE) -> JournalEntry:
    """Unbilled receivable -> revenue on the day of the service, less what its price list took off.

    Revenue that is recognised at issue is deferred.
    """
    postings = [
        posting
        for debit, amount_minor in (
            (_UNBILLED, capture.amount_minor),
            (_DISCOUNTS, capture.discount_minor),
            (_EXEMPTIONS, capture.exemption_minor),
        )
        for posting in transfer(
            debit,
            LedgerAccount.PATIENT_REVENUE,
            amount_minor,
            account_id=capture.account_id,
            charge_item_id=charge_item_id,
            facility=capture.facility,
        )
    ]
    entry = JournalEntry(
        kind=KIND,
        currency=capture.currency,
        effective_at=capture.service_date,
        service_date=capture.service_date,
        source_type="ChargeItem",
        source_id=charge_item_id,
        postings=tuple(postings) if len(postings) == 2 else merged(postings),
    )
    return deferred(entry) if recognised_at == ISSUE else entry


def service_date_of(charge: ChargeItem, timezone: str) -> date | None:
    """The day of the service at the tenant's place, the first one where a period or a partial date says several."""
    written = charge.occurrence_date_time or charge.occurrence_period_start or charge.occurrence_period_end
    return None if written is None else date_of(written, timezone, "ChargeItem.occurrence")


@lru_cache(maxsize=1024)
def facility_of(organization: str | None) -> str | None:
    """The id of a facility in the reference to its Organization, wherever that lives; None where there is no id."""
    found = _ORGANIZATION.fullmatch(organization or "")
    return found[1] if found else None
