"""FHIR Account (https://hl7.org/fhir/R4/account.html) to and from `ledger.account.Account`."""

from __future__ import annotations

from functools import partial

from ledger.account import Account
from mappers.extension_leaves import CurrencyCoding, Extension, Extensions
from mappers.extensions import ACCOUNT_CURRENCY
from mappers.index_rows import References, Texts, Tokens
from mappers.leaves import Inside, Plain, Required, Segment
from mappers.mapper import Mapper
from mappers.resource import IDENTIFIERS, identifier_of, official
from storage.search_parameters import CodeColumn, DateColumns, IndexRows, ReferenceColumn, TextColumn

SUBJECTS = "Practitioner Organization Device Patient HealthcareService PractitionerRole Location"

_parameter = partial(official, "Account")

ACCOUNT = Mapper(
    Account,
    leaves=[
        Required("status", "status"),
        Plain("name", "name"),
        Inside("owner", Segment("owner")),
        Inside("servicePeriod", Plain("service_period_start", "start"), Plain("service_period_end", "end")),
        Extensions(
            Extension(
                ACCOUNT_CURRENCY, "valueCodeableConcept", Inside("valueCodeableConcept", CurrencyCoding("currency"))
            ),
        ),
    ],
    index=[
        *IDENTIFIERS,
        Tokens("type", "type.coding[]", "code"),
        Texts("type:text", "type"),
        References("subject", "subject[]"),
        Tokens("owner:identifier", "owner.identifier", "value"),
        Tokens("subject:identifier", "subject[].identifier", "value"),
    ],
    search_parameters=[
        identifier_of("Account"),
        _parameter("name", "string", "name", TextColumn("name")),
        _parameter(
            "owner", "reference", "owner", ReferenceColumn("owner"), "Organization", identifiers="owner:identifier"
        ),
        _parameter(
            "patient",
            "reference",
            "subject.where(resolve() is Patient)",
            IndexRows("subject"),
            "Patient",
            identifiers="subject:identifier",
        ),
        _parameter("period", "date", "servicePeriod", DateColumns("service_period")),
        _parameter("status", "token", "status", CodeColumn("status", "http://hl7.org/fhir/account-status")),
        _parameter("subject", "reference", "subject", IndexRows("subject"), SUBJECTS, identifiers="subject:identifier"),
        _parameter("type", "token", "type", IndexRows("type"), texts="type:text"),
    ],
)
