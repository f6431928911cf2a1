"""FHIR PaymentNotice (https://hl7.org/fhir/R4/paymentnotice.html) to and from `ledger.payment_notice.PaymentNotice`."""

from __future__ import annotations

from functools import partial

from ledger.payment_notice import PaymentNotice
from mappers.index_rows import Texts, Tokens
from mappers.leaves import Inside, LocalId, MoneyAmount, Plain, Required, Segment
from mappers.mapper import Mapper
from mappers.resource import IDENTIFIERS, identifier_of, official
from storage.search_parameters import CodeColumn, DateColumns, IndexRows, ReferenceColumn

_parameter = partial(official, "PaymentNotice")

PAYMENT_NOTICE = Mapper(
    PaymentNotice,
    leaves=[
        Required("status", "status"),
        Inside("request", Segment("request")),
        Inside("response", Segment("response")),
        Plain("created", "created"),
        Inside("provider", Segment("provider")),
        Inside("payment", LocalId("payment_id", "PaymentReconciliation")),
        Plain("payment_date", "paymentDate"),
        Inside("payee", Segment("payee")),
        Inside("recipient", Segment("recipient")),
        Inside("amount", MoneyAmount("amount")),
    ],
    index=[
        *IDENTIFIERS,
        Tokens("payment-status", "paymentStatus.coding[]", "code"),
        Texts("payment-status:text", "paymentStatus"),
        Tokens("provider:identifier", "provider.identifier", "value"),
        Tokens("request:identifier", "request.identifier", "value"),
        Tokens("response:identifier", "response.identifier", "value"),
    ],
    search_parameters=[
        _parameter("created", "date", "created", DateColumns("created")),
        identifier_of("PaymentNotice"),
        _parameter(
            "payment-status", "token", "paymentStatus", IndexRows("payment-status"), texts="payment-status:text"
        ),
        _parameter(
            "provider",
            "reference",
            "provider",
            ReferenceColumn("provider"),
            "Practitioner Organization PractitionerRole",
            identifiers="provider:identifier",
        ),
        _parameter("request", "reference", "request", ReferenceColumn("request"), identifiers="request:identifier"),
        _parameter("response", "reference", "response", ReferenceColumn("response"), identifiers="response:identifier"),
        _parameter("status", "token", "status", CodeColumn("status", "http://hl7.org/fhir/fm-status")),
    ],
)
