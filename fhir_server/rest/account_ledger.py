"""`/accounts/{id}/ledger-lines` and `/accounts/{id}/statement`: what moved on an account, line by line."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import Field
from pydantic.config import JsonDict

from billing.account_ledger import After, Period, account_statement, ledger_lines, total_of
from fhir_server.authorization.smart_scopes import Permission
from fhir_server.interactions.search_cursor import Cursor
from fhir_server.responses import Answer
from fhir_server.rest.answers import answer_of
from fhir_server.rest.documents import (
    AccountReference,
    Amount,
    ChargeReference,
    Currency,
    Day,
    Document,
    Instant,
    InvoiceReference,
    PageFilter,
    PaymentReference,
    example_config,
)
from fhir_server.rest.pages import cursor_of, next_of, size_of
from fhir_server.rest.request import RestRequest, Writing
from fhir_server.rest.route import RestRoute
from ledger.chart import name_of
from storage.account_ledger import LedgerEntry, LedgerLine, Place
from storage.transaction import Transaction

# Whoever reads these sees what charges, invoices and payments come to.
NEEDS: tuple[tuple[str, Permission], ...] = (
    ("Account", "r"),
    ("ChargeItem", "r"),
    ("Invoice", "r"),
    ("PaymentReconciliation", "r"),
)

_NOTHING: JsonDict = {"currency": "AFN", "minor_units": 0}
_AMOUNT: JsonDict = {"currency": "AFN", "minor_units": 45000}
_ENTRY: JsonDict = {
    "entry": "6f0a9a0e-6d0b-4a3e-9c0e-0f5a1f1c2d3e",
    "kind": "charge-captured",
    "date": "2026-03-01",
    "recorded_at": "2026-03-01T05:30:00.104412Z",
    "source": "ChargeItem/3/_history/1",
    "charge": "ChargeItem/3",
    "amount": _AMOUNT,
    "balance": _AMOUNT,
}
_LINE: JsonDict = {
    **_ENTRY,
    "line": 1,
    "ledger_account": 1150,
    "ledger_account_name": "Unbilled receivable",
    "recorded_by": "his-7",
}
_BALANCES: JsonDict = {
    "unbilled": _AMOUNT,
    "billed_patient": _NOTHING,
    "billed_payer": _NOTHING,
    "unapplied": _NOTHING,
    "refund_payable": _NOTHING,
    "total": _AMOUNT,
}


class PeriodFilter(PageFilter):
    date_from: Annotated[Day | None, Field(description="The first day, by the date that counts.")] = None
    date_to: Annotated[Day | None, Field(description="The last day.")] = None
    recorded: Annotated[
        Instant | None,
        Field(description="Shows what was recorded up to this moment; all without it, and the answer names when."),
    ] = None


class EntryDocument(Document):
    """What an entry of the journal changed of the account's balance, and what it was then."""

    model_config = example_config(_ENTRY)

    entry: Annotated[str, Field(description="The journal entry.")]
    kind: Annotated[str, Field(description="What happened, such as charge-captured or payment-received.")]
    date: Annotated[Day, Field(description="The day that counts.")]
    recorded_at: Annotated[datetime, Field(description="When the ledger learnt of it.")]
    source: Annotated[str, Field(description="What made it: the version of a FHIR resource, or a refund and the like.")]
    reason: str | None = None
    invoice: InvoiceReference | None = None
    charge: ChargeReference | None = None
    payment: PaymentReference | None = None
    amount: Annotated[Amount, Field(description="Above zero where more is owed on the account after it.")]
    balance: Annotated[Amount, Field(description="`total` of the account's balance after it, in the list's order.")]


class LineDocument(EntryDocument):
    """A posting to the account: debits are positive. Not every ledger account is part of the account's balance."""

    model_config = example_config(_LINE)

    line: Annotated[int, Field(description="Its number in the entry.")]
    ledger_account: Annotated[int, Field(description="Its code in the chart of accounts.")]
    ledger_account_name: str
    payer: str | None = None
    facility: str | None = None
    detail: Annotated[
        str | None, Field(description="The tax code of 2200, the drawer of 1010, the account that 2400 goes to.")
    ] = None
    reverses: Annotated[str | None, Field(description="The entry that it takes back.")] = None
    recorded_by: str


class LinePage(Document):
    model_config = example_config(
        {
            "account": "Account/1",
            "currency": "AFN",
            "recorded": "2026-03-01T05:30:00.104412Z",
            "opening": _NOTHING,
            "items": [_LINE],
        }
    )

    account: AccountReference
    currency: Currency
    recorded: Annotated[datetime, Field(description="All that was known at this moment is shown; ask for it again.")]
    opening: Annotated[Amount, Field(description="The balance before the first line of this page.")]
    items: list[LineDocument]
    next: Annotated[str | None, Field(description="The cursor of the next page, where there is one.")] = None


class BalancesDocument(Document):
    """The balances of an account on an evening; `total` as in its balance."""

    model_config = example_config(_BALANCES)

    unbilled: Amount
    billed_patient: Amount
    billed_payer: Amount
    unapplied: Amount
    refund_payable: Amount
    total: Amount


