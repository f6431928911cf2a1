"""A tenant of a test's own, driven by the commands of billing as the edge drives them, and what its journal holds."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from billing.account_balance import BalanceSheet, account_balance
from billing.cancel_invoice import cancel_invoice
from billing.change import Change
from billing.context import Context
from billing.create_resource import create_resource
from billing.credit_charge import credit_charge
from billing.credit_invoice import CreditedInvoice, LineCredit, credit
from billing.delete_resource import delete_resource
from billing.issue_invoice import issue_invoice
from billing.post_payment import PaymentRequest, PostedPayment, post_payment
from billing.tenants import add_tenant
from billing.update_resource import update_resource
from ledger.chart import LedgerAccount
from ledger.errors import Category, Refusal
from ledger.money import Money
from ledger.tenant import Tenant
from mappers.r4.json_text import decode
from mappers.r4.validate import validate
from storage.pipeline import Statement
from storage.transaction import Database, Transaction

BASE = "https://billing.example.org/fhir"
CANONICAL = "https://billing.ghasi.example/fhir"
HIS = "https://his.example.org/charges"
PAYMENT_TYPE = "http://terminology.hl7.org/CodeSystem/payment-type"
PAYMENT_STATUS = "http://terminology.hl7.org/CodeSystem/paymentstatus"
CURRENCY_EXTENSION = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Account.currency"

Document = dict[str, Any]
Result = TypeVar("Result")

OPENED: list[str] = []
"""The tenants of all tests of this process: their books are proved at the end."""

_POSTINGS = Statement(
    "SELECT e.kind, e.effective_at, p.ledger_account, p.amount_minor, p.currency, p.account_id, p.payer, p.detail"
    " FROM billing.journal_entry AS e"
    " JOIN billing.posting AS p ON p.tenant_id = e.tenant_id AND p.entry_id = e.entry_id"
    " WHERE e.tenant_id = $1 ORDER BY e.recorded_at, e.entry_id, p.line"
)
_EVENTS = Statement("SELECT unnest(events) FROM billing.outbox WHERE tenant_id = $1 ORDER BY position")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the journal, as a test compares it: 1150 AFN 100.00 is ("1150", 10000)."""

    kind: str
    effective_at: date
    account: int
    amount: int
    currency: str
    patient_account: str | None
    payer: str | None
    detail: str | None


