"""`/provisions`: an allowance for what an account is not expected to pay."""

from __future__ import annotations

from pydantic import ConfigDict

from billing.provide_for_loss import provide_for_loss
from fhir_server.responses import Answer
from fhir_server.rest.adjustments import APPROVE, AdjustmentDocument, made_answer
from fhir_server.rest.documents import AccountReference, Document, PositiveAmount, Text, id_of
from fhir_server.rest.request import RestRequest, Writing
from fhir_server.rest.route import RestRoute
from storage.transaction import Transaction


class ProvisionRequest(Document):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "account": "Account/1",
                    "amount": {"currency": "AFN", "minor_units": 50000},
                    "reason": "overdue for a year",
                }
            ]
        }
    )

    account: AccountReference
    amount: PositiveAmount
    reason: Text


def post_provision(request: RestRequest) -> Writing:
    sent = request.sent(ProvisionRequest)

    async def writing(tx: Transaction) -> Answer:
        account_id, amount = id_of(sent.account), sent.amount.money()
        return made_answer(await provide_for_loss(tx, request.context, account_id, amount=amount, reason=sent.reason))

    return writing


ROUTES = (
    RestRoute(
        method="POST",
        path="/provisions",
        summary="Provide for loss on an account",
        description="5100 -> 1190. A write-off on the account uses the allowance up first. Read it as an adjustment.",
        takes=ProvisionRequest,
        gives=AdjustmentDocument,
        status=201,
        business_scope=APPROVE,
        needs_idempotency_key=True,
        writes=post_provision,
    ),
)
