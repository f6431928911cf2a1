"""`/trial-balance`: what every ledger account was debited and credited."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from billing.trial_balance import trial_balance
from fhir_server.responses import Answer
from fhir_server.rest.answers import answer_of
from fhir_server.rest.documents import Amount, Currency, Day, Document, Instant
from fhir_server.rest.request import Reading, RestRequest
from fhir_server.rest.route import RestRoute
from ledger.chart import name_of
from ledger.trial_balance import LedgerAccountTotal
from storage.transaction import Reader


class TrialBalanceFilter(Document):
    date: Annotated[
        Day | None, Field(description="Counts what is effective up to this date; everything without it.")
    ] = None
    recorded: Annotated[
        Instant | None,
        Field(description="Counts what was recorded up to this moment; the answer for a moment never changes."),
    ] = None
    facility: Annotated[
        str | None, Field(description="Only postings of this facility; they need not balance by themselves.")
    ] = None


class TrialBalanceLine(Document):
    """A ledger account in one currency. `balance` = `debit` - `credit`."""

    ledger_account: Annotated[int, Field(description="Its code in the chart of accounts, such as 1100.")]
    name: str
    currency: Currency
    debit: Amount
    credit: Amount
    balance: Amount


class TrialBalance(Document):
    """All ledger accounts that were ever posted to. In every currency the balances sum to zero."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "date": "2026-11-30",
                    "items": [
                        {
                            "ledger_account": account,
                            "name": name,
                            "currency": "AFN",
                            "debit": {"currency": "AFN", "minor_units": debit},
                            "credit": {"currency": "AFN", "minor_units": credit},
                            "balance": {"currency": "AFN", "minor_units": debit - credit},
                        }
                        for account, name, debit, credit in (
                            (1150, "Unbilled receivable", 45000, 0),
                            (4000, "Patient revenue", 0, 45000),
                        )
                    ],
                }
            ]
        }
    )

    date: Day | None = None
    recorded: Instant | None = None
    facility: str | None = None
    items: list[TrialBalanceLine]


def get_trial_balance(request: RestRequest) -> Reading:
    asked = request.asked(TrialBalanceFilter)

    async def reading(reader: Reader) -> Answer:
        totals = await trial_balance(
            reader, request.context, on=asked.date, recorded=asked.recorded, facility=asked.facility
        )
        lines = [line_of(total) for total in totals]
        return answer_of(TrialBalance(date=asked.date, recorded=asked.recorded, facility=asked.facility, items=lines))

    return reading


def line_of(total: LedgerAccountTotal) -> TrialBalanceLine:
    def amount(minor_units: int) -> Amount:
        return Amount.of_minor(total.currency, minor_units)

    return TrialBalanceLine(
        ledger_account=int(total.ledger_account),
        name=name_of(total.ledger_account),
        currency=total.currency,
        debit=amount(total.debit_minor),
        credit=amount(total.credit_minor),
        balance=amount(total.balance_minor),
    )


ROUTES = (
    RestRoute(
        method="GET",
        path="/trial-balance",
        summary="The trial balance",
        description="What every ledger account was debited and credited, as of an effective date and as known at a"
        " moment. It counts everything that is committed, whether or not it is in the control totals yet.",
        filters=TrialBalanceFilter,
        gives=TrialBalance,
        business_scope="billing:check:read",
        reads=get_trial_balance,
    ),
)
