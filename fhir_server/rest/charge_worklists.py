"""`/worklists/...`: charges that wait for a price or for an account, and settling them where that is possible now."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from pydantic import ConfigDict, Field

from billing.settle_waiting_charges import Settled, settle_charges_without_account, settle_unpriced_charges
from fhir_server.responses import Answer
from fhir_server.rest.answers import answer_of
from fhir_server.rest.charges import CodingDocument
from fhir_server.rest.documents import Amount, Document, PageFilter, example_config
from fhir_server.rest.pages import anchor_of, page_of, size_of
from fhir_server.rest.request import Reading, RestRequest, Writing
from fhir_server.rest.route import RestRoute
from storage import charge_worklists
from storage.charge_worklists import WaitingCharge
from storage.transaction import Reader, Transaction


class WaitingChargeDocument(Document):
    """A charge that is kept and posts nothing yet. All of it is the FHIR resource that `reference` names."""

    model_config = example_config(
        {
            "id": "3",
            "reference": "ChargeItem/3",
            "subject": "Patient/1",
            "occurrence": "2026-03-01",
            "codes": [{"system": "urn:example:tariff", "code": "x-ray"}],
            "account": "Account/1",
            "since": "2026-03-01T05:30:00.104412Z",
        }
    )

    id: str
    reference: str
    subject: str | None = None
    occurrence: str | None = None
    facility: Annotated[str | None, Field(description="The performing organization.")] = None
    codes: list[CodingDocument]
    account: str | None = None
    amount: Annotated[Amount | None, Field(description="Where it is priced.")] = None
    since: Annotated[str, Field(description="When it was changed last.")]


class WaitingPage(Document):
    items: list[WaitingChargeDocument]
    next: Annotated[str | None, Field(description="The cursor of the next page, where there is one.")] = None


class SettleRequest(Document):
    model_config = ConfigDict(json_schema_extra={"examples": [{"after": "charge-17"}]})

    after: Annotated[str | None, Field(description="`after` of the answer before; the beginning without it.")] = None


class SettleDocument(Document):
    """How many charges of a batch were looked at, and how many are settled; with `after` there may be more."""

    model_config = example_config({"looked_at": 100, "settled": 97, "after": "charge-100"})

    looked_at: int
    settled: int
    after: str | None = None


_List = Callable[..., Awaitable[list[str]]]
_Settle = Callable[..., Awaitable[Settled]]


def _lister(listed: _List) -> Callable[[RestRequest], Reading]:
    def list_waiting(request: RestRequest) -> Reading:
        size, after = size_of(request), anchor_of(request)

        async def reading(reader: Reader) -> Answer:
            ids = await listed(reader, request.tenant.id, after=after or "", count=size + 1)
            page, following = page_of(request, ids, ids)
            rows = await charge_worklists.described(reader, request.tenant.id, page)
            return answer_of(WaitingPage(items=[_document(row) for row in rows], next=following))

        return reading

    return list_waiting


def _settler(settle: _Settle) -> Callable[[RestRequest], Writing]:
    def settle_waiting(request: RestRequest) -> Writing:
        after = request.sent(SettleRequest).after or ""

        async def writing(tx: Transaction) -> Answer:
            done = await settle(tx, request.context, after=after)
            return answer_of(SettleDocument(looked_at=done.looked_at, settled=done.settled, after=done.after))

        return writing

    return settle_waiting


def _document(row: WaitingCharge) -> WaitingChargeDocument:
    is_priced = row.amount_minor is not None and row.amount_currency is not None
    return WaitingChargeDocument.model_construct(
        id=row.id,
        reference=f"ChargeItem/{row.id}",
        subject=row.subject,
        occurrence=row.occurrence,
        facility=row.performing_organization,
        codes=[CodingDocument.model_construct(system=system, code=code) for system, code in row.codes],
        account=None if row.account_id is None else f"Account/{row.account_id}",
        amount=Amount.of_minor(row.amount_currency or "", row.amount_minor or 0) if is_priced else None,
        since=row.last_updated.isoformat(),
    )


def _routes(name: str, what: str, listed: _List, settle: _Settle) -> tuple[RestRoute, RestRoute]:
    path = f"/worklists/{name}"
    return (
        RestRoute(
            method="GET",
            path=path,
            summary=f"List charges that wait for {what}",
            filters=PageFilter,
            gives=WaitingPage,
            needs=(("ChargeItem", "s"),),
            reads=_lister(listed),
        ),
        RestRoute(
            method="POST",
            path=f"{path}/settle",
            summary=f"Settle charges that wait for {what}, where there is one now",
            description="A batch of them, in the order of their ids, in one transaction. Repeat it with `after`.",
            takes=SettleRequest,
            gives=SettleDocument,
            needs=(("ChargeItem", "u"),),
            writes=_settler(settle),
        ),
    )


ROUTES = (
    *_routes("unpriced-charges", "a price", charge_worklists.unpriced, settle_unpriced_charges),
    *_routes("charges-without-account", "an account", charge_worklists.without_account, settle_charges_without_account),
)
