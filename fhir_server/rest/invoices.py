"""`/invoices`: what was invoiced, with what is settled and due."""

from __future__ import annotations

from typing import Annotated, Literal, cast

from pydantic import ConfigDict, Field

from fhir_server.responses import Answer
from fhir_server.rest.answers import answer_of
from fhir_server.rest.documents import AccountReference, Amount, Document, InvoiceReference, PageFilter, id_of
from fhir_server.rest.pages import anchor_of, page_of, size_of
from fhir_server.rest.request import Reading, RestRequest
from fhir_server.rest.route import RestRoute
from ledger.errors import not_found
from storage import invoice_register
from storage.invoice_register import InvoiceRow
from storage.transaction import Reader

Status = Literal["draft", "issued", "partially-paid", "paid", "voided"]


class InvoiceFilter(PageFilter):
    account: AccountReference | None = None
    subject: Annotated[str | None, Field(description="The patient, such as Patient/1.")] = None
    status: Status | None = None


class InvoiceDocument(Document):
    """An invoice. All of it is the FHIR resource that `reference` names."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "7",
                    "reference": "Invoice/7",
                    "status": "partially-paid",
                    "number": "INV-2026-000001",
                    "account": "Account/1",
                    "subject": "Patient/1",
                    "date": "2026-03-01",
                    "due_date": "2026-03-31",
                    "total_net": {"currency": "AFN", "minor_units": 45000},
                    "total_gross": {"currency": "AFN", "minor_units": 45000},
                    "settled": {"currency": "AFN", "minor_units": 20000},
                    "due": {"currency": "AFN", "minor_units": 25000},
                }
            ]
        }
    )

    id: str
    reference: InvoiceReference
    status: Status
    number: Annotated[str | None, Field(description="The legal number, once it is issued.")] = None
    account: AccountReference | None = None
    subject: str | None = None
    recipient: str | None = None
    issuer: str | None = None
    date: str | None = None
    due_date: str | None = None
    total_net: Amount | None = None
    total_gross: Amount | None = None
    settled: Amount | None = None
    due: Amount | None = None
    credit_of: Annotated[InvoiceReference | None, Field(description="The invoice that this credit note is of.")] = None
    reason: Annotated[str | None, Field(description="Why it was voided.")] = None
    payment_plan: Annotated[str | None, Field(description="The payment plan that the patient's share is on.")] = None


class InvoicePage(Document):
    items: list[InvoiceDocument]
    next: Annotated[str | None, Field(description="The cursor of the next page, where there is one.")] = None


def get_invoice(request: RestRequest) -> Reading:
    async def reading(reader: Reader) -> Answer:
        found = await invoice_register.read(reader, request.tenant.id, request.id)
        if found is None:
            raise not_found("not-found", f"There is no invoice {request.id}.")
        return answer_of(_document(found), version=found.version)

    return reading


def list_invoices(request: RestRequest) -> Reading:
    asked, size, after = request.asked(InvoiceFilter), size_of(request), anchor_of(request)
    account_id = None if asked.account is None else id_of(asked.account)

    async def reading(reader: Reader) -> Answer:
        rows = await invoice_register.page(
            reader,
            request.tenant.id,
            account_id=account_id,
            subject=asked.subject,
            status=asked.status,
            before=after,
            count=size + 1,
        )
        page, following = page_of(request, rows, [row.id for row in rows])
        return answer_of(InvoicePage(items=[_document(row) for row in page], next=following))

    return reading


def _document(row: InvoiceRow) -> InvoiceDocument:
    return InvoiceDocument.model_construct(
        id=row.id,
        reference=f"Invoice/{row.id}",
        status=cast("Status", row.status),
        number=row.number,
        account=None if row.account_id is None else f"Account/{row.account_id}",
        subject=row.subject,
        recipient=row.recipient,
        issuer=row.issuer,
        date=row.date,
        due_date=row.due_date,
        total_net=_amount(row.total_net_minor, row.total_net_currency),
        total_gross=_amount(row.total_gross_minor, row.total_gross_currency),
        settled=_amount(row.settled_minor, row.settlement_currency),
        due=_amount(row.due_minor, row.settlement_currency),
        credit_of=None if row.credit_of_id is None else f"Invoice/{row.credit_of_id}",
        reason=row.cancelled_reason,
        payment_plan=row.payment_plan_id,
    )


def _amount(minor_units: int | None, currency: str | None) -> Amount | None:
    return None if minor_units is None or currency is None else Amount.of_minor(currency, minor_units)


ROUTES = (
    RestRoute(
        method="GET",
        path="/invoices",
        summary="List invoices",
        description="The latest made first.",
        filters=InvoiceFilter,
        gives=InvoicePage,
        needs=(("Invoice", "s"),),
        reads=list_invoices,
    ),
    RestRoute(
        method="GET",
        path="/invoices/{id}",
        summary="Read an invoice",
        gives=InvoiceDocument,
        needs=(("Invoice", "r"),),
        reads=get_invoice,
    ),
)
