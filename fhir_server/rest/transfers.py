"""`/transfers`: unapplied money, or a charge, goes to another account."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator

from billing.transfer_charge import transfer_charge
from billing.transfer_money import transfer_money
from fhir_server.authorization.smart_scopes import Permission
from fhir_server.responses import Answer
from fhir_server.rest.answers import answer_of
from fhir_server.rest.documents import (
    AccountReference,
    Amount,
    ChargeReference,
    Document,
    PageFilter,
    PaymentReference,
    PositiveAmount,
    Text,
    id_of,
)
from fhir_server.rest.pages import cursor_of, next_of, size_of
from fhir_server.rest.request import Reading, RestRequest, Writing
from fhir_server.rest.route import RestRoute
from ledger.errors import not_found
from mappers.r4.json_text import decode
from storage import transfer_register
from storage.transaction import Reader, Transaction
from storage.transfer_register import ChargeVersion, TransferRow

_is_entry = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch
_of_charge_version = re.compile(r"(.{1,64})\.([1-9][0-9]{0,8})").fullmatch

NEEDS: tuple[tuple[str, Permission], ...] = (("PaymentReconciliation", "r"), ("ChargeItem", "r"))


class TransferRequest(Document):
    """Either a payment, of which an amount or all that is unapplied and free is moved, or a charge."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "payment": "PaymentReconciliation/5",
                    "to_account": "Account/2",
                    "amount": {"currency": "AFN", "minor_units": 25000},
                    "reason": "paid on the account of the brother",
                }
            ]
        }
    )

    payment: PaymentReference | None = None
    charge: ChargeReference | None = None
    to_account: AccountReference
    amount: PositiveAmount | None = None
    reason: Text

    @model_validator(mode="after")
    def _one_thing(self) -> TransferRequest:
        if (self.payment is None) == (self.charge is None):
            raise ValueError("name a payment or a charge, and one of them only")
        if self.charge is not None and self.amount is not None:
            raise ValueError("a charge is moved whole: leave the amount out")
        return self


class FromAccount(Document):
    account: AccountReference
    amount: Amount | None = None


