"""The books of one tenant as a client drives them: requests with their Idempotency-Keys, and what all tables hold."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Awaitable, Callable
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import psycopg
from psycopg import sql

from billing.account_balance import BalanceSheet, account_balance
from billing.activate_price_list import end_price_list
from billing.cancel_invoice import cancel_invoice
from billing.change import Change
from billing.change_labels import change_labels
from billing.close_cash_session import close_cash_session
from billing.context import Context
from billing.create_resource import create_resource
from billing.delete_resource import delete_resource
from billing.idempotency import find_or_begin, remember
from billing.issue_invoice import issue_invoice
from billing.open_cash_session import open_cash_session
from billing.post_payment import PaymentRequest, post_payment
from billing.quote_prices import QuoteRequest, quote_prices
from billing.request_gateway_payment import request_gateway_payment
from billing.settle_waiting_charges import settle_charges_without_account, settle_unpriced_charges
from billing.tenants import add_tenant, change_settings
from billing.transfer_charge import transfer_charge
from billing.trial_balance import trial_balance
from billing.update_resource import update_resource
from ledger.errors import Refusal
from ledger.money import Money
from ledger.pricing import Pricing
from ledger.tenant import Tenant
from mappers.r4.json_text import decode
from storage.access_log import Access, append
from storage.resource_versions import read_latest
from storage.tables import metadata
from storage.transaction import Database, Transaction
from tests.acceptance import approval_requests, period_requests, plan_requests
from tests.acceptance.credit_requests import perform_credit
from tests.acceptance.documents import KEY_SYSTEM, Document
from tests.acceptance.payment_requests import perform_on_payment
from tests.acceptance.price_lists import CODE, CPT, publish

ACTOR = "cashier"
Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """One request of a client. `content` is the document, or the parameters of an operation."""

    operation: str
    type_or_id: str
    content: Document = field(default_factory=dict)
    key: str | None = None

    @property
    def hash(self) -> str:
        said = json.dumps([self.operation, self.type_or_id, self.content], sort_keys=True, default=str)
        return hashlib.sha256(said.encode()).hexdigest()

    async def perform(self, tx: Transaction, context: Context) -> Answer:
        resource_type, _, resource_id = self.type_or_id.partition("/")
        content = deepcopy(self.content)  # commands use their documents up
        if self.operation in approval_requests.OPERATIONS:
            made = await approval_requests.perform_approval(tx, context, self.operation, self.type_or_id, content)
            changes = [[type_, id_, 0, status] for type_, id_, status in made]
            return {"changes": changes, "content": [None] * len(made), "replayed": False}
        if self.operation in plan_requests.OPERATIONS:
            type_, id_, status = await plan_requests.perform_plan(tx, context, self.operation, self.type_or_id, content)
            return {"changes": [[type_, id_, 0, status]], "content": [None], "replayed": False}
        if self.operation in period_requests.OPERATIONS:
            period = await period_requests.perform_on_period(tx, context, self.operation, resource_id, content)
            return {"changes": [["Period", period.id, 0, period.status]], "content": [None], "replayed": False}
        match self.operation:
            case "create":
                return _answer(await create_resource(tx, context, resource_type, content))
            case "update":
                return _answer(await update_resource(tx, context, resource_type, resource_id, content))
            case "delete":
                change = await delete_resource(tx, context, resource_type, resource_id)
                return _answer(*([change] if change else []))
            case "issue":
                return _answer(await issue_invoice(tx, context, resource_id, on=content.get("date")))
            case "cancel":
                return _answer(await cancel_invoice(tx, context, resource_id, reason=content["reason"]))
            case "credit":
                return _answer(*await perform_credit(tx, context, resource_type, resource_id, content))
            case "open-drawer":
                opener = replace(context, actor=content.get("by", context.actor))
                float_ = Money(*content["float"])
                opened = await open_cash_session(tx, opener, drawer=resource_id, float_=float_)
                return {"changes": [["CashSession", opened.id, 0, "created"]], "content": [None], "replayed": False}
            case "close-drawer":
                await close_cash_session(tx, context, resource_id, declared=Money(*content["declared"]))
                return _answer()
            case "ask-gateway":
                names = {"method": content["method"], "payer": content["payer"]}
                amount, invoices = Money(*content["amount"]), tuple(content["invoices"])
                asked = await request_gateway_payment(
                    tx, context, account_id=resource_id, amount=amount, invoice_ids=invoices, **names
                )
                return {"changes": [["GatewayPayment", asked.id, 0, "created"]], "content": [None], "replayed": False}
            case "label":
                return _answer(
                    await change_labels(tx, context, resource_type, resource_id, content["what"], content["meta"])
                )
            case "transfer" if resource_type == "ChargeItem":
                moved = await transfer_charge(tx, context, resource_id, to_account=content["to"], reason="a mistake")
                return _answer(moved[0])
            case "allocate" | "deallocate" | "reverse" | "transfer":
                return _answer(await perform_on_payment(tx, context, self.operation, resource_id, content))
            case "post-payment":
                content["invoice_id" if resource_type == "Invoice" else "account_id"] = resource_id
                posted = await post_payment(tx, context, PaymentRequest(**content))
                answer = _answer(posted.payment, posted.notice, *posted.invoices)
                answer["change"] = None if posted.change is None else posted.change.minor_units
                return answer
            case "recognise-at":
                setting, zone = {"recognition_point": resource_id}, context.tenant.timezone
                await change_settings(tx, setting, versions_required=None, timezone=zone)
                return {"changes": [["Settings", resource_id, 0, "changed"]], "content": [None], "replayed": False}
            case "publish":
                await publish(tx, resource_id, content)
                return _answer()
            case "end-prices":
                await end_price_list(tx, resource_id, content["version"], content["to"])
                return _answer()
            case "settle-unpriced":
                await settle_unpriced_charges(tx, context, count=1000)
                return _answer()
            case "settle-without-account":
                await settle_charges_without_account(tx, context, count=1000)
                return _answer()
        raise AssertionError(self.operation)


def _answer(*changes: Change) -> Answer:
    return {
        "changes": [[change.resource_type, change.id, change.version, change.outcome] for change in changes],
        "content": [change.content.decode() if change.content else None for change in changes],
        "replayed": False,
    }


def _access(request: Request) -> Access:
    return Access(
        recorded_at=datetime.now(UTC),
        actor=ACTOR,
        client="client",
        interaction=request.operation,
        route=request.type_or_id,
        resource_type=None,
        resource_id=None,
        version=None,
        http_status=200,
        code=None,
        query=None,
        request_id="",
    )


def id_of(answer: Answer) -> str:
    """The id of the resource that a request was about."""
    return str(answer["changes"][0][1])


@dataclass(slots=True)
class Books:
    """A tenant of its own in a database that others use too."""

    database: Database
    context: Context
    posts_into_soft_closed: bool = False
    logs_accesses: bool = False
    """Whether each request is logged in its transaction, as the edge does."""

    @classmethod
    async def open(cls, database: Database, **settings: str) -> Books:
        tenant_id = "t" + secrets.token_hex(6)
        settings = {"business_keys.ChargeItem": KEY_SYSTEM, **settings}
        tenant = Tenant(tenant_id, "Hospital", "AF", "AFN", "Asia/Kabul", settings=settings)
        await add_tenant(database, tenant)
        return cls(database, Context(tenant, ACTOR, "client", "https://billing.example/fhir"))

    @property
    def tenant_id(self) -> str:
        return self.context.tenant.id

    async def send(self, request: Request) -> Answer:
        """Carry out a request as the edge does: with its key, and again where it lost a race."""
        return await self.database.run(self.tenant_id, ACTOR, lambda tx: self._once(tx, request))

    async def _once(self, tx: Transaction, request: Request) -> Answer:
        tx.posts_into_soft_closed = self.posts_into_soft_closed
        answer = await self._answer(tx, request)
        if self.logs_accesses:
            append(tx, _access(request))
        return answer

    async def _answer(self, tx: Transaction, request: Request) -> Answer:
        if request.key is None:
            return await request.perform(tx, self.context)
        names = (self.context, request.operation, request.key, request.hash)
        known = await find_or_begin(tx, *names)
        if known is not None:
            return {**json.loads(known.answer), "replayed": True}
        answer = await request.perform(tx, replace(self.context, one_time=True))
        await remember(tx, *names, 200, None, json.dumps(answer))
        return answer

    async def refusal(self, request: Request) -> Refusal:
        """The refusal of a request that must be refused."""
        try:
            answer = await self.send(request)
        except Refusal as refusal:
            return refusal
        raise AssertionError(f"not refused: {request} -> {answer}")

    async def create(self, document: Document, *, key: str | None = None) -> Answer:
        return await self.send(Request("create", document["resourceType"], document, key))

    async def update(self, resource_id: str, document: Document) -> Answer:
        return await self.send(Request("update", f"{document['resourceType']}/{resource_id}", document))

    async def read(self, resource_type: str, resource_id: str) -> Document:
        """The resource as it is stored."""
        version = await read_latest(self.database, self.tenant_id, resource_type, resource_id)
        assert version is not None
        assert version.content is not None
        return decode(version.content.encode())

    async def balance(
        self, account_id: str, *, on: date | None = None, recorded: datetime | None = None
    ) -> BalanceSheet:
        command: Callable[[Transaction], Awaitable[BalanceSheet]] = lambda tx: account_balance(  # noqa: E731
            tx, self.context, account_id, on=on, recorded=recorded
        )
        return await self.database.run(self.tenant_id, ACTOR, command)

    async def quote(self, on: str | None, quantity: str | None, *, is_poor: bool) -> int | None:
        """What the service that the tests charge for would cost, in minor units of the tenant's currency."""
        day = None if on is None else date.fromisoformat(on)
        modifiers = ((None, "poor"),) if is_poor else ()
        asked = QuoteRequest(((CPT, CODE),), day, None, None, None, Decimal(quantity or 1), None, Decimal(1), modifiers)
        command: Callable[[Transaction], Awaitable[list[Pricing | None]]] = lambda tx: quote_prices(  # noqa: E731
            tx, self.context, [asked]
        )
        (quoted,) = await self.database.run(self.tenant_id, ACTOR, command)
        return None if quoted is None else quoted.amount.minor_units

    async def trial_balance(self) -> dict[tuple[int, str], int]:
        """(ledger account, currency) -> its balance, where there is one."""
        totals = await trial_balance(self.database, self.context)
        return {(each.ledger_account.value, each.currency): each.balance_minor for each in totals if each.balance_minor}

    async def clock(self) -> datetime:
        """The database's clock."""

        async def read(tx: Transaction) -> datetime:
            return await tx.read_clock()

        return await self.database.run(self.tenant_id, ACTOR, read)