@dataclass(slots=True)
class Hospital:
    database: Database
    context: Context
    patient: str = field(default_factory=lambda: f"Patient/{secrets.token_hex(4)}")

    @classmethod
    async def open(cls, database: Database, *, currency: str = "AFN", country: str = "AF", **settings: str) -> Hospital:
        tenant_id = "h" + secrets.token_hex(6)
        named = {key.replace("__", "."): value for key, value in settings.items()}
        tenant = Tenant(tenant_id, "Hospital", country, currency, "Asia/Kabul", settings=named)
        await add_tenant(database, tenant)
        OPENED.append(tenant_id)
        return cls(database, Context(tenant, "cashier", "client", BASE))

    @property
    def tenant_id(self) -> str:
        return self.context.tenant.id

    async def run(self, command: Callable[[Transaction], Awaitable[Result]]) -> Result:
        return await self.database.run(self.tenant_id, "cashier", command)

    async def today(self) -> date:
        async def read(tx: Transaction) -> date:
            return self.context.today(await tx.read_clock())

        return await self.run(read)

    async def now(self) -> datetime:
        async def read(tx: Transaction) -> datetime:
            return await tx.read_clock()

        return await self.run(read)

    # Interactions: each answers with the resource as it is now.

    async def create(self, document: Document, *, one_time: bool = False) -> Document:
        return _content(await self.change_by_create(document, one_time=one_time))

    async def change_by_create(self, document: Document, *, one_time: bool = False) -> Change:
        _assert_valid(document)
        context = replace(self.context, one_time=one_time)
        return await self.run(lambda tx: create_resource(tx, context, document["resourceType"], deepcopy(document)))

    async def update(self, document: Document, *, one_time: bool = False) -> Document:
        return _content(await self.change_by_update(document, one_time=one_time))

    async def change_by_update(self, document: Document, *, one_time: bool = False) -> Change:
        _assert_valid(document)
        context = replace(self.context, one_time=one_time)
        return await self.run(
            lambda tx: update_resource(tx, context, document["resourceType"], document["id"], deepcopy(document))
        )

    async def delete(self, document: Document) -> Change | None:
        return await self.run(lambda tx: delete_resource(tx, self.context, document["resourceType"], document["id"]))

    async def read(self, document: Document) -> Document:
        rows = await self.database.read(
            self.tenant_id,
            Statement(
                "SELECT content FROM billing.resource_versions WHERE tenant_id = $1 AND resource_type = $2 AND id = $3"
                " ORDER BY version DESC LIMIT 1"
            ),
            self.tenant_id,
            document["resourceType"],
            document["id"],
        )
        return decode(rows[0][0].encode())

    # Operations.

    async def issue(self, invoice: Document, on: date | None = None) -> Document:
        return _content(await self.run(lambda tx: issue_invoice(tx, self.context, invoice["id"], on=on)))

    async def cancel(self, invoice: Document, reason: str = "sent to the wrong patient") -> Document:
        return _content(await self.run(lambda tx: cancel_invoice(tx, self.context, invoice["id"], reason=reason)))

    async def credit(
        self, invoice: Document, *lines: LineCredit, reason: str = "billed too much", **more: Any
    ) -> Document:
        """The credit note; lines of the invoice, or all of it."""
        return _content((await self.credited(invoice, *lines, reason=reason, **more)).note)

    async def credited(self, invoice: Document, *lines: LineCredit, reason: str = "x", **more: Any) -> CreditedInvoice:
        return await self.run(
            lambda tx: credit(tx, self.context, invoice["id"], reason=reason, lines=list(lines), **more)
        )

    async def credit_charge(self, charge: Document, reason: str = "not done") -> Document:
        return _content(await self.run(lambda tx: credit_charge(tx, self.context, charge["id"], reason=reason)))

    async def pay(self, where: Document, amount: str, currency: str = "AFN", method: str = "cash", **more: Any) -> Paid:
        name = "invoice_id" if where["resourceType"] == "Invoice" else "account_id"
        more = {name: where["id"], "amount": Money.of_decimal(Decimal(amount), currency), "method": method, **more}
        return Paid(await self.run(lambda tx: post_payment(tx, self.context, PaymentRequest(**more))))

    async def balance(
        self, account: Document, *, on: date | None = None, recorded: datetime | None = None
    ) -> BalanceSheet:
        return await self.run(lambda tx: account_balance(tx, self.context, account["id"], on=on, recorded=recorded))

    # What was booked.

    async def journal(self) -> list[Line]:
        rows = await self.database.read(self.tenant_id, _POSTINGS, self.tenant_id)
        return [Line(*row) for row in rows]

    async def booked(self, kind: str) -> list[tuple[int, int]]:
        """(ledger account, minor units) of the entries of a kind."""
        return [(line.account, line.amount) for line in await self.journal() if line.kind == kind]

    async def sum_of(self, account: LedgerAccount) -> int:
        return sum(line.amount for line in await self.journal() if line.account == account)

    async def events(self) -> list[str]:
        return [row[0] for row in await self.database.read(self.tenant_id, _EVENTS, self.tenant_id)]

    # Documents.

    async def account(self, currency: str | None = None, **more: Any) -> Document:
        return await self.create(self.account_document(currency, **more))

    def account_document(self, currency: str | None = None, **more: Any) -> Document:
        document = {"resourceType": "Account", "status": "active", "subject": [{"reference": self.patient}], **more}
        if currency is not None:
            coding = {"coding": [{"system": "urn:iso:std:iso:4217", "code": currency}]}
            document["extension"] = [{"url": CURRENCY_EXTENSION, "valueCodeableConcept": coding}]
        return document

    def charge_document(self, account: Document | None, price: str | None, /, **more: Any) -> Document:
        document: Document = {
            "resourceType": "ChargeItem",
            "status": "billable",
            "code": {"coding": [{"system": "http://www.ama-assn.org/go/cpt", "code": "99213"}]},
            "subject": {"reference": self.patient},
            "occurrenceDateTime": "2026-01-10",
        }
        if account is not None:
            document["account"] = [reference(account)]
        if price is not None:
            document["priceOverride"] = money(price, more.pop("currency", "AFN"))
            document["overrideReason"] = "agreed with the family"
        document.update(more)
        return {name: value for name, value in document.items() if value is not None}

    async def charge(self, account: Document | None, price: str | None, /, **more: Any) -> Document:
        return await self.create(self.charge_document(account, price, **more))

    def invoice_document(self, account: Document | None, /, *lines: Document, **more: Any) -> Document:
        document: Document = {"resourceType": "Invoice", "status": "draft", "lineItem": list(lines), **more}
        if account is not None:
            document["account"] = reference(account)
        if not lines:
            del document["lineItem"]
        return document

    async def draft(self, account: Document | None, /, *lines: Document, **more: Any) -> Document:
        return await self.create(self.invoice_document(account, *lines, **more))

    async def issued(self, account: Document, *lines: Document, **more: Any) -> Document:
        return await self.create(self.invoice_document(account, *lines, status="issued", **more))

    async def invoice_of(self, price: str, **more: Any) -> tuple[Document, Document]:
        """(account, issued invoice of one charge)."""
        account = await self.account()
        return account, await self.issued(account, line_of(await self.charge(account, price)), **more)

    def payment_document(self, amount: str, /, *details: Document, currency: str = "AFN", **more: Any) -> Document:
        document: Document = {
            "resourceType": "PaymentReconciliation",
            "identifier": [{"system": "https://bank.example.org", "value": secrets.token_hex(6)}],
            "status": "active",
            "created": "2026-02-01T10:00:00Z",
            "outcome": "complete",
            "paymentDate": "2026-02-01",
            "paymentAmount": money(amount, currency),
            "detail": list(details),
            **more,
        }
        if not details:
            del document["detail"]
        return {name: value for name, value in document.items() if value is not None}

    def notice_document(self, payment: Document, code: str = "cleared", **more: Any) -> Document:
        return {
            "resourceType": "PaymentNotice",
            "status": "active",
            "created": "2026-02-02T10:00:00Z",
            "payment": reference(payment),
            "recipient": {"reference": "Organization/hospital"},
            "amount": payment["paymentAmount"],
            "paymentStatus": {"coding": [{"system": PAYMENT_STATUS, "code": code}]},
            **more,
        }