class TransferDocument(Document):
    """What was moved. Of money `id` is the journal entry's, of a charge the charge's and its version's."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "6f0a9a0e-6d0b-4a3e-9c0e-0f5a1f1c2d3e",
                    "status": "completed",
                    "payment": "PaymentReconciliation/5",
                    "from_accounts": [{"account": "Account/1", "amount": {"currency": "AFN", "minor_units": 25000}}],
                    "to_account": "Account/2",
                    "amount": {"currency": "AFN", "minor_units": 25000},
                    "reason": "paid on the account of the brother",
                    "transferred_by": "cashier-7",
                    "transferred_at": "2026-03-01T05:30:00.104412Z",
                }
            ]
        }
    )

    id: str
    status: Literal["completed"] = "completed"
    payment: PaymentReference | None = None
    charge: ChargeReference | None = None
    from_accounts: Annotated[list[FromAccount], Field(description="Where it was before.")]
    to_account: AccountReference
    amount: Amount | None = None
    reason: str | None = None
    transferred_by: str
    transferred_at: datetime


class TransferFilter(PageFilter):
    account: Annotated[AccountReference | None, Field(description="Where it came from or went to.")] = None
    payment: PaymentReference | None = None
    charge: ChargeReference | None = None


class TransferPage(Document):
    items: list[TransferDocument]
    next: Annotated[str | None, Field(description="The cursor of the next page, where there is one.")] = None


def post_transfer(request: RestRequest) -> Writing:
    sent = request.sent(TransferRequest)

    async def writing(tx: Transaction) -> Answer:
        document = await (_of_money if sent.payment is not None else _of_charge)(tx, request, sent)
        return answer_of(document, status=201, location=f"transfers/{document.id}")

    return writing


def get_transfer(request: RestRequest) -> Reading:
    async def reading(reader: Reader) -> Answer:
        if _is_entry(request.id):
            row = await transfer_register.read(reader, request.tenant.id, request.id)
            if row is not None and row.payment_id is not None:
                return answer_of(_document(row))
        if of_charge := _of_charge_version(request.id):
            found = await _transfer_of_charge(reader, request.tenant.id, of_charge[1], int(of_charge[2]))
            if found is not None:
                return answer_of(found)
        raise not_found("not-found", f"There is no transfer {request.id}.")

    return reading


def list_transfers(request: RestRequest) -> Reading:
    asked, size, cursor = request.asked(TransferFilter), size_of(request), cursor_of(request)
    before = None if cursor is None else (cursor.asked_at.isoformat(), cursor.anchor.id)

    async def reading(reader: Reader) -> Answer:
        rows = await transfer_register.page(
            reader,
            request.tenant.id,
            account_id=None if asked.account is None else id_of(asked.account),
            payment_id=None if asked.payment is None else id_of(asked.payment),
            charge_item_id=None if asked.charge is None else id_of(asked.charge),
            before=before,
            count=size + 1,
        )
        following = None
        if len(rows) > size:
            last = rows[size - 1]
            following = next_of(request, (), last.entry_id, last.recorded_at.astimezone(UTC))
        return answer_of(TransferPage(items=[_document(row) for row in rows[:size]], next=following))

    return reading


def _document(row: TransferRow) -> TransferDocument:
    moved = {account: int(amount) for account, _, amount in (each.rpartition("=") for each in row.moved)}
    [to_account] = [account for account, amount in moved.items() if amount > 0]
    is_money = row.payment_id is not None
    return TransferDocument.model_construct(
        id=row.id,
        payment=f"PaymentReconciliation/{row.payment_id}" if is_money else None,
        charge=None if is_money else f"ChargeItem/{row.charge_item_id}",
        from_accounts=[
            FromAccount.model_construct(account=f"Account/{account}", amount=Amount.of_minor(row.currency, -amount))
            for account, amount in moved.items()
            if amount < 0
        ],
        to_account=f"Account/{to_account}",
        amount=Amount.of_minor(row.currency, moved[to_account]),
        reason=row.reason,
        transferred_by=row.created_by,
        transferred_at=row.recorded_at,
    )


async def _transfer_of_charge(
    reader: Reader, tenant_id: str, charge_item_id: str, version: int
) -> TransferDocument | None:
    """What a version of a charge says that moved, whether or not anything was posted for it."""
    versions = await transfer_register.charge_versions(reader, tenant_id, charge_item_id, version)
    if len(versions) < 2 or versions[1].version != version:
        return None
    before, after = (_account_in(each) for each in versions)
    if after is None or before == after:
        return None
    booked = await transfer_register.page(
        reader,
        tenant_id,
        account_id=None,
        payment_id=None,
        charge_item_id=charge_item_id,
        before=None,
        count=1000,
    )
    row = next((each for each in booked if each.charge_version == version), None)
    if row is not None:
        return _document(row)
    return TransferDocument.model_construct(
        id=f"{charge_item_id}.{version}",
        charge=f"ChargeItem/{charge_item_id}",
        from_accounts=[] if before is None else [FromAccount.model_construct(account=before)],
        to_account=after,
        transferred_by=versions[1].created_by,
        transferred_at=versions[1].last_updated,
    )


def _account_in(version: ChargeVersion) -> str | None:
    named = [] if version.content is None else decode(version.content.encode()).get("account", [])
    return next((each["reference"] for each in named if "reference" in each), None)


async def _of_money(tx: Transaction, request: RestRequest, sent: TransferRequest) -> TransferDocument:
    assert sent.payment is not None
    amount = None if sent.amount is None else sent.amount.money()
    done = await transfer_money(
        tx, request.context, id_of(sent.payment), to_account=id_of(sent.to_account), amount=amount, reason=sent.reason
    )
    row = await transfer_register.read(tx, tx.tenant_id, done.id)
    assert row is not None
    return _document(row)


async def _of_charge(tx: Transaction, request: RestRequest, sent: TransferRequest) -> TransferDocument:
    assert sent.charge is not None
    charge_item_id = id_of(sent.charge)
    change, _ = await transfer_charge(
        tx, request.context, charge_item_id, to_account=id_of(sent.to_account), reason=sent.reason
    )
    document = await _transfer_of_charge(tx, tx.tenant_id, charge_item_id, change.version)
    assert document is not None
    return document.model_copy(update={"reason": sent.reason})


ROUTES = (
    RestRoute(
        method="POST",
        path="/transfers",
        summary="Transfer money or a charge to another account",
        description=(
            "Money that is unapplied and not held changes its account: 2100 of the one to 2100 of the other. A charge"
            " that is not billed is reversed on its account and captured on the other."
        ),
        takes=TransferRequest,
        gives=TransferDocument,
        needs=(("PaymentReconciliation", "u"), ("ChargeItem", "u")),
        business_scope="billing:payment:post",
        status=201,
        writes=post_transfer,
    ),
    RestRoute(
        method="GET",
        path="/transfers",
        summary="List transfers",
        description="The latest first: of money, and of charges that were posted.",
        filters=TransferFilter,
        gives=TransferPage,
        needs=NEEDS,
        reads=list_transfers,
    ),
    RestRoute(
        method="GET",
        path="/transfers/{id}",
        summary="Read a transfer",
        gives=TransferDocument,
        needs=NEEDS,
        reads=get_transfer,
    ),
)
