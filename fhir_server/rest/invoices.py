"""`/invoices`: what was invoiced, with what is settled and due."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, cast

from pydantic import Field
from pydantic.config import JsonDict

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
    PaymentReference,
    begin_of,
    end_of,
    example_config,
    id_of,
)
from fhir_server.rest.pages import anchor_of, page_of, size_of
from fhir_server.rest.request import Reading, RestRequest
from fhir_server.rest.route import RestRoute
from ledger.errors import not_found
from storage import invoice_register
from storage.invoice_register import ComponentRow, InvoiceRow, LineRow, SettlementRow
from storage.transaction import Reader

Status = Literal["draft", "issued", "partially-paid", "paid", "voided"]


_EXAMPLE: JsonDict = {
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
_DETAIL: JsonDict = {
    **_EXAMPLE,
    "lines": [
        {
            "sequence": 1,
            "charge": "ChargeItem/3",
            "components": [{"type": "base", "amount": {"currency": "AFN", "minor_units": 45000}}],
        }
    ],
    "total_components": [],
    "settlements": [
        {
            "entry": "6f0a9a0e-6d0b-4a3e-9c0e-0f5a1f1c2d3e",
            "kind": "payment-allocated",
            "date": "2026-03-05",
            "recorded_at": "2026-03-05T05:30:00.104412Z",
            "source": "PaymentReconciliation/5",
            "payment": "PaymentReconciliation/5",
            "amount": {"currency": "AFN", "minor_units": 20000},
        }
    ],
}


class InvoiceFilter(PageFilter):
    account: AccountReference | None = None
    subject: Annotated[str | None, Field(description="The patient, such as Patient/1.")] = None
    issuer: Annotated[str | None, Field(description="The organization that issued it.")] = None
    status: Status | None = None
    number: Annotated[str | None, Field(description="Its legal number, or another identifier of it.")] = None
    date_from: Annotated[Day | None, Field(description="Dated on this day (UTC) or later.")] = None
    date_to: Annotated[Day | None, Field(description="Dated on this day (UTC) or earlier.")] = None
    overdue_on: Annotated[
        Day | None, Field(description="Due before this day, and not settled; payment plans are not looked at.")
    ] = None


class InvoiceDocument(Document):
    """An invoice. All of it is the FHIR resource that `reference` names."""

    model_config = example_config(_EXAMPLE)

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


class ComponentDocument(Document):
    type: Annotated[str, Field(description="base, surcharge, deduction, discount, tax or informational.")]
    code: str | None = None
    amount: Amount | None = None


class LineDocument(Document):
    sequence: int | None = None
    charge: ChargeReference | None = None
    components: list[ComponentDocument]


class SettlementDocument(Document):
    """What an entry of the journal took off what is owed; below zero where it is owed again."""

    entry: str
    kind: Annotated[str, Field(description="Such as payment-allocated, invoice-credited or written-off.")]
    date: Day
    recorded_at: datetime
    source: Annotated[str, Field(description="What did it: a payment, a credit note, an adjustment.")]
    payment: PaymentReference | None = None
    amount: Amount


class InvoiceDetail(InvoiceDocument):
    """An invoice with its lines, and what settled it: the amounts of `settlements` come to `settled`. (A credit note
    is settled by itself.)"""

    model_config = example_config(_DETAIL)

    lines: list[LineDocument]
    total_components: Annotated[list[ComponentDocument], Field(description="Taxes and the like of the whole.")]
    settlements: list[SettlementDocument]


class InvoicePage(Document):
    items: list[InvoiceDocument]
    next: Annotated[str | None, Field(description="The cursor of the next page, where there is one.")] = None


def get_invoice(request: RestRequest) -> Reading:
    async def reading(reader: Reader) -> Answer:
        found = await invoice_register.read(reader, request.tenant.id, request.id)
        if found is None:
            raise not_found("not-found", f"There is no invoice {request.id}.")
        lines = await invoice_register.lines(reader, request.tenant.id, request.id)
        settlements = await invoice_register.settlements(reader, request.tenant.id, request.id)
        return answer_of(_detail(found, lines, settlements), version=found.version)

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
            issuer=asked.issuer,
            status=asked.status,
            number=asked.number,
            dated_from=begin_of(asked.date_from),
            dated_before=end_of(asked.date_to),
            due_before=None if asked.overdue_on is None else asked.overdue_on.isoformat(),
            before=after,
            count=size + 1,
        )
        page, following = page_of(request, rows, [row.id for row in rows])
        return answer_of(InvoicePage(items=[_document(row) for row in page], next=following))

    return reading


def _document(row: InvoiceRow) -> InvoiceDocument:
    return InvoiceDocument.model_construct(**_members(row))


def _detail(row: InvoiceRow, lines: list[LineRow], settlements: list[SettlementRow]) -> InvoiceDetail:
    *own, totals = [[_component(each) for each in line.components] for line in lines]
    return InvoiceDetail.model_construct(
        **_members(row),
        lines=[
            LineDocument.model_construct(
                sequence=line.sequence,
                charge=None if line.charge_item_id is None else f"ChargeItem/{line.charge_item_id}",
                components=components,
            )
            for line, components in zip(lines, own, strict=False)
        ],
        total_components=totals,
        settlements=[_settlement(each) for each in settlements],
    )


def _component(row: ComponentRow) -> ComponentDocument:
    return ComponentDocument.model_construct(
        type=row.type, code=row.code, amount=_amount(row.amount_minor, row.currency)
    )


def _settlement(row: SettlementRow) -> SettlementDocument:
    return SettlementDocument.model_construct(
        entry=row.entry_id,
        kind=row.kind,
        date=row.effective_at,
        recorded_at=row.recorded_at,
        source=f"{row.source_type}/{row.source_id}",
        payment=None if row.payment_id is None else f"PaymentReconciliation/{row.payment_id}",
        amount=Amount.of_minor(row.currency, row.amount_minor),
    )


def _members(row: InvoiceRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "reference": f"Invoice/{row.id}",
        "status": cast("Status", row.status),
        "number": row.number,
        "account": None if row.account_id is None else f"Account/{row.account_id}",
        "subject": row.subject,
        "recipient": row.recipient,
        "issuer": row.issuer,
        "date": row.date,
        "due_date": row.due_date,
        "total_net": _amount(row.total_net_minor, row.total_net_currency),
        "total_gross": _amount(row.total_gross_minor, row.total_gross_currency),
        "settled": _amount(row.settled_minor, row.settlement_currency),
        "due": _amount(row.due_minor, row.settlement_currency),
        "credit_of": None if row.credit_of_id is None else f"Invoice/{row.credit_of_id}",
        "reason": row.cancelled_reason,
        "payment_plan": row.payment_plan_id,
    }


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
        description="With its lines and what settled it.",
        gives=InvoiceDetail,
        needs=(("Invoice", "r"),),
        reads=get_invoice,
    ),
)
