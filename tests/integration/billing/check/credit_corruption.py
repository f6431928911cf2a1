"""Corruptions of credit notes, and of what an invoice says was credited of it."""

from __future__ import annotations

from typing import LiteralString

from tests.integration.billing.check.planted import Planted

_OF_NOTE: LiteralString = "WHERE tenant_id = %(tenant)s AND credit_note_id = %(credit_note)s"

CREDITS = [
    Planted(
        "a gap in the numbers of credit notes",
        "UPDATE billing.number_series SET last_number = last_number + 1"
        " WHERE tenant_id = %(tenant)s AND series = 'credit-note'",
        "number-missing",
    ),
    Planted(
        "a credit note with the number of an invoice",
        "UPDATE billing.invoice_index SET system = replace(system, 'credit-note-number', 'invoice-number'),"
        " value = 'INV-1999-000001'"
        " WHERE tenant_id = %(tenant)s AND id = %(credit_note)s AND parameter = 'identifier'",
        "invoice-unnumbered number-missing number-not-given rendering-differs",
    ),
    Planted(
        "a credit note of another total",
        "UPDATE billing.invoice SET total_gross_minor = total_gross_minor - 1, settled_minor = settled_minor - 1"
        " WHERE tenant_id = %(tenant)s AND id = %(credit_note)s",
        "invoice-total-wrong rendering-differs",
    ),
    Planted(
        "a credit note of which something is due",
        "UPDATE billing.invoice SET settled_minor = settled_minor - 1, due_minor = due_minor + 1, status = 'issued'"
        " WHERE tenant_id = %(tenant)s AND id = %(credit_note)s",
        "invoice-settlement-wrong invoice-status-wrong receivables-differ rendering-differs",
    ),
    Planted(
        "a credit that exceeds its line, made of the journal alone",
        "UPDATE billing.posting SET amount_minor = amount_minor * 5 WHERE tenant_id = %(tenant)s AND entry_id = ("
        "SELECT entry_id FROM billing.journal_entry WHERE tenant_id = %(tenant)s AND source_id = %(credit_note)s)",
        "balance-stale invoice-booking-differs invoice-settlement-wrong invoice-share-over-settled"
        " invoice-status-wrong",
    ),
    Planted(
        "a credit that exceeds its line",
        "UPDATE billing.invoice_price_component SET amount_minor = amount_minor * 4"
        " WHERE tenant_id = %(tenant)s AND invoice_id = %(credit_note)s",
        "credit-exceeds-line invoice-booking-differs invoice-total-wrong rendering-differs",
    ),
    Planted(
        "a credit with too much tax",
        "UPDATE billing.invoice_price_component SET amount_minor = amount_minor"
        " + CASE type WHEN 'tax' THEN -1 ELSE 1 END"
        " WHERE tenant_id = %(tenant)s AND invoice_id = %(credit_note)s",
        "credit-split-wrong invoice-booking-differs invoice-total-wrong rendering-differs",
    ),
    Planted(
        "a credit note that nobody booked",
        "WITH e AS (DELETE FROM billing.journal_entry WHERE tenant_id = %(tenant)s"
        " AND source_id = %(rebill_note)s RETURNING entry_id)"
        " DELETE FROM billing.posting AS p USING e WHERE p.tenant_id = %(tenant)s AND p.entry_id = e.entry_id",
        "balance-stale invoice-booking-missing invoice-settlement-wrong invoice-status-wrong",
    ),
    Planted(
        "a credit note against another account",
        "UPDATE billing.posting SET ledger_account = 5100 WHERE tenant_id = %(tenant)s AND ledger_account = 4000"
        " AND entry_id = (SELECT entry_id FROM billing.journal_entry"
        " WHERE tenant_id = %(tenant)s AND source_id = %(credit_note)s)",
        "invoice-booking-differs",
    ),
    Planted(
        "a line of a credit note that is about no line",
        f"DELETE FROM billing.credited_line {_OF_NOTE}",
        "credit-unlinked",
    ),
    Planted(
        "a line that was credited, said to be billed again",
        f"UPDATE billing.credited_line SET rebilled = true {_OF_NOTE}",
        "charge-held-wrongly charge-status-wrong credit-split-wrong credit-unlinked",
    ),
    Planted(
        "a line that is billed again, said to be credited",
        "UPDATE billing.credited_line SET rebilled = false"
        " WHERE tenant_id = %(tenant)s AND credit_note_id = %(rebill_note)s",
        "charge-not-held charge-status-wrong credit-unlinked",
    ),
    Planted(
        "a credit note of an invoice that is cancelled",
        "UPDATE billing.invoice SET credit_of_id = %(cancelled_invoice)s"
        " WHERE tenant_id = %(tenant)s AND id = %(credit_note)s",
        "credit-of-wrong credit-unlinked invoice-booking-differs rendering-differs",
    ),
    Planted(
        "a credit note that says that it is something else",
        "DELETE FROM billing.invoice_index"
        " WHERE tenant_id = %(tenant)s AND id = %(credit_note)s AND parameter = 'type'",
        "credit-of-wrong rendering-differs",
    ),
]