class StatementDocument(Document):
    """`opening.total` and the amounts of all items, on all pages, come to `closing.total`."""

    model_config = example_config(
        {
            "account": "Account/1",
            "currency": "AFN",
            "date_from": "2026-03-01",
            "date_to": "2026-03-31",
            "recorded": "2026-03-01T05:30:00.104412Z",
            "opening": {**_BALANCES, "unbilled": _NOTHING, "total": _NOTHING},
            "items": [_ENTRY],
            "closing": _BALANCES,
        }
    )

    account: AccountReference
    currency: Currency
    date_from: Day | None = None
    date_to: Day | None = None
    recorded: Annotated[
        datetime, Field(description="As it was known at this moment. Asked for it again, it is the same.")
    ]
    opening: Annotated[BalancesDocument, Field(description="On the evening before the first day.")]
    items: list[EntryDocument]
    closing: Annotated[BalancesDocument, Field(description="On the evening of the last day.")]
    next: Annotated[str | None, Field(description="The cursor of the next page, where there is one.")] = None


def get_lines(request: RestRequest) -> Writing:
    size, period, after = size_of(request), _period(request), _after(request)

    async def writing(tx: Transaction) -> Answer:
        page = await ledger_lines(tx, request.id, period, count=size + 1, after=after)
        shown = page.lines[:size]
        document = LinePage(
            account=f"Account/{request.id}",
            currency=page.currency,
            recorded=page.recorded,
            opening=Amount.of_minor(page.currency, page.opening_minor),
            items=[_line(line, page.currency, balance) for line, balance in shown],
            next=_next(request, [(line.place, balance) for line, balance in page.lines], page.recorded),
        )
        return answer_of(document)

    return writing


def get_statement(request: RestRequest) -> Writing:
    asked, size, period, after = request.asked(PeriodFilter), size_of(request), _period(request), _after(request)

    async def writing(tx: Transaction) -> Answer:
        statement = await account_statement(tx, request.id, period, count=size + 1, after=after)
        document = StatementDocument(
            account=f"Account/{request.id}",
            currency=statement.currency,
            date_from=asked.date_from,
            date_to=asked.date_to,
            recorded=statement.recorded,
            opening=_balances(statement.opening, statement.currency),
            items=[_entry(entry, statement.currency, balance) for entry, balance in statement.entries[:size]],
            closing=_balances(statement.closing, statement.currency),
            next=_next(request, [(entry.place, balance) for entry, balance in statement.entries], statement.recorded),
        )
        return answer_of(document)

    return writing


def _period(request: RestRequest) -> Period:
    asked, cursor = request.asked(PeriodFilter), cursor_of(request)
    # What is recorded while a client pages is on none of its pages.
    recorded = asked.recorded if cursor is None else cursor.asked_at
    return Period(first=asked.date_from, last=asked.date_to, recorded=recorded)


def _after(request: RestRequest) -> After | None:
    cursor: Cursor | None = cursor_of(request)
    if cursor is None:
        return None
    day, moment, balance = cursor.anchor.values
    assert day is not None and moment is not None and balance is not None  # noqa: PT018 - we signed it
    return After(Place(date.fromisoformat(day), datetime.fromisoformat(moment), int(cursor.anchor.id)), int(balance))


def _next(request: RestRequest, items: list[tuple[Place, int]], recorded: datetime) -> str | None:
    size = size_of(request)
    if len(items) <= size:
        return None
    place, balance = items[size - 1]
    values = (place.effective_at.isoformat(), place.recorded_at.isoformat(), str(balance))
    return next_of(request, values, str(place.line), recorded.astimezone(UTC))


def _entry(entry: LedgerEntry, currency: str, balance: int) -> EntryDocument:
    return EntryDocument.model_construct(**_of_entry(entry, currency, balance))


def _line(line: LedgerLine, currency: str, balance: int) -> LineDocument:
    return LineDocument.model_construct(
        **_of_entry(line, currency, balance),
        line=line.line,
        ledger_account=int(line.ledger_account),
        ledger_account_name=name_of(line.ledger_account),
        payer=line.payer,
        facility=line.facility,
        detail=line.detail,
        reverses=line.reverses_entry_id,
        recorded_by=line.created_by,
    )


def _of_entry(entry: LedgerEntry | LedgerLine, currency: str, balance: int) -> dict[str, Any]:
    version = "" if entry.source_version is None else f"/_history/{entry.source_version}"
    return {
        "entry": entry.entry_id,
        "kind": entry.kind,
        "date": entry.effective_at,
        "recorded_at": entry.recorded_at,
        "source": f"{entry.source_type}/{entry.source_id}{version}",
        "reason": entry.reason,
        "invoice": _reference("Invoice", entry.invoice_id),
        "charge": _reference("ChargeItem", entry.charge_item_id),
        "payment": _reference("PaymentReconciliation", entry.payment_id),
        "amount": Amount.of_minor(currency, entry.amount_minor),
        "balance": Amount.of_minor(currency, balance),
    }


def _reference(resource_type: str, id_: str | None) -> str | None:
    return None if id_ is None else f"{resource_type}/{id_}"


def _balances(balances: dict[str, int], currency: str) -> BalancesDocument:
    amounts = {name: Amount.of_minor(currency, minor_units) for name, minor_units in balances.items()}
    return BalancesDocument(**amounts, total=Amount.of_minor(currency, total_of(balances)))


ROUTES = (
    RestRoute(
        method="GET",
        path="/accounts/{id}/ledger-lines",
        summary="The ledger lines of an account",
        description="Every posting to it, by the day that counts and then by when it was recorded. All pages show what"
        " was known when the first was asked for.",
        filters=PeriodFilter,
        gives=LinePage,
        needs=NEEDS,
        writes=get_lines,
    ),
    RestRoute(
        method="GET",
        path="/accounts/{id}/statement",
        summary="The statement of an account",
        description="What changed its balance from one day to another, between the balances at both ends. With the"
        " moment that it names as `recorded` it is the same for ever.",
        filters=PeriodFilter,
        gives=StatementDocument,
        needs=NEEDS,
        writes=get_statement,
    ),
)
