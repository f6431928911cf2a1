"""FHIR Invoice (https://hl7.org/fhir/R4/invoice.html) to and from `ledger.invoice.Invoice`."""

from __future__ import annotations

from functools import partial

from ledger.invoice import Invoice, InvoiceLine, PayerShare, PriceComponent
from mappers.children import Child, Children
from mappers.extension_leaves import Extension, Extensions, Repeated, ServerAmount
from mappers.extensions import CREDIT_OF, INVOICE_DUE, INVOICE_DUE_DATE, INVOICE_SETTLED, PAYER_SHARE, TAX_RULE
from mappers.index_rows import References, Texts, Tokens
from mappers.leaves import First, Inside, LocalId, MoneyAmount, Number, Plain, Required, Segment
from mappers.mapper import Mapper
from mappers.resource import IDENTIFIERS, identifier_of, official, own
from storage.search_parameters import (
    ChildColumn,
    CodeColumn,
    DateColumns,
    IndexRows,
    LocalIdColumn,
    MoneyColumns,
    ReferenceColumn,
)

PARTICIPANTS = "Practitioner Organization Device Patient PractitionerRole RelatedPerson"

PRICE_COMPONENT = Child(
    PriceComponent,
    Required("type", "type"),
    Inside("code", First("coding", Plain("code_system", "system"), Plain("code", "code"))),
    Number("factor", "factor"),
    Inside("amount", MoneyAmount("amount")),
    Extensions(Extension(TAX_RULE, "valueString", Plain("tax_rule", "valueString"))),
)

LINE = Child(
    InvoiceLine,
    Plain("sequence", "sequence"),
    Inside("chargeItemReference", LocalId("charge_item_id", "ChargeItem")),
    Children("components", "priceComponent", PRICE_COMPONENT),
)

SHARE = Child(
    PayerShare,
    Extensions(
        Extension(
            "payer",
            "valueReference",
            Inside(
                "valueReference",
                Segment("payer"),
                Inside("identifier", Plain("payer_system", "system"), Plain("payer_value", "value")),
            ),
        ),
        Extension("amount", "valueMoney", Inside("valueMoney", MoneyAmount("amount"))),
    ),
)

_parameter = partial(official, "Invoice")

INVOICE = Mapper(
    Invoice,
    leaves=[
        Required("status", "status"),
        Plain("cancelled_reason", "cancelledReason"),
        Inside("subject", Segment("subject")),
        Inside("recipient", Segment("recipient")),
        Plain("date", "date"),
        Inside("issuer", Segment("issuer")),
        Inside("account", LocalId("account_id", "Account")),
        Inside("totalNet", MoneyAmount("total_net")),
        Inside("totalGross", MoneyAmount("total_gross")),
        Children("lines", "lineItem", LINE),
        Children("totals", "totalPriceComponent", PRICE_COMPONENT),
        Extensions(
            Extension(CREDIT_OF, "valueReference", Inside("valueReference", LocalId("credit_of_id", "Invoice"))),
            Extension(INVOICE_DUE_DATE, "valueDate", Plain("due_date", "valueDate")),
            Repeated("shares", PAYER_SHARE, SHARE),
            Extension(
                INVOICE_SETTLED,
                "valueMoney",
                Inside("valueMoney", ServerAmount("settled_minor", "settlement_currency")),
            ),
            Extension(
                INVOICE_DUE, "valueMoney", Inside("valueMoney", ServerAmount("due_minor", "settlement_currency"))
            ),
        ),
    ],
    index=[
        *IDENTIFIERS,
        Tokens("type", "type.coding[]", "code"),
        Texts("type:text", "type"),
        Tokens("participant-role", "participant[].role.coding[]", "code"),
        Texts("participant-role:text", "participant[].role"),
        References("participant", "participant[].actor"),
        Tokens("account:identifier", "account.identifier", "value"),
        Tokens("issuer:identifier", "issuer.identifier", "value"),
        Tokens("participant:identifier", "participant[].actor.identifier", "value"),
        Tokens("recipient:identifier", "recipient.identifier", "value"),
        Tokens("subject:identifier", "subject.identifier", "value"),
    ],
    search_parameters=[
        _parameter(
            "account",
            "reference",
            "account",
            LocalIdColumn("account_id", "Account"),
            "Account",
            identifiers="account:identifier",
        ),
        own(
            "Invoice",
            "charge",
            "reference",
            "Invoice.lineItem.chargeItem.ofType(Reference)",
            ChildColumn("invoice_line", LocalIdColumn("charge_item_id", "ChargeItem")),
            "ChargeItem",
            description="A charge that a line of the invoice is about.",
        ),
        _parameter("date", "date", "date", DateColumns("date")),
        identifier_of("Invoice"),
        _parameter(
            "issuer", "reference", "issuer", ReferenceColumn("issuer"), "Organization", identifiers="issuer:identifier"
        ),
        _parameter(
            "participant",
            "reference",
            "participant.actor",
            IndexRows("participant"),
            PARTICIPANTS,
            identifiers="participant:identifier",
        ),
        _parameter(
            "participant-role",
            "token",
            "participant.role",
            IndexRows("participant-role"),
            texts="participant-role:text",
        ),
        _parameter(
            "patient",
            "reference",
            "subject.where(resolve() is Patient)",
            ReferenceColumn("subject"),
            "Patient",
            identifiers="subject:identifier",
        ),
        _parameter(
            "recipient",
            "reference",
            "recipient",
            ReferenceColumn("recipient"),
            "Organization Patient RelatedPerson",
            identifiers="recipient:identifier",
        ),
        _parameter("status", "token", "status", CodeColumn("status", "http://hl7.org/fhir/invoice-status")),
        _parameter(
            "subject",
            "reference",
            "subject",
            ReferenceColumn("subject"),
            "Group Patient",
            identifiers="subject:identifier",
        ),
        _parameter("totalgross", "quantity", "totalGross", MoneyColumns("total_gross")),
        _parameter("totalnet", "quantity", "totalNet", MoneyColumns("total_net")),
        _parameter("type", "token", "type", IndexRows("type"), texts="type:text"),
    ],
)
