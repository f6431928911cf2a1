"""The commands about payments that are there already, as a test sends them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from billing.allocate_payment import allocate_payment
from billing.deallocate_payment import NamedAllocation, deallocate_payment
from billing.reverse_payment import reverse_payment
from ledger.money import Money
from mappers.r4.json_text import decode
from tests.integration.billing.hospital import Document, Hospital, reference

PLACE = "Parameters.parameter[0]"


async def allocate(
    hospital: Hospital, payment: Document, *named: tuple[Document, str], currency: str = "AFN"
) -> Document:
    wanted = [_named(invoice, amount, currency) for invoice, amount in named]
    change = await hospital.run(lambda tx: allocate_payment(tx, hospital.context, payment["id"], wanted))
    return decode(change.content or b"")


async def deallocate(
    hospital: Hospital, payment: Document, *named: tuple[Document, str | None], currency: str = "AFN"
) -> Document:
    wanted = [_named(invoice, amount, currency) for invoice, amount in named]
    change = await hospital.run(lambda tx: deallocate_payment(tx, hospital.context, payment["id"], wanted))
    return decode(change.content or b"")


async def reverse(
    hospital: Hospital,
    payment: Document,
    reason: str = "bounced",
    *,
    on: date | None = None,
    fee: str | None = None,
    currency: str = "AFN",
) -> Document:
    amount = None if fee is None else Money.of_decimal(Decimal(fee), currency)
    change = await hospital.run(
        lambda tx: reverse_payment(tx, hospital.context, payment["id"], reason=reason, on=on, fee=amount)
    )
    return decode(change.content or b"")


def _named(invoice: Document, amount: str | None, currency: str) -> NamedAllocation:
    money = None if amount is None else Money.of_decimal(Decimal(amount), currency)
    return NamedAllocation(invoice["id"], money, PLACE)


def details(payment: Document) -> list[tuple[str, str, str]]:
    """(type, what about, amount) of each detail."""
    return [
        (each["type"]["coding"][0]["code"], each["request"]["reference"], str(each["amount"]["value"]))
        for each in payment.get("detail", [])
    ]


def about(document: Document) -> str:
    return str(reference(document)["reference"])
