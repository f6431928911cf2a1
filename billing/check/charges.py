"""Charges: each is captured at most once, as the charge says, and is on at most one live invoice."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from billing.capture_charge import CAPTURED
from billing.check.booking import is_day_of, says, standing
from billing.check.corruption import Corruption
from billing.check.finding import Findings, Rule
from billing.check.recognition import check_points, check_recognised
from ledger.capture import KIND, NO_REDUCTIONS, Reductions, capture_entry, capture_of, service_date_of
from ledger.charge_item import ChargeItem
from ledger.recognition import CAPTURE, ISSUE, RecognitionChange, is_deferred
from storage import check_invoices
from storage.check_journal import BookedEntry

RULES = (
    Rule(
        Corruption.CHARGE_ON_TWO_INVOICES,
        check_invoices.CHARGE_TWICE,
        "ChargeItem/{0}",
        "it is on several lines of live invoices: {1}",
    ),
    Rule(
        Corruption.CHARGE_NOT_HELD,
        check_invoices.CHARGE_NOT_HELD,
        "ChargeItem/{1}",
        "it is on a line of Invoice/{0}, which is live and does not hold it",
    ),
    Rule(
        Corruption.CHARGE_HELD_WRONGLY,
        check_invoices.CHARGE_HELD_WRONGLY,
        "ChargeItem/{1}",
        "Invoice/{0} holds it, but is not live or has no line for it",
    ),
    Rule(
        Corruption.CHARGE_STATUS_WRONG,
        check_invoices.CHARGE_STATUS_WRONG,
        "ChargeItem/{0}",
        "it is {1}; a charge is billed exactly while it is on an issued invoice",
    ),
    Rule(
        Corruption.CHARGE_OF_OTHER_ACCOUNT,
        check_invoices.CHARGE_OF_OTHER_ACCOUNT,
        "ChargeItem/{1}",
        "it is on Invoice/{0}, which is on another account",
    ),
    Rule(
        Corruption.CURRENCY_DIFFERS,
        check_invoices.CURRENCY_DIFFERS,
        "{0}",
        "it is in {1}, its account in {2}",
    ),
    Rule(
        Corruption.CAPTURES_AND_EVENTS_DIFFER,
        check_invoices.CAPTURES_AND_EVENTS_DIFFER,
        "ChargeItem/{0}",
        "its versions say that it was captured {1} times, the journal has it {2} times",
        (CAPTURED, KIND),
    ),
)


def check_charge(
    findings: Findings,
    charge: ChargeItem,
    entries: Sequence[BookedEntry],
    timezone: str,
    reductions: Reductions = NO_REDUCTIONS,
    recognition: Sequence[RecognitionChange] = (),
) -> None:
    """What stands in the journal for a charge is what the charge says now, and what its price list took off."""
    place = f"ChargeItem/{charge.id}"
    check_points(findings, charge, entries, recognition)
    captures = standing(entries, KIND)
    if len(captures) > 1:
        findings.add(Corruption.CAPTURED_TWICE, place, f"{len(captures)} captures stand in the journal")
        return
    booked = captures[0] if captures else None
    # A charge without a date was booked on the day on which it came.
    day = service_date_of(charge, timezone) or (booked.effective_at if booked else date.min)
    capture = capture_of(charge, day, reductions)
    if capture is None:
        if booked is not None:
            message = f"it is {charge.status} and costs nothing, but JournalEntry/{booked.entry_id} stands"
            findings.add(Corruption.CAPTURE_UNDUE, place, message)
        return
    if booked is None:
        findings.add(Corruption.CAPTURE_MISSING, place, f"it is {charge.status}, and nothing is booked for it")
        return
    written = charge.occurrence_date_time or charge.occurrence_period_start or charge.occurrence_period_end
    expected = capture_entry(charge.id, capture, ISSUE if is_deferred(booked.postings) else CAPTURE)
    check_recognised(findings, charge, entries, expected)
    is_so = says(booked, expected.postings, capture.currency)
    if not (is_so and is_day_of(written, booked.service_date, timezone)):
        message = f"JournalEntry/{booked.entry_id} is not what the charge comes to"
        findings.add(Corruption.CAPTURE_DIFFERS, place, message)