@dataclass(frozen=True, slots=True)
class Paid:
    """A posted payment, its documents decoded."""

    posted: PostedPayment

    @property
    def payment(self) -> Document:
        return _content(self.posted.payment)

    @property
    def notice(self) -> Document:
        return _content(self.posted.notice)

    @property
    def invoices(self) -> list[Document]:
        return [_content(change) for change in self.posted.invoices]

    @property
    def change(self) -> Money | None:
        return self.posted.change


async def refused(awaitable: Awaitable[object]) -> Refusal:
    """The refusal of what must be refused."""
    try:
        answer = await awaitable
    except Refusal as refusal:
        return refusal
    raise AssertionError(f"not refused: {answer}")


def said(refusal: Refusal) -> list[tuple[Category, str, str]]:
    """(category, code, place) of all problems."""
    return [(problem.category, problem.code, problem.expression) for problem in refusal.problems]


RULE_BROKEN, CONFLICT, INVALID = Category.RULE_BROKEN, Category.CONFLICT, Category.INVALID


def money(amount: str, currency: str = "AFN") -> Document:
    return {"value": Decimal(amount), "currency": currency}


def reference(document: Document) -> Document:
    return {"reference": f"{document['resourceType']}/{document['id']}"}


def line_of(charge: Document, *components: Document) -> Document:
    line: Document = {"chargeItemReference": reference(charge)}
    if components:
        line["priceComponent"] = list(components)
    return line


def own_line(price: str, *components: Document, currency: str = "AFN") -> Document:
    """A line that names what it charges for by a code."""
    concept = {"coding": [{"system": "http://www.ama-assn.org/go/cpt", "code": "99000"}]}
    return {
        "chargeItemCodeableConcept": concept,
        "priceComponent": [component("base", price, currency=currency), *components],
    }


def component(
    kind: str, amount: str | None = None, *, factor: str | None = None, code: str | None = None, currency: str = "AFN"
) -> Document:
    document: Document = {"type": kind}
    if code is not None:
        document["code"] = {"coding": [{"system": f"{CANONICAL}/CodeSystem/tax", "code": code}]}
    if factor is not None:
        document["factor"] = Decimal(factor)
    if amount is not None:
        document["amount"] = money(amount, currency)
    return document


def share(payer: Document, amount: str, currency: str = "AFN") -> Document:
    """The extension payer-share."""
    parts = [{"url": "payer", "valueReference": payer}, {"url": "amount", "valueMoney": money(amount, currency)}]
    return {"url": f"{CANONICAL}/StructureDefinition/payer-share", "extension": parts}


def own_extension(name: str, **value: Any) -> Document:
    return {"url": f"{CANONICAL}/StructureDefinition/{name}", **value}


def extension_of(document: Document, name: str) -> Any:
    """The value of an extension of ours; None where it is not there."""
    for extension in document.get("extension", []):
        if extension["url"] == f"{CANONICAL}/StructureDefinition/{name}":
            return next(value for key, value in extension.items() if key.startswith("value"))
    return None


def place_of_extension(resource_type: str, name: str) -> str:
    return f"{resource_type}.extension.where(url='{CANONICAL}/StructureDefinition/{name}')"


def detail(
    kind: str, target: Document | str, amount: str, currency: str = "AFN", system: str = PAYMENT_TYPE
) -> Document:
    request = {"reference": target} if isinstance(target, str) else reference(target)
    coding = {"system": system, "code": kind}
    return {"type": {"coding": [coding]}, "request": request, "amount": money(amount, currency)}


def legal_number(invoice: Document) -> tuple[str, str]:
    """(what follows the system's common part, number)."""
    prefix = f"{CANONICAL}/NamingSystem/invoice-number/"
    (found,) = [item for item in invoice["identifier"] if item.get("system", "").startswith(prefix)]
    return found["system"].removeprefix(prefix), found["value"]


def line_credit(number: int, amount: str | None = None, currency: str = "AFN") -> LineCredit:
    return LineCredit(number, None if amount is None else Money.of_decimal(Decimal(amount), currency), f"line {number}")


def days_ago(today: date, days: int) -> date:
    return today - timedelta(days=days)


def _content(change: Change) -> Document:
    assert change.content is not None
    document = decode(change.content)
    assert validate(deepcopy(document), document["resourceType"]) == [], document
    return document


def _assert_valid(document: Document) -> None:
    problems = validate(deepcopy(document), document["resourceType"])
    assert problems == [], problems
