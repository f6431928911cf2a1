"""`/accounts`: accounts, and what is owed and held on one."""

from __future__ import annotations

from typing import Annotated, Literal, cast

from pydantic import ConfigDict, Field

from billing.account_balance import BalanceSheet, account_balance
from fhir_server.responses import Answer
from fhir_server.rest.answers import answer_of
from fhir_server.rest.documents import AccountReference, Amount, Currency, Day, Document, Instant, PageFilter
from fhir_server.rest.pages import anchor_of, page_of, size_of
from fhir_server.rest.request import Reading, RestRequest, Writing
from fhir_server.rest.route import RestRoute
from ledger.errors import not_found
from storage import account_register
from storage.account_register import AccountRow
from storage.transaction import Reader, Transaction

Status = Literal["active", "inactive", "entered-in-error", "on-hold", "unknown"]


class AccountFilter(PageFilter):
    subject: Annotated[str | None, Field(description="Whose account it is, such as Patient/1.")] = None
    status: Status | None = None
    owner: Annotated[str | None, Field(description="The organization that it belongs to.")] = None
    currency: Currency | None = None


class AccountDocument(Document):
    """An account. All of it is the FHIR resource that `reference` names."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "1",
                    "reference": "Account/1",
                    "status": "active",
                    "name": "Hospital stay of March",
                    "currency": "AFN",
                    "subjects": ["Patient/1"],
                }
            ]
        }
    )

    id: str
    reference: AccountReference
    status: Status
    name: str | None = None
    currency: Currency
    subjects: list[str]
    owner: str | None = None
    service_period_start: str | None = None
    service_period_end: str | None = None


class AccountPage(Document):
    items: list[AccountDocument]
    next: Annotated[str | None, Field(description="The cursor of the next page, where there is one.")] = None


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


class Aging(Document):
    """What is billed and not settled, by how long it has been due; the buckets sum to `total`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "account": "Account/1",
                    "currency": "AFN",
                    "aging": [{"bucket": "current", "amount": {"currency": "AFN", "minor_units": 45000}}],
                    "total": {"currency": "AFN", "minor_units": 45000},
                }
            ]
        }
    )

    account: AccountReference
    currency: Currency
    aging: list[AgingBucket]
    total: Amount


def list_accounts(request: RestRequest) -> Reading:
    asked, size, before = request.asked(AccountFilter), size_of(request), anchor_of(request)

    async def reading(reader: Reader) -> Answer:
        rows = await account_register.page(
            reader,
            request.tenant.id,
            subject=asked.subject,
            status=asked.status,
            owner=asked.owner,
            currency=asked.currency,
            before=before,
            count=size + 1,
        )
        page, following = page_of(request, rows, [row.id for row in rows])
        return answer_of(AccountPage(items=[_account(row) for row in page], next=following))

    return reading


def get_account(request: RestRequest) -> Reading:
    async def reading(reader: Reader) -> Answer:
        row = await account_register.read(reader, request.tenant.id, request.id)
        if row is None:
            raise not_found("not-found", f"There is no account {request.id}.")
        return answer_of(_account(row), version=row.version)

    return reading


def get_balance(request: RestRequest) -> Writing:
    asked = request.asked(BalanceFilter)

    async def writing(tx: Transaction) -> Answer:
        sheet = await account_balance(tx, request.context, request.id, on=asked.date, recorded=asked.recorded)
        return answer_of(_balance(request.id, sheet))

    return writing


def get_aging(request: RestRequest) -> Writing:
    asked = request.asked(BalanceFilter)

    async def writing(tx: Transaction) -> Answer:
        sheet = await account_balance(tx, request.context, request.id, on=asked.date, recorded=asked.recorded)
        billed = sheet.billed_patient.minor_units + sheet.billed_payer.minor_units
        document = Aging(
            account=f"Account/{request.id}",
            currency=sheet.currency,
            aging=_buckets(sheet),
            total=Amount.of_minor(sheet.currency, billed),
        )
        return answer_of(document)

    return writing


def _account(row: AccountRow) -> AccountDocument:
    return AccountDocument.model_construct(
        id=row.id,
        reference=f"Account/{row.id}",
        status=cast("Status", row.status),
        name=row.name,
        currency=row.currency,
        subjects=row.subjects,
        owner=row.owner,
        service_period_start=row.service_period_start,
        service_period_end=row.service_period_end,
    )


def _buckets(sheet: BalanceSheet) -> list[AgingBucket]:
    return [AgingBucket(bucket=bucket, amount=Amount.of(amount)) for bucket, amount in sheet.aging]


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
        aging=_buckets(sheet),
    )


ROUTES = (
    RestRoute(
        method="GET",
        path="/accounts",
        summary="List accounts",
        description="The latest made first.",
        filters=AccountFilter,
        gives=AccountPage,
        needs=(("Account", "s"),),
        reads=list_accounts,
    ),
    RestRoute(
        method="GET",
        path="/accounts/{id}",
        summary="Read an account",
        gives=AccountDocument,
        needs=(("Account", "r"),),
        reads=get_account,
    ),
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
    RestRoute(
        method="GET",
        path="/accounts/{id}/aging",
        summary="The aging of an account",
        description="By days past the due date, as of a date (today without it) and as known at a moment.",
        filters=BalanceFilter,
        gives=Aging,
        needs=(("Account", "r"),),
        writes=get_aging,
    ),
)
