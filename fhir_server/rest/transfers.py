"""`/transfers`: unapplied money, or a charge, goes to another account."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator

from billing.transfer_charge import transfer_charge
from billing.transfer_money import transfer_money
from fhir_server.responses import Answer
from fhir_server.rest.answers import answer_of
from fhir_server.rest.documents import (
    AccountReference,
    Amount,
    Document,
    PaymentReference,
    PositiveAmount,
    Text,
    id_of,
    reference_to,
)
from fhir_server.rest.request import RestRequest, Writing
from fhir_server.rest.route import RestRoute
from storage.transaction import Transaction

ChargeReference = Annotated[str, reference_to("ChargeItem")]


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

    id: str
    status: Literal["completed"] = "completed"
    payment: PaymentReference | None = None
    charge: ChargeReference | None = None
    from_accounts: Annotated[list[FromAccount], Field(description="Where it was before.")]
    to_account: AccountReference
    amount: Amount | None = None
    reason: str
    transferred_by: str
    transferred_at: datetime


def post_transfer(request: RestRequest) -> Writing:
    sent = request.sent(TransferRequest)
    to_account = id_of(sent.to_account)

    async def writing(tx: Transaction) -> Answer:
        done = _of_money if sent.payment is not None else _of_charge
        return answer_of(await done(tx, request, sent, to_account))

    return writing


async def _of_money(tx: Transaction, request: RestRequest, sent: TransferRequest, to_account: str) -> TransferDocument:
    assert sent.payment is not None
    amount = None if sent.amount is None else sent.amount.money()
    done = await transfer_money(
        tx, request.context, id_of(sent.payment), to_account=to_account, amount=amount, reason=sent.reason
    )
    return TransferDocument(
        id=done.id,
        payment=sent.payment,
        from_accounts=[
            FromAccount(account=f"Account/{account_id}", amount=Amount.of_minor(done.amount.currency, part))
            for account_id, part in done.from_accounts.items()
        ],
        to_account=sent.to_account,
        amount=Amount.of(done.amount),
        reason=sent.reason,
        transferred_by=request.context.actor,
        transferred_at=done.at,
    )


async def _of_charge(tx: Transaction, request: RestRequest, sent: TransferRequest, to_account: str) -> TransferDocument:
    assert sent.charge is not None
    charge_item_id = id_of(sent.charge)
    change, previous = await transfer_charge(
        tx, request.context, charge_item_id, to_account=to_account, reason=sent.reason
    )
    was_on = [] if previous.account_id is None else [FromAccount(account=f"Account/{previous.account_id}")]
    return TransferDocument(
        id=f"{charge_item_id}.{change.version}",
        charge=sent.charge,
        from_accounts=was_on,
        to_account=sent.to_account,
        reason=sent.reason,
        transferred_by=request.context.actor,
        transferred_at=change.last_updated,
    )


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
        writes=post_transfer,
    ),
)
