"""What the server owns: what a client may send of it, and what becomes of it.

None, or the value that is current, is fine. A value that was current once is stale (409: read again). Any other is
refused (422): nobody but the ledger says it. `docs/fhir/server-owned.md` shows the tables, and a test holds it to them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from billing.places import extension_place
from billing.status_rules import NEW, StatusRule, rule_for
from ledger.errors import Category, refuse
from ledger.resource import Resource
from mappers import mapper_for
from mappers.extensions import (
    ACCOUNT_CURRENCY,
    CHARGE_AMOUNT,
    CHARGE_UNPRICED,
    CREDIT_NOTE_NUMBER_SYSTEM,
    CREDIT_OF,
    INVOICE_DUE,
    INVOICE_DUE_DATE,
    INVOICE_NUMBER_SYSTEM,
    INVOICE_SETTLED,
    PAYMENT_REFUNDED,
)
from mappers.r4.json_text import decode
from storage import resource_versions
from storage.transaction import Transaction


class OwnedElement(NamedTuple):
    """An element that only the ledger says, the fields of the record that hold it, and what it says."""

    place: str
    fields: tuple[str, ...]
    meaning: str


class FilledElement(NamedTuple):
    """An element that the server fills in when a client leaves it out, and keeps when a client sends it."""

    place: str
    filled: str


SERVER_OWNED: dict[str, tuple[OwnedElement, ...]] = {
    "Account": (),
    "ChargeItem": (
        OwnedElement(
            extension_place("ChargeItem", CHARGE_AMOUNT),
            ("amount_minor", "amount_currency"),
            "what the charge costs, once it is priced",
        ),
        OwnedElement(
            extension_place("ChargeItem", CHARGE_UNPRICED), ("unpriced",), "true while the charge waits for a price"
        ),
    ),
    "Invoice": (
        OwnedElement(
            extension_place("Invoice", INVOICE_SETTLED),
            ("settled_minor", "settlement_currency"),
            "what is settled of an issued invoice",
        ),
        OwnedElement(
            extension_place("Invoice", INVOICE_DUE),
            ("due_minor", "settlement_currency"),
            "what is still due of an issued invoice",
        ),
        OwnedElement(
            extension_place("Invoice", CREDIT_OF), ("credit_of_id",), "the invoice that a credit note is about"
        ),
    ),
    "PaymentReconciliation": (
        OwnedElement(
            extension_place("PaymentReconciliation", PAYMENT_REFUNDED),
            ("refunded_minor", "refunded_currency"),
            "what of the payment was refunded",
        ),
    ),
    "PaymentNotice": (),
    "Subscription": (
        OwnedElement("Subscription.error", ("error",), "why the last delivery failed, while the status is error"),
    ),
}

FILLED: dict[str, tuple[FilledElement, ...]] = {
    "Account": (
        FilledElement(
            extension_place("Account", ACCOUNT_CURRENCY),
            "the tenant's currency; it never changes",
        ),
    ),
    "ChargeItem": (
        FilledElement(
            "ChargeItem.account",
            "of a billable, priced charge: the patient's only active account in the currency of the price; kept by"
            " later updates that leave it out; an account named by an identifier gets its reference",
        ),
    ),
    "Invoice": (
        FilledElement(
            "Invoice.account", "the reference of an account named by an identifier; else the account of its charges"
        ),
        FilledElement(
            "Invoice.lineItem.priceComponent",
            "the base from the charge; taxes by the tax rules where none are given, and anew at issue; amounts that"
            " have a factor only",
        ),
        FilledElement(
            "Invoice.totalPriceComponent.amount", "the sum of the lines, or factor times the base or net of the invoice"
        ),
        FilledElement("Invoice.totalNet", "once every line is priced"),
        FilledElement("Invoice.totalGross", "once every line is priced"),
        FilledElement("Invoice.date", "at issue: the date of issue"),
        FilledElement(
            extension_place("Invoice", INVOICE_DUE_DATE),
            "at issue: the date of issue and the tenant's terms",
        ),
        FilledElement(
            "Invoice.identifier",
            f"at issue: the legal number, in a system below `{INVOICE_NUMBER_SYSTEM}`, of a credit note below"
            f" `{CREDIT_NOTE_NUMBER_SYSTEM}`; no client may send one of these",
        ),
    ),
    "PaymentReconciliation": (),
    "PaymentNotice": (),
    "Subscription": (),
}


def refuse_on_creation(record: Resource) -> None:
    """A new resource has nothing yet that the server says."""
    for element in SERVER_OWNED[type(record).__name__]:
        if any(_is_sent(getattr(record, name)) for name in element.fields):
            raise _not_yours(element.place)


async def carry_over(tx: Transaction, record: Resource, previous: Resource) -> None:
    """Take what the server owns from the current resource into the one that a client sent."""
    for element in SERVER_OWNED[type(record).__name__]:
        for name in element.fields:
            sent, current = getattr(record, name), getattr(previous, name)
            if not _is_sent(sent):
                setattr(record, name, current)
            elif sent != current:
                if sent in await _past_values(tx, record, name):
                    raise stale(element.place)
                raise _not_yours(element.place)


async def check_status(tx: Transaction, record: Resource, before: str, sent: str) -> StatusRule:
    """The rule for a status that a client sends; raised where it refuses in every case.

    A status that the server alone gives, and that the resource had before, is stale.
    """
    resource_type = type(record).__name__
    rule, place = rule_for(resource_type, before, sent), f"{resource_type}.status"
    if rule.refusal is None or rule.refusal.when:
        return rule
    if rule.refusal.code == "server-owned" and before != NEW and sent in await _past_values(tx, record, "status"):
        raise stale(place)
    raise rule.refusal.at(place)


def _is_sent(value: Any) -> bool:
    return value is not None and value is not False


async def _past_values(tx: Transaction, record: Resource, name: str) -> list[Any]:
    resource_type = type(record).__name__
    mapper = mapper_for(resource_type)
    contents = await resource_versions.contents(tx, resource_type, record.id)
    return [getattr(mapper.parse(decode(content.encode()), id=record.id, base_url=""), name) for content in contents]


def stale(element: str) -> Exception:
    return refuse(
        Category.CONFLICT,
        "stale",
        "This was so in an earlier version and has changed since; read the resource again and repeat the change.",
        element,
        "conflict",
    )


def _not_yours(element: str) -> Exception:
    return refuse(
        Category.RULE_BROKEN,
        "server-owned",
        "The server sets this from the ledger; leave it out, or send the current value.",
        element,
        "business-rule",
    )
