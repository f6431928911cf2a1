"""What the bodies of the REST API are made of. Every body is closed: a member that is not declared is refused.

Values are taken exactly: `"5"`, `5.0` and `true` are no integers here.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from ledger.dates import moment_of
from ledger.errors import Refusal
from ledger.money import AMOUNT_MINOR_MAX, Money, exponent_of

_is_instant = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}([.]\d+)?)?(Z|[+-]\d{2}:\d{2})").fullmatch
_is_day = re.compile(r"\d{4}-\d{2}-\d{2}").fullmatch


class Document(BaseModel):
    """A JSON object of the API. What is sent is read strictly; what is answered leaves out what is not there."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def example_config(example: JsonDict) -> ConfigDict:
    """The configuration of a document that has an example, which OpenAPI shows."""
    return ConfigDict(json_schema_extra={"examples": [example]})


def _iso_4217(code: str) -> str:
    try:
        exponent_of(code)
    except Refusal as refusal:
        raise PydanticCustomError("unknown_currency", "{message}", {"message": refusal.problems[0].message}) from None
    return code


def _day(value: Any) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _is_day(value):
        raise ValueError("a date is a text such as 2026-03-31")
    return date.fromisoformat(value)


def _instant(value: Any) -> Any:
    # A bare number would be read as the seconds since 1970.
    if not isinstance(value, str):
        return value
    if not _is_instant(value):
        raise ValueError("a moment is a text with a zone, such as 2026-03-31T10:00:00+04:30")
    try:
        return moment_of(value)
    except Refusal as refusal:
        raise ValueError(refusal.problems[0].message) from None


def _no_spaces_only(text: str) -> str:
    if not text.strip():
        raise ValueError("this text is empty")
    return text


Currency = Annotated[str, StringConstraints(pattern="^[A-Z]{3}$"), AfterValidator(_iso_4217)]
Day = Annotated[date, BeforeValidator(_day, json_schema_input_type=str)]
Instant = Annotated[AwareDatetime, BeforeValidator(_instant, json_schema_input_type=datetime)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=1000), AfterValidator(_no_spaces_only)]


def reference_to(*resource_types: str) -> Any:
    """The type of a reference to a FHIR resource that is kept here: `Account/123`."""
    return StringConstraints(pattern=rf"^({'|'.join(resource_types)})/[A-Za-z0-9\-.]{{1,64}}$")


AccountReference = Annotated[str, reference_to("Account")]
InvoiceReference = Annotated[str, reference_to("Invoice")]
PaymentReference = Annotated[str, reference_to("PaymentReconciliation")]
ChargeReference = Annotated[str, reference_to("ChargeItem")]


def id_of(reference: str) -> str:
    """`123` of `Account/123`."""
    return reference.partition("/")[2]


class Amount(Document):
    """Money: a whole number of minor units of one ISO 4217 currency. AFN 10.50 is 1050."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"currency": "AFN", "minor_units": 1050}]})

    currency: Currency
    minor_units: Annotated[int, Field(ge=-AMOUNT_MINOR_MAX, le=AMOUNT_MINOR_MAX)]

    def money(self) -> Money:
        return Money(self.currency, self.minor_units)

    @classmethod
    def of(cls, money: Money) -> Amount:
        return cls.of_minor(money.currency, money.minor_units)

    @classmethod
    def of_minor(cls, currency: str, minor_units: int) -> Amount:
        # An answer may sum to more than one amount may be.
        return cls.model_construct(currency=currency, minor_units=minor_units)


class PositiveAmount(Amount):
    """Money of more than nothing."""

    minor_units: Annotated[int, Field(ge=1, le=AMOUNT_MINOR_MAX)]


def begin_of(day: date | None) -> datetime | None:
    """The moment at which a day begins in UTC, as searches have it; None for none."""
    return None if day is None else datetime.combine(day, time(), UTC)


def end_of(day: date | None) -> datetime | None:
    """The moment at which a day is over; None for none, and for the last day that there is."""
    return None if day is None or day == date.max else begin_of(day + timedelta(days=1))


class NoFilter(Document):
    """The query of a route that takes none."""


class PageFilter(Document):
    """What every list takes: how many items a page has, and where it begins."""

    limit: Annotated[int | None, Field(ge=1, description="The most items on this page.")] = None
    cursor: Annotated[str | None, Field(description="`next` of the page before; with the same other parameters.")] = (
        None
    )
