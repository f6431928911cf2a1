"""The books of a tenant with something of everything in them, and a way to spoil them as nobody but the owner can."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any, LiteralString, TypeVar

import psycopg
from psycopg.rows import scalar_row

from billing.cancel_invoice import cancel_invoice
from billing.change import Change
from billing.check.finding import Finding
from billing.check.progress import Progress
from billing.check.seals import SealProof
from billing.check_ledger import check_ledger, check_snapshot
from billing.close_cash_session import close_cash_session
from billing.context import Context
from billing.create_resource import create_resource
from billing.credit_invoice import CreditedInvoice, LineCredit, credit
from billing.deallocate_payment import NamedAllocation, deallocate_payment
from billing.delete_resource import delete_resource
from billing.issue_invoice import issue_invoice
from billing.keep_tax_rule import add_tax_rule
from billing.open_cash_session import open_cash_session
from billing.payment_gateway import GatewayAnswer
from billing.post_payment import PaymentRequest, PostedPayment, post_payment
from billing.record_gateway_outcome import record_gateway_outcome
from billing.request_gateway_payment import request_gateway_payment
from billing.reverse_payment import reverse_payment
from billing.tenants import add_tenant
from billing.update_resource import update_resource
from ledger.money import Money
from ledger.tax_rule import TaxRule
from ledger.tenant import Tenant
from mappers.r4.json_text import decode
from storage.check_snapshot import Snapshot
from storage.pipeline import Pipeline, prepare_connection
from storage.transaction import Database, Transaction
from tests.database_server import DatabaseAccess

BASE = "https://billing.example.org/fhir"
PAYMENT_TYPE = "http://terminology.hl7.org/CodeSystem/payment-type"
REMITTANCE_DETAIL = "https://billing.ghasi.example/fhir/CodeSystem/remittance-detail"
PAYMENT_STATUS = "http://terminology.hl7.org/CodeSystem/paymentstatus"
CHARGE_KEYS = "urn:his:charge"

Json = dict[str, Any]
Result = TypeVar("Result")


@dataclass
class Books:
    """A tenant, and the commands that fill its books. `known` is what a scenario made, by name."""

    access: DatabaseAccess
    app: Database
    audit: Database
    context: Context
    known: dict[str, str] = field(default_factory=dict)

    @property
    def tenant_id(self) -> str:
        return self.context.tenant.id

    async def run(self, command: Callable[[Transaction], Awaitable[Result]]) -> Result:
        return await self.app.run(self.tenant_id, "tester", command)

    async def create(self, document: Json) -> Change:
        return await self.run(lambda tx: create_resource(tx, self.context, document["resourceType"], document))

    async def change(self, resource_type: str, resource_id: str, **elements: Any) -> Change:
        """Update a resource: as it is, with these elements; None takes one away."""
        current = await self.content(resource_type, resource_id)
        document = {name: value for name, value in {**current, **elements}.items() if value is not None}
        return await self.run(lambda tx: update_resource(tx, self.context, resource_type, resource_id, document))

    async def delete(self, resource_type: str, resource_id: str) -> None:
        await self.run(lambda tx: delete_resource(tx, self.context, resource_type, resource_id))

    async def issue(self, invoice_id: str) -> Change:
        return await self.run(lambda tx: issue_invoice(tx, self.context, invoice_id, on=None))

    async def cancel(self, invoice_id: str) -> Change:
        return await self.run(lambda tx: cancel_invoice(tx, self.context, invoice_id, reason="not owed"))

    async def credit(self, invoice_id: str, *lines: LineCredit, rebill: bool = False) -> CreditedInvoice:
        return await self.run(
            lambda tx: credit(tx, self.context, invoice_id, reason="too much", lines=lines, rebill=rebill)
        )

    async def pay(self, amount: int, method: str = "cash", **about: Any) -> PostedPayment:
        request = PaymentRequest(amount=Money("AFN", amount), method=method, **about)
        return await self.run(lambda tx: post_payment(tx, self.context, request))

    async def content(self, resource_type: str, resource_id: str) -> Json:
        text = self.value(
            "SELECT content FROM billing.resource_versions WHERE tenant_id = %(tenant)s AND resource_type = %(type)s"
            " AND id = %(id)s ORDER BY version DESC LIMIT 1",
            type=resource_type,
            id=resource_id,
        )
        return decode(text.encode())

    async def findings(self) -> list[Finding]:
        return await check_ledger(self.audit, [self.tenant_id])

    async def codes_after(
        self, *statements: LiteralString, proof: SealProof | None = None, **parameters: Any
    ) -> set[str]:
        """The codes of what is found after statements run as the owner of the database, with triggers and foreign keys
        off. It is all undone: whoever comes next finds sound books.
        """
        async with await psycopg.AsyncConnection.connect(self.access.superuser, autocommit=True) as connection:
            prepare_connection(connection)
            await connection.execute("BEGIN")
            await connection.execute("SET LOCAL session_replication_role = replica")
            for statement in statements:
                done = await connection.execute(statement, {"tenant": self.tenant_id, **self.known, **parameters})
                assert done.rowcount != 0, "nothing was spoilt"
            snapshot = Snapshot(Pipeline(connection))
            findings = await check_snapshot(snapshot, [self.tenant_id], Progress(), proof or SealProof())
            await connection.execute("ROLLBACK")
        return {str(finding.code) for finding in findings}

    def spoil(self, statement: LiteralString, **parameters: Any) -> int:
        """The same for good; how many rows."""
        with psycopg.connect(self.access.superuser, autocommit=True) as connection:
            connection.execute("SET session_replication_role = replica")
            return connection.execute(statement, {"tenant": self.tenant_id, **self.known, **parameters}).rowcount

    def value(self, query: LiteralString, **parameters: Any) -> Any:
        with psycopg.connect(self.access.superuser, row_factory=scalar_row) as connection:
            return connection.execute(query, {"tenant": self.tenant_id, **self.known, **parameters}).fetchone()


@asynccontextmanager
async def opened_books(access: DatabaseAccess) -> AsyncIterator[Books]:
    """The empty books of a new tenant."""
    tenant = Tenant(
        f"books-{secrets.token_hex(4)}",
        "Books",
        "AF",
        "AFN",
        "Asia/Kabul",
        settings={"business_keys.ChargeItem": CHARGE_KEYS},
    )
    app, audit = Database(access.app), Database(access.audit)
    await app.open()
    await audit.open()
    try:
        await add_tenant(app, tenant)
        yield Books(access, app, audit, Context(tenant, "tester", "test", BASE))
    finally:
        await app.close()
        await audit.close()


def account(**elements: Any) -> Json:
    return {"resourceType": "Account", "status": "active", "subject": [{"reference": "Patient/p1"}], **elements}


def charge(account_id: str, amount: str, **elements: Any) -> Json:
    return {
        "resourceType": "ChargeItem",
        "status": "billable",
        "code": {"coding": [{"system": "http://www.ama-assn.org/go/cpt", "code": "99213"}]},
        "subject": {"reference": "Patient/p1"},
        "account": [{"reference": f"Account/{account_id}"}],
        "occurrenceDateTime": "2026-01-05",
        "priceOverride": {"value": Decimal(amount), "currency": "AFN"},
        "overrideReason": "agreed",
        **elements,
    }


def line(charge_id: str, *components: Json) -> Json:
    document: Json = {"chargeItemReference": {"reference": f"ChargeItem/{charge_id}"}}
    return {**document, "priceComponent": list(components)} if components else document


def component(kind: str, amount: str, code: str | None = None) -> Json:
    coded = {} if code is None else {"code": {"coding": [{"system": "urn:tax", "code": code}]}}
    return {"type": kind, **coded, "amount": {"value": Decimal(amount), "currency": "AFN"}}


def invoice(account_id: str, *lines: Json, **elements: Any) -> Json:
    return {
        "resourceType": "Invoice",
        "status": "draft",
        "subject": {"reference": "Patient/p1"},
        "account": {"reference": f"Account/{account_id}"},
        "lineItem": list(lines),
        **elements,
    }


def payment(amount: str, identifier: str, *details: Json, **elements: Any) -> Json:
    return {
        "resourceType": "PaymentReconciliation",
        "identifier": [{"system": "urn:bank", "value": identifier}],
        "status": "active",
        "outcome": "complete",
        "created": "2026-02-01",
        "paymentDate": "2026-02-01",
        "paymentAmount": {"value": Decimal(amount), "currency": "AFN"},
        "detail": list(details),
        **elements,
    }


def detail(request: str, amount: str, kind: str = "payment", system: str = PAYMENT_TYPE) -> Json:
    return {
        "type": {"coding": [{"system": system, "code": kind}]},
        "request": {"reference": request},
        "amount": {"value": Decimal(amount), "currency": "AFN"},
    }


def notice(payment_id: str, status: str, amount: str) -> Json:
    return {
        "resourceType": "PaymentNotice",
        "status": "active",
        "created": "2026-02-02",
        "payment": {"reference": f"PaymentReconciliation/{payment_id}"},
        "recipient": {"reference": "Organization/hospital"},
        "amount": {"value": Decimal(amount), "currency": "AFN"},
        "paymentStatus": {"coding": [{"system": PAYMENT_STATUS, "code": status}]},
    }


async def write_a_month(books: Books) -> None:
    """Something of everything: charges of every fate, invoices of every status, payments of every kind."""
    known = books.known
    known["account"] = (await books.create(account(name="بیمار", identifier=[{"system": "urn:mrn", "value": "1"}]))).id
    known["other_account"] = (await books.create(account(subject=[{"reference": "Patient/p2"}]))).id
    known["empty_account"] = (await books.create(account(subject=[{"reference": "Patient/p3"}]))).id
    known["charge"], known["second_charge"], known["third_charge"] = [
        (await books.create(charge(known["account"], amount))).id for amount in ("100.50", "50", "30.00")
    ]
    await _charges_of_every_fate(books)
    await _invoices_of_every_status(books)
    await _credit_notes(books)
    await _taxed_invoice(books)
    await _payments_of_every_kind(books)


async def _charges_of_every_fate(books: Books) -> None:
    known, on = books.known, books.known["account"]
    keyed = {"identifier": [{"system": CHARGE_KEYS, "value": "c-1", "use": "official"}]}
    repriced = (await books.create(charge(on, "20", **keyed))).id
    await books.change("ChargeItem", repriced, priceOverride={"value": Decimal(25), "currency": "AFN"})
    known["repriced_charge"] = repriced
    known["keyed_charge"] = repriced
    aborted = (await books.create(charge(on, "15"))).id
    await books.change("ChargeItem", aborted, status="aborted", extension=None)
    known["aborted_charge"] = aborted
    known["unpriced_charge"] = (await books.create(charge(on, "1", priceOverride=None))).id
    known["free_charge"] = (await books.create(charge(on, "0"))).id
    known["unbilled_charge"] = (await books.create(charge(on, "8.25"))).id
    known["planned_charge"] = (await books.create(charge(on, "7", status="planned"))).id
    absolute = charge(on, "12", subject={"reference": f"{BASE}/Patient/p1"}, occurrenceDateTime="2026-01-05T23:30:00Z")
    known["absolute_charge"] = (await books.create(absolute)).id
    deleted = (await books.create(charge(on, "3", status="planned"))).id
    await books.delete("ChargeItem", deleted)
    known["deleted_charge"] = deleted


async def _invoices_of_every_status(books: Books) -> None:
    known, on = books.known, books.known["account"]
    known["cancelled_invoice"] = (await books.create(invoice(on, line(known["charge"])))).id
    await books.issue(known["cancelled_invoice"])
    await books.cancel(known["cancelled_invoice"])
    taxed = line(known["charge"], component("base", "100.50"), component("tax", "5.00", "VAT"))
    discounted = line(known["second_charge"], component("base", "50.00"), component("discount", "-5.00"))
    share = {
        "url": "https://billing.ghasi.example/fhir/StructureDefinition/payer-share",
        "extension": [
            {"url": "payer", "valueReference": {"reference": "Organization/insurer"}},
            {"url": "amount", "valueMoney": {"value": Decimal("80.00"), "currency": "AFN"}},
        ],
    }
    extra = {"lineItem": [taxed, discounted, _own_line("9.00")], "extension": [share]}
    known["invoice"] = (await books.create(invoice(on, **extra))).id
    await books.issue(known["invoice"])
    await books.change("Invoice", known["invoice"], note=[{"text": "sent by post"}])
    known["paid_invoice"] = (await books.create(invoice(on, line(known["third_charge"]), status="issued"))).id
    known["draft"] = (await books.create(invoice(on, line(known["repriced_charge"])))).id
    voided = (await books.create(invoice(on, line(known["absolute_charge"])))).id
    await books.cancel(voided)
    known["voided_draft"] = voided
    known["free_invoice"] = (await books.create(invoice(on, line(known["free_charge"]), status="issued"))).id


def _own_line(amount: str) -> Json:
    code = {"coding": [{"system": "urn:his:service", "code": "card"}]}
    return {"chargeItemCodeableConcept": code, "priceComponent": [component("base", amount)]}


async def _payments_of_every_kind(books: Books) -> None:
    known = books.known
    cash = await books.pay(3000, invoice_id=known["paid_invoice"], tendered=Money("AFN", 5000))
    known["payment"], known["notice"] = cash.payment.id, cash.notice.id
    mobile = await books.pay(10000, "mobile-money", account_id=known["account"])
    known["mobile_payment"] = mobile.payment.id
    known["cleared_notice"] = (await books.create(notice(known["mobile_payment"], "cleared", "100.00"))).id
    other = await books.pay(700, "card", account_id=known["other_account"])
    known["card_payment"] = other.payment.id
    uncleared = (await books.create(notice(known["card_payment"], "cleared", "7.00"))).id
    await books.change("PaymentNotice", uncleared, status="cancelled")
    known["uncleared_notice"] = uncleared
    insurer = {"paymentIssuer": {"reference": "Organization/insurer"}}
    remittance = payment("90.00", "r-1", detail(f"Invoice/{known['invoice']}", "40.00"), **insurer)
    known["remittance"] = (await books.create(remittance)).id
    await _payments_changed_later(books)
    known["draft_payment"] = (await books.create(payment("5.00", "r-2", status="draft"))).id


async def _credit_notes(books: Books) -> None:
    """An invoice credited in part and then paid, and one of which a line is billed again."""
    known = books.known
    on = known["credited_account"] = (await books.create(account(subject=[{"reference": "Patient/p4"}]))).id
    to = {"subject": {"reference": "Patient/p4"}}
    charges = [(await books.create(charge(on, amount, **to))).id for amount in ("60", "40")]
    known["credited_charge"], known["rebilled_charge"] = charges
    taxed = line(charges[0], component("base", "60.00"), component("tax", "3.00", "VAT"))
    invoiced = invoice(on, taxed, line(charges[1]), status="issued", **to)
    known["credited_invoice"] = (await books.create(invoiced)).id
    await books.pay(10000, invoice_id=known["credited_invoice"])
    part = LineCredit(1, Money("AFN", 2100))
    known["credit_note"] = (await books.credit(known["credited_invoice"], part)).note.id
    known["rebill_note"] = (await books.credit(known["credited_invoice"], LineCredit(2), rebill=True)).note.id


async def _payments_changed_later(books: Books) -> None:
    """One that was taken off in part, one that was reversed, and a remittance that says more than it pays."""
    known = books.known
    on = known["changed_account"] = (await books.create(account(subject=[{"reference": "Patient/p4"}]))).id
    bill = invoice(on, lineItem=[_own_line("60.00")], extension=[_share("40.00")], status="issued")
    known["insured_invoice"] = target = (await books.create(bill)).id
    known["changed_payment"] = changed = (await books.pay(2000, "cheque", invoice_id=target)).payment.id
    await books.run(lambda tx: deallocate_payment(tx, books.context, changed, [_named(target, 500)]))
    await _a_drawer(books)
    await _through_the_gateway(books)
    known["reversed_payment"] = back = (await books.pay(900, "card", account_id=on)).payment.id
    await books.run(lambda tx: reverse_payment(tx, books.context, back, reason="chargeback", fee=Money("AFN", 30)))
    details = [
        detail(f"Invoice/{target}", "20.00"),
        detail(f"Invoice/{target}", "5.00", "contractual", system=REMITTANCE_DETAIL),
        detail(f"Invoice/{target}", "6.00", "patient-responsibility", system=REMITTANCE_DETAIL),
    ]
    insurer = {"paymentIssuer": {"reference": "Organization/insurer"}}
    known["said_remittance"] = (await books.create(payment("20.00", "r-3", *details, **insurer))).id


def _named(invoice_id: str, amount: int) -> NamedAllocation:
    return NamedAllocation(invoice_id, Money("AFN", amount), "here")


def _share(amount: str) -> Json:
    return {
        "url": "https://billing.ghasi.example/fhir/StructureDefinition/payer-share",
        "extension": [
            {"url": "payer", "valueReference": {"reference": "Organization/insurer"}},
            {"url": "amount", "valueMoney": {"value": Decimal(amount), "currency": "AFN"}},
        ],
    }


async def _taxed_invoice(books: Books) -> None:
    """An invoice that was taxed by a rule, and a rule for the days after."""
    plain = books.context
    for rule_id, first, last in (("vat", date(2018, 1, 1), date(2050, 1, 1)), ("vat-next", date(2050, 1, 2), None)):
        rule = TaxRule(
            tenant_id=books.tenant_id,
            id=rule_id,
            category="standard",
            code="VAT",
            treatment="taxable",
            percent=Decimal(5),
            valid_from=first,
            valid_to=last,
        )
        await books.run(partial(add_tax_rule, rule=rule))
    books.context = replace(plain, tenant=replace(plain.tenant, settings={"tax_category": "standard"}))
    on = books.known["credited_account"]
    taxed = invoice(on, _own_line("20.00"), status="issued", subject={"reference": "Patient/p4"})
    books.known["taxed_invoice"] = (await books.create(taxed)).id
    books.context = plain


async def _a_drawer(books: Books) -> None:
    """A session of a drawer that was short."""
    known = books.known
    settings = {**books.context.tenant.settings, "cash_sessions": "optional"}
    counter = replace(books.context, tenant=replace(books.context.tenant, settings=settings))
    session = await books.run(lambda tx: open_cash_session(tx, counter, drawer="counter-1", float_=Money("AFN", 1000)))
    known["cash_session"] = session.id
    paid = PaymentRequest(
        account_id=known["other_account"], amount=Money("AFN", 500), method="cash", drawer="counter-1"
    )
    await books.run(lambda tx: post_payment(tx, counter, paid))
    await books.run(lambda tx: close_cash_session(tx, counter, session.id, declared=Money("AFN", 1450)))


async def _through_the_gateway(books: Books) -> None:
    """One that was captured, and one that was declined."""
    known = books.known
    for name, answer in (
        ("gateway_payment", GatewayAnswer("captured", reference="gw-1")),
        ("declined_payment", GatewayAnswer("declined", reason="no-funds")),
    ):
        wanted = partial(
            request_gateway_payment,
            context=books.context,
            account_id=known["other_account"],
            amount=Money("AFN", 700),
            method="mobile-money",
        )
        payment = await books.run(wanted)
        known[name] = payment.id
        await books.run(partial(record_gateway_outcome, context=books.context, payment_id=payment.id, answer=answer))
