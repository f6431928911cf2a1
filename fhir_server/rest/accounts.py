"""`/accounts`: what is owed and held on an account."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from billing.account_balance import BalanceSheet, account_balance
from fhir_server.responses import Answer
from fhir_server.rest.answers import answer_of
from fhir_server.rest.documents import AccountReference, Amount, Currency, Day, Document, Instant
from fhir_server.rest.request import RestRequest, Writing
from fhir_server.rest.route import RestRoute
from storage.transaction import Transaction


class BalanceFilter(Document):
    date: Annotated[
        Day | None, Field(description="Counts what is effective up to this date; everything without it.")
    ] = None
    recorded: Annotated[
        Instant | None, Field(description="Counts what was recorded up to this moment; else up to now.")
    ] = None


class AgingBucket(Document):
    bucket: Annotated[str, Field(description="Days past due: current, 1-30, 31-60, 61-90, 91-120 or 121+.")]
    amount: Amount


class Balance(Document):
    """`total` = unbilled + billed_patient + billed_payer - unapplied - refund_payable; the buckets of `aging` sum to
    what is billed."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "account": "Account/1",
                    "currency": "AFN",
                    **{
                        name: {"currency": "AFN", "minor_units": amount}
                        for name, amount in {
                            "unbilled": 0,
                            "billed_patient": 45000,
                            "billed_payer": 0,
                            "unapplied": 5000,
                            "held": 0,
                            "refund_payable": 0,
                            "total": 40000,
                        }.items()
                    },
                    "aging": [{"bucket": "current", "amount": {"currency": "AFN", "minor_units": 45000}}],
                }
            ]
        }
    )

    account: AccountReference
    currency: Currency
    unbilled: Amount
    billed_patient: Amount
    billed_payer: Amount
    unapplied: Annotated[Amount, Field(description="Received and not yet allocated; what is held included.")]
    held: Annotated[Amount, Field(description="What requested refunds hold of the unapplied money.")]
    refund_payable: Annotated[Amount, Field(description="Refunds approved and not yet paid out.")]
    total: Amount
    aging: list[AgingBucket]


def get_balance(request: RestRequest) -> Writing:
    asked = request.asked(BalanceFilter)

    async def writing(tx: Transaction) -> Answer:
        sheet = await account_balance(tx, request.context, request.id, on=asked.date, recorded=asked.recorded)
        return answer_of(_balance(request.id, sheet))

    return writing


def _balance(account_id: str, sheet: BalanceSheet) -> Balance:
    return Balance(
        account=f"Account/{account_id}",
        currency=sheet.currency,
        unbilled=Amount.of(sheet.unbilled),
        billed_patient=Amount.of(sheet.billed_patient),
        billed_payer=Amount.of(sheet.billed_payer),
        unapplied=Amount.of(sheet.unapplied),
        held=Amount.of(sheet.held),
        refund_payable=Amount.of(sheet.refund_payable),
        total=Amount.of(sheet.total),
        aging=[AgingBucket(bucket=bucket, amount=Amount.of(amount)) for bucket, amount in sheet.aging],
    )


ROUTES = (
    RestRoute(
        method="GET",
        path="/accounts/{id}/balance",
        summary="The balance of an account",
        description="As of an effective date and as known at a moment, as the FHIR operation Account/[id]/$balance.",
        filters=BalanceFilter,
        gives=Balance,
        needs=(("Account", "r"),),
        writes=get_balance,
    ),
)
