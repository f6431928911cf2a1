"""`/charges`: what was charged, what it costs, and what it waits for."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, cast

from pydantic import ConfigDict, Field

from fhir_server.responses import Answer
from fhir_server.rest.answers import answer_of
from fhir_server.rest.documents import (
    AccountReference,
    Amount,
    ChargeReference,
    Day,
    Document,
    InvoiceReference,
    PageFilter,
    begin_of,
    end_of,
    id_of,
)
from fhir_server.rest.pages import anchor_of, page_of, size_of
from fhir_server.rest.request import Reading, RestRequest
from fhir_server.rest.route import RestRoute
from ledger.errors import not_found
from storage import charge_register
from storage.charge_register import ChargeRow
from storage.transaction import Reader

Status = Literal["planned", "billable", "not-billable", "aborted", "billed", "entered-in-error", "unknown"]
WaitsFor = Literal["price", "account"]


class ChargeFilter(PageFilter):
    account: AccountReference | None = None
    subject: Annotated[str | None, Field(description="The patient, such as Patient/1.")] = None
    status: Status | None = None
    code: Annotated[str | None, Field(description="A code, or system|code.", min_length=1)] = None
    date_from: Annotated[Day | None, Field(description="What took place on this day (UTC) or later.")] = None
    date_to: Annotated[Day | None, Field(description="What took place on this day (UTC) or earlier.")] = None
    waits_for: Annotated[WaitsFor | None, Field(description="What it lacks to be posted: the two worklists.")] = None


class CodingDocument(Document):
    system: str | None = None
    code: str | None = None


class ChargeDocument(Document):
    """A charge. All of it is the FHIR resource that `reference` names."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "3",
                    "reference": "ChargeItem/3",
                    "status": "billed",
                    "account": "Account/1",
                    "subject": "Patient/1",
                    "occurrence": "2026-03-01",
                    "facility": "Organization/main",
                    "codes": [{"system": "urn:example:tariff", "code": "consultation"}],
                    "quantity": "1",
                    "amount": {"currency": "AFN", "minor_units": 45000},
                    "invoice": "Invoice/7",
                    "changed_at": "2026-03-01T05:30:00.104412Z",
                }
            ]
        }
    )

    id: str
    reference: ChargeReference
    status: Status
    account: AccountReference | None = None
    subject: str | None = None
    occurrence: str | None = None
    facility: Annotated[str | None, Field(description="The performing organization.")] = None
    codes: list[CodingDocument]
    quantity: Annotated[str | None, Field(description="A decimal, as it was sent.")] = None
    amount: Annotated[Amount | None, Field(description="What it costs, once it is priced.")] = None
    waits_for: Annotated[WaitsFor | None, Field(description="What it lacks to be posted.")] = None
    invoice: Annotated[InvoiceReference | None, Field(description="The live invoice that it is on.")] = None
    changed_at: datetime


class ChargePage(Document):
    items: list[ChargeDocument]
    next: Annotated[str | None, Field(description="The cursor of the next page, where there is one.")] = None


def list_charges(request: RestRequest) -> Reading:
    asked, size, before = request.asked(ChargeFilter), size_of(request), anchor_of(request)

    async def reading(reader: Reader) -> Answer:
        rows = await charge_register.page(
            reader,
            request.tenant.id,
            account_id=None if asked.account is None else id_of(asked.account),
            subject=asked.subject,
            status=asked.status,
            code=asked.code,
            occurred_from=begin_of(asked.date_from),
            occurred_before=end_of(asked.date_to),
            waits_for=asked.waits_for,
            before=before,
            count=size + 1,
        )
        page, following = page_of(request, rows, [row.id for row in rows])
        return answer_of(ChargePage(items=[_document(row) for row in page], next=following))

    return reading


def get_charge(request: RestRequest) -> Reading:
    async def reading(reader: Reader) -> Answer:
        row = await charge_register.read(reader, request.tenant.id, request.id)
        if row is None:
            raise not_found("not-found", f"There is no charge {request.id}.")
        return answer_of(_document(row), version=row.version)

    return reading


def _document(row: ChargeRow) -> ChargeDocument:
    is_priced = row.amount_minor is not None and row.amount_currency is not None
    return ChargeDocument.model_construct(
        id=row.id,
        reference=f"ChargeItem/{row.id}",
        status=cast("Status", row.status),
        account=None if row.account_id is None else f"Account/{row.account_id}",
        subject=row.subject,
        occurrence=row.occurrence,
        facility=row.performing_organization,
        codes=[_coding(each) for each in row.codes],
        quantity=None if row.quantity is None else f"{row.quantity:f}",
        amount=Amount.of_minor(row.amount_currency or "", row.amount_minor or 0) if is_priced else None,
        waits_for=cast("WaitsFor | None", row.waits_for),
        invoice=None if row.invoice_id is None else f"Invoice/{row.invoice_id}",
        changed_at=row.last_updated,
    )


def _coding(written: str) -> CodingDocument:
    system, _, code = written.rpartition("|")
    return CodingDocument.model_construct(system=system or None, code=code or None)


ROUTES = (
    RestRoute(
        method="GET",
        path="/charges",
        summary="List charges",
        description="The latest made first.",
        filters=ChargeFilter,
        gives=ChargePage,
        needs=(("ChargeItem", "s"),),
        reads=list_charges,
    ),
    RestRoute(
        method="GET",
        path="/charges/{id}",
        summary="Read a charge",
        gives=ChargeDocument,
        needs=(("ChargeItem", "r"),),
        reads=get_charge,
    ),
)
