"""FHIR PaymentReconciliation to and from `ledger.payment_reconciliation.PaymentReconciliation`.

https://hl7.org/fhir/R4/paymentreconciliation.html
"""

from __future__ import annotations

from functools import partial

from ledger.payment_reconciliation import PaymentDetail, PaymentReconciliation
from mappers.children import Child, Children
from mappers.extension_leaves import Extension, Extensions, ServerAmount
from mappers.extensions import PAYMENT_ACCOUNT, PAYMENT_METHOD, PAYMENT_REFUNDED
from mappers.index_rows import Tokens
from mappers.leaves import First, Inside, LocalId, MoneyAmount, Plain, Required, Segment
from mappers.mapper import Mapper
from mappers.resource import IDENTIFIERS, identifier_of, official, own
from storage.search_parameters import (
    ChildColumn,
    CodeColumn,
    DateColumns,
    LocalIdColumn,
    Places,
    ReferenceColumn,
    TextColumn,
)

DETAIL = Child(
    PaymentDetail,
    Inside("type", First("coding", Plain("type_system", "system"), Plain("type_code", "code"))),
    Inside("request", Segment("request")),
    Plain("date", "date"),
    Inside("amount", MoneyAmount("amount")),
)

_parameter = partial(official, "PaymentReconciliation")

PAYMENT_RECONCILIATION = Mapper(
    PaymentReconciliation,
    leaves=[
        Required("status", "status"),
        Inside("period", Plain("period_start", "start"), Plain("period_end", "end")),
        Plain("created", "created"),
        Inside("paymentIssuer", Segment("payment_issuer")),
        Inside("request", Segment("request")),
        Inside("requestor", Segment("requestor")),
        Plain("outcome", "outcome"),
        Plain("disposition", "disposition"),
        Plain("payment_date", "paymentDate"),
        Inside("paymentAmount", MoneyAmount("payment_amount")),
        Inside(
            "paymentIdentifier",
            Plain("payment_identifier_system", "system"),
            Plain("payment_identifier_value", "value"),
        ),
        Children("details", "detail", DETAIL),
        Extensions(
            Extension(
                PAYMENT_ACCOUNT, "valueReference", Inside("valueReference", LocalId("payment_account_id", "Account"))
            ),
            Extension(PAYMENT_METHOD, "valueCode", Plain("method", "valueCode")),
            Extension(
                PAYMENT_REFUNDED,
                "valueMoney",
                Inside("valueMoney", ServerAmount("refunded_minor", "refunded_currency")),
            ),
        ),
    ],
    index=[
        *IDENTIFIERS,
        Tokens("payment-issuer:identifier", "paymentIssuer.identifier", "value"),
        Tokens("request:identifier", "request.identifier", "value"),
        Tokens("requestor:identifier", "requestor.identifier", "value"),
    ],
    search_parameters=[
        own(
            "PaymentReconciliation",
            "account",
            "reference",
            "PaymentReconciliation.detail.request.where(resolve() is Account) | "
            f"PaymentReconciliation.extension('{PAYMENT_ACCOUNT}').value.ofType(Reference)",
            Places(
                (
                    LocalIdColumn("payment_account_id", "Account"),
                    ChildColumn("payment_detail", ReferenceColumn("request")),
                )
            ),
            "Account",
            description="The account that owns what is left of the payment, or that a detail puts money to.",
        ),
        _parameter("created", "date", "created", DateColumns("created")),
        _parameter("disposition", "string", "disposition", TextColumn("disposition")),
        identifier_of("PaymentReconciliation"),
        own(
            "PaymentReconciliation",
            "invoice",
            "reference",
            "PaymentReconciliation.detail.request.where(resolve() is Invoice)",
            ChildColumn("payment_detail", ReferenceColumn("request")),
            "Invoice",
            description="An invoice that a detail of the payment is about.",
        ),
        _parameter("outcome", "token", "outcome", CodeColumn("outcome", "http://hl7.org/fhir/remittance-outcome")),
        _parameter(
            "payment-issuer",
            "reference",
            "paymentIssuer",
            ReferenceColumn("payment_issuer"),
            "Organization",
            identifiers="payment-issuer:identifier",
        ),
        _parameter(
            "request", "reference", "request", ReferenceColumn("request"), "Task", identifiers="request:identifier"
        ),
        _parameter(
            "requestor",
            "reference",
            "requestor",
            ReferenceColumn("requestor"),
            "Practitioner Organization PractitionerRole",
            identifiers="requestor:identifier",
        ),
        _parameter("status", "token", "status", CodeColumn("status", "http://hl7.org/fhir/fm-status")),
    ],
)
