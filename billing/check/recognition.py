"""Recognition of revenue: charges are captured by the point in force, and what they deferred is recognised once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from billing.check.booking import says, standing
from billing.check.corruption import Corruption
from billing.check.finding import Findings, Rule
from ledger.capture import KIND as CAPTURED
from ledger.charge_item import ChargeItem
from ledger.journal import JournalEntry
from ledger.recognition import ISSUE, KIND, RecognitionChange, is_deferred, point_on, recognition_entry
from storage import check_recognition
from storage.check_journal import BookedEntry

RULES = (
    Rule(
        Corruption.DEFERRED_REVENUE_DIFFERS,
        check_recognition.DEFERRED_DIFFERS,
        "ChargeItem/{0}",
        "{2} minor units of it in {1} are deferred, and {3} are captured so and not issued",
    ),
    Rule(
        Corruption.RECOGNITION_WRONG,
        check_recognition.RECOGNISED_FOR_OTHER,
        "ChargeItem/{0}",
        "JournalEntry/{1} recognises it for Invoice/{2}, which does not bill it, or on another day",
    ),
    Rule(
        Corruption.RECOGNITION_MIXED,
        check_recognition.MIXED,
        "posting period {0}",
        "from {1} on revenue is recognised by another point than before",
    ),
    Rule(
        Corruption.RECOGNITION_CHANGE_BROKEN,
        check_recognition.CHANGE_BROKEN,
        "recognition point",
        "{0} does not follow from the changes before",
    ),
)


def check_points(
    findings: Findings, charge: ChargeItem, entries: Sequence[BookedEntry], changes: Sequence[RecognitionChange]
) -> None:
    """Each capture of a charge, reversed or not, is by the point that is in force on the day on which it counts."""
    for entry in entries:
        point = point_on(changes, entry.effective_at)
        if entry.kind == CAPTURED and is_deferred(entry.postings) != (point == ISSUE):
            message = (
                f"JournalEntry/{entry.entry_id} counts on {entry.effective_at}, when revenue is recognised at {point}"
            )
            findings.add(Corruption.RECOGNITION_POINT_WRONG, f"ChargeItem/{charge.id}", message)


def check_recognised(
    findings: Findings, charge: ChargeItem, entries: Sequence[BookedEntry], capture: JournalEntry
) -> None:
    """What a charge deferred, as its `capture` should say, is recognised exactly, once, and while it is billed."""
    recognised = standing(entries, KIND)
    invoice_id = next((line.invoice_id for entry in recognised for line in entry.postings if line.invoice_id), "")
    expected = recognition_entry(capture, invoice_id, date.min) if charge.status == "billed" else None
    is_so = len(recognised) == (expected is not None) and all(
        expected is not None and says(entry, expected.postings, expected.currency) for entry in recognised
    )
    if not is_so:
        message = (
            f"it is {charge.status}, and {len(recognised)} entries that stand recognise what it deferred, or not it"
        )
        findings.add(Corruption.RECOGNITION_WRONG, f"ChargeItem/{charge.id}", message)
