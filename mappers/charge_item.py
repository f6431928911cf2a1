"""FHIR ChargeItem (https://hl7.org/fhir/R4/chargeitem.html) to and from `ledger.charge_item.ChargeItem`."""

from __future__ import annotations

from functools import partial

from ledger.charge_item import ChargeItem
from mappers.extension_leaves import Extension, Extensions, ServerAmount, TrueFlag
from mappers.extensions import CHARGE_AMOUNT, CHARGE_UNPRICED
from mappers.index_rows import References, Texts, Tokens
from mappers.leaves import Dates, First, Inside, LocalId, MoneyAmount, Number, Plain, Required, Segment
from mappers.mapper import Mapper
from mappers.resource import IDENTIFIERS, identifier_of, official, own
from storage.search_parameters import (
    CodeColumn,
    DateColumns,
    IndexRows,
    LocalIdColumn,
    MoneyColumns,
    NumberColumn,
    QuantityColumns,
    ReferenceColumn,
)

ENTERERS = "Practitioner Organization Device Patient PractitionerRole RelatedPerson"
PERFORMERS = "Practitioner Organization CareTeam Device Patient PractitionerRole RelatedPerson"
SERVICES = (
    "Immunization MedicationDispense SupplyDelivery Observation DiagnosticReport ImagingStudy MedicationAdministration "
    "Procedure"
)


_parameter = partial(official, "ChargeItem")

CHARGE_ITEM = Mapper(
    ChargeItem,
    leaves=[
        Required("status", "status"),
        Inside("subject", Segment("subject")),
        Inside("context", Segment("context")),
        Plain("occurrence_date_time", "occurrenceDateTime"),
        Inside("occurrencePeriod", Plain("occurrence_period_start", "start"), Plain("occurrence_period_end", "end")),
        Inside(
            "occurrenceTiming",
            Dates("occurrence_timing_events", "event"),
            Inside(
                "repeat",
                Inside(
                    "boundsPeriod", Plain("occurrence_timing_start", "start"), Plain("occurrence_timing_end", "end")
                ),
            ),
        ),
        Inside("performingOrganization", Segment("performing_organization")),
        Inside("requestingOrganization", Segment("requesting_organization")),
        Inside("enterer", Segment("enterer")),
        Plain("entered_date", "enteredDate"),
        Inside(
            "quantity",
            Number("quantity_value", "value"),
            Plain("quantity_system", "system"),
            Plain("quantity_code", "code"),
        ),
        Number("factor_override", "factorOverride"),
        Inside("priceOverride", MoneyAmount("price_override")),
        First("account", LocalId("account_id", "Account")),
        Extensions(
            Extension(
                CHARGE_AMOUNT, "valueMoney", Inside("valueMoney", ServerAmount("amount_minor", "amount_currency"))
            ),
            Extension(CHARGE_UNPRICED, "valueBoolean", TrueFlag("unpriced", "valueBoolean")),
        ),
    ],
    index=[
        *IDENTIFIERS,
        Tokens("code", "code.coding[]", "code"),
        Texts("code:text", "code"),
        Tokens("performer-function", "performer[].function.coding[]", "code"),
        Texts("performer-function:text", "performer[].function"),
        References("performer-actor", "performer[].actor"),
        References("service", "service[]"),
        Tokens("account:identifier", "account[].identifier", "value"),
        Tokens("context:identifier", "context.identifier", "value"),
        Tokens("enterer:identifier", "enterer.identifier", "value"),
        Tokens("performer-actor:identifier", "performer[].actor.identifier", "value"),
        Tokens("performing-organization:identifier", "performingOrganization.identifier", "value"),
        Tokens("requesting-organization:identifier", "requestingOrganization.identifier", "value"),
        Tokens("service:identifier", "service[].identifier", "value"),
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
        _parameter("code", "token", "code", IndexRows("code"), texts="code:text"),
        _parameter(
            "context",
            "reference",
            "context",
            ReferenceColumn("context"),
            "EpisodeOfCare Encounter",
            identifiers="context:identifier",
        ),
        _parameter("entered-date", "date", "enteredDate", DateColumns("entered_date")),
        _parameter(
            "enterer", "reference", "enterer", ReferenceColumn("enterer"), ENTERERS, identifiers="enterer:identifier"
        ),
        _parameter("factor-override", "number", "factorOverride", NumberColumn("factor_override")),
        identifier_of("ChargeItem"),
        _parameter("occurrence", "date", "occurrence", DateColumns("occurrence", "occurrence_date_time")),
        _parameter(
            "patient",
            "reference",
            "subject.where(resolve() is Patient)",
            ReferenceColumn("subject"),
            "Patient",
            identifiers="subject:identifier",
        ),
        _parameter(
            "performer-actor",
            "reference",
            "performer.actor",
            IndexRows("performer-actor"),
            PERFORMERS,
            identifiers="performer-actor:identifier",
        ),
        _parameter(
            "performer-function",
            "token",
            "performer.function",
            IndexRows("performer-function"),
            texts="performer-function:text",
        ),
        _parameter(
            "performing-organization",
            "reference",
            "performingOrganization",
            ReferenceColumn("performing_organization"),
            "Organization",
            identifiers="performing-organization:identifier",
        ),
        _parameter("price-override", "quantity", "priceOverride", MoneyColumns("price_override")),
        _parameter("quantity", "quantity", "quantity", QuantityColumns("quantity")),
        _parameter(
            "requesting-organization",
            "reference",
            "requestingOrganization",
            ReferenceColumn("requesting_organization"),
            "Organization",
            identifiers="requesting-organization:identifier",
        ),
        _parameter("service", "reference", "service", IndexRows("service"), SERVICES, identifiers="service:identifier"),
        own(
            "ChargeItem",
            "status",
            "token",
            "ChargeItem.status",
            CodeColumn("status", "http://hl7.org/fhir/chargeitem-status"),
            description="Whether the charge is planned, billable, billed or withdrawn.",
        ),
        _parameter(
            "subject",
            "reference",
            "subject",
            ReferenceColumn("subject"),
            "Group Patient",
            identifiers="subject:identifier",
        ),
    ],
)
