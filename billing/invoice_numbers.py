"""The legal number of an invoice or a credit note among its identifiers: given by the server, and never taken away."""

from __future__ import annotations

from ledger.errors import rule_broken
from ledger.invoice import Invoice
from ledger.resource import IndexRow
from mappers import mapper_for
from mappers.extensions import CREDIT_NOTE_NUMBER_SYSTEM, INVOICE_NUMBER_SYSTEM

_SYSTEMS = (INVOICE_NUMBER_SYSTEM, CREDIT_NOTE_NUMBER_SYSTEM)


def numbers_of(invoice: Invoice) -> list[IndexRow]:
    return [row for row in invoice.indexed("identifier") if (row.system or "").startswith(_SYSTEMS)]


def add_number(invoice: Invoice, system: str, value: str) -> None:
    position = mapper_for("Invoice").next_position(invoice, "identifier")
    rows = (*invoice.index, IndexRow("identifier", (position,), system, value))
    invoice.index = tuple(sorted(rows, key=lambda row: (row.parameter, row.position)))


def carry_numbers(invoice: Invoice, previous: Invoice) -> None:
    """Keep the numbers of the stored invoice, also where a client leaves them out; refuse any that it does not have."""
    kept = {(row.system, row.value) for row in numbers_of(previous)}
    for row in numbers_of(invoice):
        if (row.system, row.value) not in kept:
            raise rule_broken(
                "server-owned",
                "Legal numbers are given by the server at issue; use a system of your own for yours.",
                f"Invoice.identifier[{row.position[0]}]",
            )
        kept.remove((row.system, row.value))
    for row in numbers_of(previous):
        if (row.system, row.value) in kept:
            assert row.system is not None
            assert row.value is not None
            add_number(invoice, row.system, row.value)
