"""`/recoveries`: money for what was written off."""

from __future__ import annotations

from pydantic import ConfigDict

from billing.recover_debt import recover_debt
from fhir_server.responses import Answer
from fhir_server.rest.adjustments import APPROVE, AdjustmentDocument, made_answer
from fhir_server.rest.documents import AccountReference, Document, PaymentReference, PositiveAmount, Text, id_of
from fhir_server.rest.request import RestRequest, Writing
from fhir_server.rest.route import RestRoute
from storage.transaction import Transaction


class RecoveryRequest(Document):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "payment": "PaymentReconciliation/5",
                    "account": "Account/1",
                    "amount": {"currency": "AFN", "minor_units": 50000},
                    "reason": "paid after all",
                }
            ]
        }
    )

    payment: PaymentReference
    account: AccountReference
    amount: PositiveAmount
    reason: Text


def post_recovery(request: RestRequest) -> Writing:
    sent = request.sent(RecoveryRequest)

    async def writing(tx: Transaction) -> Answer:
        made = await recover_debt(
            tx,
            request.context,
            id_of(sent.payment),
            id_of(sent.account),
            amount=sent.amount.money(),
            reason=sent.reason,
        )
        return made_answer(made)

    return writing


ROUTES = (
    RestRoute(
        method="POST",
        path="/recoveries",
        summary="Recover a debt that was written off",
        description="2100 -> 5100: unapplied money of the account, at most what was written off on it. Read it as an"
        " adjustment.",
        takes=RecoveryRequest,
        gives=AdjustmentDocument,
        status=201,
        business_scope=APPROVE,
        needs_idempotency_key=True,
        writes=post_recovery,
    ),
)
