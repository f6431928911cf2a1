"""`/worklists/...`: money that waits for somebody to put it somewhere."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from fhir_server.authorization.smart_scopes import Permission
from fhir_server.responses import Answer
from fhir_server.rest.answers import answer_of
from fhir_server.rest.documents import (
    AccountReference,
    Amount,
    Document,
    PageFilter,
    PaymentReference,
    example_config,
    id_of,
)
from fhir_server.rest.pages import anchor_of, page_of, size_of
from fhir_server.rest.request import Reading, RestRequest
from fhir_server.rest.route import RestRoute
from storage import payment_register
from storage.payment_register import UnappliedRow, UnmatchedRow
from storage.transaction import Reader


class UnappliedFilter(PageFilter):
    account: AccountReference | None = None


class UnappliedDocument(Document):
    """What of a payment is not allocated, and whose it is: an account's or a payer's. What is held is part of it."""

    model_config = example_config(
        {
            "payment": "PaymentReconciliation/5",
            "account": "Account/1",
            "date": "2026-03-01",
            "amount": {"currency": "AFN", "minor_units": 5000},
        }
    )

    payment: PaymentReference
    account: AccountReference | None = None
    payer: str | None = None
    date: str | None = None
    amount: Amount


class UnappliedPage(Document):
    items: list[UnappliedDocument]
    next: Annotated[str | None, Field(description="The cursor of the next page, where there is one.")] = None


class UnmatchedDocument(Document):
    """A detail of a payment about something that is not kept here, while money of the payment is unapplied."""

    model_config = example_config(
        {
            "payment": "PaymentReconciliation/5",
            "detail": 0,
            "type": "payment",
            "request": "Claim/17",
            "date": "2026-03-01",
            "amount": {"currency": "AFN", "minor_units": 5000},
        }
    )

    payment: PaymentReference
    detail: Annotated[int, Field(description="Which detail, counted from 0.")]
    type: str | None = None
    request: Annotated[str | None, Field(description="What it is about, where it says so by a reference.")] = None
    date: str | None = None
    amount: Amount


class UnmatchedPage(Document):
    items: list[UnmatchedDocument]
    next: Annotated[str | None, Field(description="The cursor of the next page, where there is one.")] = None


def list_unapplied(request: RestRequest) -> Reading:
    asked, size, after = request.asked(UnappliedFilter), size_of(request), anchor_of(request)
    account_id = None if asked.account is None else id_of(asked.account)

    async def reading(reader: Reader) -> Answer:
        rows = await payment_register.unapplied(
            reader, request.tenant.id, account_id=account_id, after=after, count=size + 1
        )
        page, following = page_of(request, rows, [row.key for row in rows])
        return answer_of(UnappliedPage(items=[_unapplied(row) for row in page], next=following))

    return reading


def list_unmatched(request: RestRequest) -> Reading:
    size, after = size_of(request), anchor_of(request)

    async def reading(reader: Reader) -> Answer:
        rows = await payment_register.unmatched(reader, request.tenant.id, after=after, count=size + 1)
        page, following = page_of(request, rows, [row.key for row in rows])
        return answer_of(UnmatchedPage(items=[_unmatched(row) for row in page], next=following))

    return reading


def _unapplied(row: UnappliedRow) -> UnappliedDocument:
    return UnappliedDocument.model_construct(
        payment=f"PaymentReconciliation/{row.payment_id}",
        account=None if row.account_id is None else f"Account/{row.account_id}",
        payer=row.payer,
        date=row.date,
        amount=Amount.of_minor(row.currency, row.amount_minor),
    )


def _unmatched(row: UnmatchedRow) -> UnmatchedDocument:
    return UnmatchedDocument.model_construct(
        payment=f"PaymentReconciliation/{row.payment_id}",
        detail=row.position,
        type=row.type_code,
        request=row.request,
        date=row.date,
        amount=Amount.of_minor(row.currency or "", row.amount_minor),
    )


_NEEDS: tuple[tuple[str, Permission], ...] = (("PaymentReconciliation", "s"),)

ROUTES = (
    RestRoute(
        method="GET",
        path="/worklists/unapplied-money",
        summary="Money that is not allocated",
        description="By payment and owner, in the order in which the payments were made.",
        filters=UnappliedFilter,
        gives=UnappliedPage,
        needs=_NEEDS,
        reads=list_unapplied,
    ),
    RestRoute(
        method="GET",
        path="/worklists/unmatched-details",
        summary="Remittance details that matched nothing",
        description="Details of payments about claims and other things that are kept elsewhere, or that are not known.",
        filters=PageFilter,
        gives=UnmatchedPage,
        needs=_NEEDS,
        reads=list_unmatched,
    ),
)