def pay(
    where: str,
    amount: int,
    currency: str,
    *,
    key: str | None = None,
    method: str = "cash",
    tendered: int | None = None,
    **more: Any,
) -> Request:
    """$post-payment on `Invoice/[id]` or `Account/[id]`."""
    content = {"amount": Money(currency, amount), "method": method, **more}
    if tendered is not None:
        content["tendered"] = Money(currency, tendered)
    return Request("post-payment", where, content, key)


TABLES = tuple(sorted(metadata.tables))
_ROWS = sql.SQL(" UNION ALL ").join(
    sql.SQL(
        "SELECT {name}, count(*), coalesce(md5(string_agg(t::text, '|' ORDER BY t::text COLLATE \"C\")), '')"
        " FROM {table} AS t WHERE tenant_id = %(tenant)s"
    ).format(name=sql.Literal(name), table=sql.Identifier(*name.split(".")))
    for name in TABLES
)

Snapshot = dict[str, tuple[int, str]]


class Reader:
    """A connection that sees all rows: how a test looks into tables without asking the code that it tests."""

    def __init__(self, conninfo: str) -> None:
        self._connection = psycopg.connect(conninfo, autocommit=True)

    def close(self) -> None:
        self._connection.close()

    def rows(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return self._connection.execute(statement, parameters, prepare=True).fetchall()

    def snapshot(self, tenant_id: str) -> Snapshot:
        """Of every table how many rows the tenant has, and a digest of all that they say."""
        rows = self._connection.execute(_ROWS, {"tenant": tenant_id}, prepare=True).fetchall()
        return {name: (count, digest) for name, count, digest in rows}


@contextmanager
def reader(conninfo: str) -> Any:
    opened = Reader(conninfo)
    try:
        yield opened
    finally:
        opened.close()
