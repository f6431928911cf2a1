"""The topics that can be subscribed to: what triggers each, of which resources, and by what it can be filtered.

R4 has no SubscriptionTopic: a topic is its canonical URL, listed in the CapabilityStatement by the Backport guide's
extension and readable as a Basic resource (`capability/topics.py`). A topic names a domain event of the outbox, so one
is there as soon as a command records its event.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from mappers import MAPPERS
from mappers.extensions import PAYER_SHARE, SUBSCRIPTION_TOPIC
from storage.search_parameters import (
    ChildColumn,
    MoneyColumns,
    ReferenceColumn,
    SearchParameter,
)


@dataclass(frozen=True, slots=True)
class Topic:
    """What happens (`event`, empty: any change) to resources of the types; the version that came of it is the focus."""

    name: str
    title: str
    description: str
    resource_types: tuple[str, ...]
    event: str = ""

    @property
    def url(self) -> str:
        return f"{SUBSCRIPTION_TOPIC}{self.name}"


TELLING = ("Account", "ChargeItem", "Invoice", "PaymentNotice", "PaymentReconciliation")
"""The types whose changes can be subscribed to: all but subscriptions themselves."""

_OF_EVENTS = (
    Topic(
        "charge-captured",
        "Charge captured",
        "A charge was posted, or posted anew.",
        ("ChargeItem",),
        "billing.charge.captured.v1",
    ),
    Topic(
        "charge-reversed",
        "Charge reversed",
        "The posting of a charge was reversed.",
        ("ChargeItem",),
        "billing.charge.reversed.v1",
    ),
    Topic("invoice-issued", "Invoice issued", "A draft became a debt.", ("Invoice",), "billing.invoice.issued.v1"),
    Topic(
        "invoice-balanced",
        "Invoice balanced",
        "Nothing is due on an invoice any more.",
        ("Invoice",),
        "billing.invoice.balanced.v1",
    ),
    Topic(
        "invoice-cancelled",
        "Invoice cancelled",
        "An issued invoice was taken back.",
        ("Invoice",),
        "billing.invoice.cancelled.v1",
    ),
    Topic(
        "invoice-credited",
        "Invoice credited",
        "An issued invoice was corrected by a credit note, which is the focus.",
        ("Invoice",),
        "billing.invoice.credited.v1",
    ),
    Topic(
        "payment-posted",
        "Payment posted",
        "Money was received.",
        ("PaymentReconciliation",),
        "billing.payment.posted.v1",
    ),
    Topic(
        "payment-reversed",
        "Payment reversed",
        "All that a payment posted was undone: the money is not there.",
        ("PaymentReconciliation",),
        "billing.payment.reversed.v1",
    ),
    Topic(
        "refund-issued",
        "Refund issued",
        "Money of a payment is owed back: a refund was approved.",
        ("PaymentReconciliation",),
        "billing.refund.issued.v1",
    ),
    Topic(
        "adjustment-applied",
        "Adjustment applied",
        "What is owed on an invoice was lowered. What is adjusted on an account goes to its invoices.",
        ("Invoice",),
        "billing.adjustment.applied.v1",
    ),
)


def _hyphened(resource_type: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "-", resource_type).lower()


TOPICS: dict[str, Topic] = {
    topic.url: topic
    for topic in (
        *_OF_EVENTS,
        *(
            Topic(
                f"{_hyphened(name)}-changed",
                f"{name} changed",
                f"A resource of type {name} was created, changed or deleted.",
                (name,),
            )
            for name in TELLING
        ),
        Topic(
            "resource-changed",
            "Resource changed",
            "A resource of any type of the ledger was created, changed or deleted.",
            TELLING,
        ),
    )
}
"""By canonical URL."""


def _filter(code: str, of: SearchParameter) -> SearchParameter:
    return replace(of, code=code)


def _declared(resource_type: str, code: str) -> SearchParameter:
    return next(each for each in MAPPERS[resource_type].search_parameters if each.code == code)


_MORE_FILTERS: dict[str, tuple[SearchParameter, ...]] = {
    "ChargeItem": (
        _filter("facility", _declared("ChargeItem", "performing-organization")),
        SearchParameter("amount", "quantity", "ChargeItem.priceOverride", MoneyColumns("amount")),
    ),
    "Invoice": (
        _filter("facility", _declared("Invoice", "issuer")),
        _filter("amount", _declared("Invoice", "totalgross")),
        SearchParameter(
            "payer",
            "reference",
            f"Invoice.extension.where(url='{PAYER_SHARE}')",
            ChildColumn("invoice_payer_share", ReferenceColumn("payer")),
            ("Organization",),
        ),
    ),
    "PaymentReconciliation": (
        _filter("payer", _declared("PaymentReconciliation", "payment-issuer")),
        SearchParameter("amount", "quantity", "PaymentReconciliation.paymentAmount", MoneyColumns("payment_amount")),
    ),
}


def filters_of(resource_type: str) -> tuple[SearchParameter, ...]:
    """What a change of a type can be filtered by: every search parameter of the type, and a few names of business."""
    declared = MAPPERS[resource_type].search_parameters
    codes = {each.code for each in declared}
    return (*declared, *(each for each in _MORE_FILTERS.get(resource_type, ()) if each.code not in codes))
