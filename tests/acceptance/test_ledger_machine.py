"""The ledger on a real PostgreSQL against the reference model, driven by Hypothesis.

After every request all balances, statuses, settlements, numbers and the trial balance are compared with the model's;
what is refused or replayed must leave every table as it was, to the byte; every few requests `billing.check_ledger`
proves the books. The suite plays a few lives of a tenant; for more and longer ones:
BILLING_TEST_MACHINE_EXAMPLES=2000 BILLING_TEST_MACHINE_STEPS=100 ./run test tests/acceptance/test_ledger_machine.py
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule, run_state_machine_as_test

from fhir_server.gateway_client import GatewayClient
from fhir_server.seal_keys import SealKeys
from ledger.money import Money
from storage.transaction import Database
from tests.acceptance import documents
from tests.acceptance.approval_steps import ApprovalSteps, approval_limits
from tests.acceptance.asof_steps import AsOfSteps
from tests.acceptance.books import Answer, Reader, Request, pay
from tests.acceptance.cash_steps import COINS, USES, CashSteps
from tests.acceptance.credit_steps import CreditSteps
from tests.acceptance.documents import Document
from tests.acceptance.drawing import CURRENCIES, PATIENTS, PAYERS, amounts, days_ago, often, rarely
from tests.acceptance.fields import (
    charge_document,
    charge_of,
    component,
    invoice_document,
    invoice_of,
    mobile_money,
    notice_document,
    payment_document,
)
from tests.acceptance.gateway_steps import GatewaySteps
from tests.acceptance.payment_steps import PaymentSteps
from tests.acceptance.period_steps import PeriodSteps
from tests.acceptance.plan_steps import PlanSteps
from tests.acceptance.price_steps import PriceSteps
from tests.acceptance.recognition_steps import POINTS, RecognitionSteps
from tests.acceptance.reference.cash import CASHIER, MAIN
from tests.acceptance.reference_model import Fields, ReferenceModel, Refused
from tests.acceptance.tax_rules import TAXATIONS, tax
from tests.acceptance.tenant_life import aging_of
from tests.database_server import DatabaseAccess
from tests.integration.payment_gateway import SECRET, gateway

EXAMPLES = int(os.environ.get("BILLING_TEST_MACHINE_EXAMPLES", "40"))
# The suite plays the same lives each time; those who ask for more get new ones.
IS_SHORT = "BILLING_TEST_MACHINE_EXAMPLES" not in os.environ
STEPS = int(os.environ.get("BILLING_TEST_MACHINE_STEPS", "40"))
# Without the search for the parts of an example that explain its failure: it takes as long as all the rest.
PHASES = (Phase.explicit, Phase.reuse, Phase.generate, Phase.target, Phase.shrink)

draft_statuses = st.sampled_from(["draft", "draft", "issued", "issued", "cancelled", "entered-in-error", "balanced"])
account_statuses = st.sampled_from(["active", "active", "inactive", "on-hold", "entered-in-error"])

REQUESTS = (
    *("bill", "pay", "pay", "pay", "receive", "notify", "cancel", "issue", "capture", "capture_priced"),
    *("change_charge", "draft_invoice", "change_draft", "edit_what_is_issued", "change_payment"),
    *("allocate", "deallocate", "reverse", "transfer"),
    *("refund", "refund", "decide_refund", "decide_refund", "adjust", "decide_adjustment", "expect_loss", "recover"),
    *("repeat", "replay", "put_back", "label", "ask_for_other_days", "administer", "seal"),
    *("publish_prices", "settle_waiting", "end_prices", "quote"),
    *("credit", "credit", "credit_charge"),
    *("open_drawer", "close_drawer", "ask_gateway", "ask_gateway", "hear_of_gateway"),
    *("plan", "plan", "cancel_plan", "note_default", "ask_for_aging"),
    *("change_period", "change_period", "change_recognition"),
    *("ask_as_of", "ask_as_of", "ask_again"),
)


class LedgerMachine(
    PlanSteps,
    ApprovalSteps,
    PaymentSteps,
    PriceSteps,
    CreditSteps,
    CashSteps,
    GatewaySteps,
    PeriodSteps,
    RecognitionSteps,
    AsOfSteps,
):
    """One example is the life of one tenant."""

    @initialize(
        terms=st.sampled_from([0, 30]),
        holds=often,
        currency=st.sampled_from(CURRENCIES),
        taxation=st.sampled_from(TAXATIONS),
        cash_sessions=st.sampled_from(USES),
        has_coins=st.booleans(),
        auto_allocates=st.booleans(),
        recognised_at=st.sampled_from(POINTS),
        is_old=st.sampled_from([False, False, True]),
    )
    def begin(
        self,
        terms: int,
        holds: bool,
        currency: str,
        taxation: str,
        cash_sessions: str,
        has_coins: bool,
        auto_allocates: bool,
        recognised_at: str,
        is_old: bool,
    ) -> None:
        coins = COINS if has_coins else {}
        model = ReferenceModel(
            terms_days=terms,
            holds_unpriced=holds,
            cash_sessions=cash_sessions,
            coins=coins,
            auto_allocates=auto_allocates,
            recognised_at=recognised_at,
        )
        limits = approval_limits()
        self.begin_with(
            model,
            payment_terms_days=str(terms),
            unpriced_charge="hold" if holds else "refuse",
            tax_category="" if taxation == "none" else "standard",
            cash_sessions=cash_sessions,
            auto_allocate="on-issue" if auto_allocates else "off",
            recognition_point=recognised_at,
            **{f"smallest_coin.{of}": str(Money(of, coin).decimal()) for of, coin in coins.items()},
            **limits,
        )
        model.tax_rules = self.runner.run(tax(self.books, taxation, self.local_today()))
        self.tables = self.reader.snapshot(self.books.tenant_id)
        for patient, of in ((PATIENTS[0], "AFN"), (PATIENTS[1], currency)):
            self._open({"subject": patient, "currency": of, "status": "active"}, None)
        if is_old:
            self.grow_old(recognised_at)
        if cash_sessions == "required":
            self._open_drawer(MAIN, "AFN", 500, CASHIER, None)

    @rule(data=st.data(), what=st.sampled_from(REQUESTS))
    def request(self, data: st.DataObject, what: str) -> None:
        # One rule, for of several Hypothesis leaves some out of an example.
        getattr(self, what)(data)

    def administer(self, data: st.DataObject) -> None:
        what = data.draw(st.sampled_from(["open", "change", "delete"]))
        match what:
            case "open" if len(self.model.accounts) < 5:
                patient, currency = data.draw(st.sampled_from(PATIENTS)), data.draw(st.sampled_from(CURRENCIES))
                status = "inactive" if data.draw(rarely) else "active"
                self._open({"subject": patient, "currency": currency, "status": status}, self.key(data))
            case "delete":
                self._delete(data)
            case _:
                self._change_account(data)

    def _open(self, fields: Fields, key: str | None) -> None:
        document = documents.account(fields["subject"], fields["currency"], status=fields["status"])
        self.create(document, key, lambda id_: self.model.open_account(id_, fields))

    def _change_account(self, data: st.DataObject) -> None:
        id_ = self.drawing(data).one(self.model.accounts)
        if id_ is None:
            return
        before = self.model.accounts[id_]
        currency = "KWD" if data.draw(rarely) else before["currency"]
        fields = {**before, "status": data.draw(account_statuses), "currency": currency}
        document = documents.account(before["subject"], currency, status=fields["status"])
        self.update(id_, document, self.key(data), lambda: self.model.change_account(id_, fields))

    def _delete(self, data: st.DataObject) -> None:
        resource_type, id_ = self.any_resource(data)
        forget = {
            "Account": self.model.delete_account,
            "ChargeItem": self.model.delete_charge,
            "Invoice": self.model.delete_invoice,
            "PaymentReconciliation": self.model.delete_payment,
            "PaymentNotice": self.model.delete_notice,
        }[resource_type]
        if id_ is not None:
            self.send(Request("delete", f"{resource_type}/{id_}", {}, self.key(data)), lambda _: forget(id_))

    def capture(self, data: st.DataObject) -> None:
        self._capture(data, self.drawing(data).charge())

    def capture_priced(self, data: st.DataObject) -> None:
        """As most charges are."""
        self._capture_on(data, self._account(data))

    def _capture_on(self, data: st.DataObject, account: str) -> None:
        self._capture(data, charge_of(account, self.model.accounts[account], data.draw(amounts)))

    def _capture(self, data: st.DataObject, fields: Fields) -> None:
        self.create(charge_document(fields), self.key(data), lambda id_: self.model.capture(id_, fields))

    def _account(self, data: st.DataObject) -> str:
        """An account that takes charges, opened where there is none."""
        active = {id_: of for id_, of in self.model.accounts.items() if of["status"] == "active"}
        if not active:
            self._open({"subject": PATIENTS[0], "currency": "AFN", "status": "active"}, None)
            return list(self.model.accounts)[-1]
        id_ = self.drawing(data).one(active)
        assert id_ is not None
        return id_

    def change_charge(self, data: st.DataObject) -> None:
        drawing = self.drawing(data)
        id_ = drawing.one(self.model.charges)
        if id_ is None:
            return
        charge, drawn = self.model.charges[id_], drawing.charge()
        changed = data.draw(st.lists(st.sampled_from(sorted(drawn)), max_size=3, unique=True))
        fields = {name: drawn[name] if name in changed else charge[name] for name in drawn}
        self.update(id_, charge_document(fields), self.key(data), lambda: self.model.change_charge(id_, fields))

    def draft_invoice(self, data: st.DataObject) -> None:
        at_once = data.draw(rarely)
        void = data.draw(rarely)
        fields = self.drawing(data).invoice()
        if fields is not None:
            fields["status"] = "issued" if at_once else "cancelled" if void else "draft"
            self._draft(data, fields)

    def bill(self, data: st.DataObject) -> None:
        """Issue an invoice of all that is billable on an account, as most invoices are made."""
        drawing = self.drawing(data)
        account = self._account(data)
        charges = self._billable_on(account)
        while not charges or data.draw(st.booleans()):
            self._capture_on(data, account)
            charges = self._billable_on(account)
        fields = invoice_of(account, [{"charge": id_, "components": drawing.rates()} for id_ in charges])
        fields["on"] = drawing.date(st.sampled_from([None, None, 1, 45, 400]))
        fields["due"] = drawing.date(st.sampled_from([None, 20, 35, 70, 95, 130, -30]))
        currency = self.model.accounts[account]["currency"]
        total = sum(self.model.charges[id_]["amount"] for id_ in charges)
        if data.draw(st.booleans()):
            payer = data.draw(st.sampled_from(PAYERS))
            fields["shares"] = [(payer, data.draw(st.integers(0, total)), currency)]
        if data.draw(rarely):
            tax = component("tax", amount=data.draw(st.integers(0, 500)), currency=currency, code="whole")
            fields["extra"] = [tax]
        self._draft(data, fields)

    def _billable_on(self, account: str) -> list[str]:
        return [
            id_
            for id_, charge in self.model.charges.items()
            if charge["account"] == account
            and charge["status"] == "billable"
            and charge["amount"] is not None
            and id_ not in self.model.holds
            and (charge["on"] or "") <= self.model.today.isoformat()
            and charge["subject"] == self.model.accounts[account]["subject"]
        ]

    def _have_issued(self, data: st.DataObject) -> None:
        """Most of what happens needs an invoice that is not settled, and some of it needs two."""
        issued = [invoice for invoice in self.model.invoices.values() if invoice["status"] == "issued"]
        if len(issued) < data.draw(st.sampled_from([1, 1, 2])):
            self.bill(data)

    def _draft(self, data: st.DataObject, fields: Fields) -> None:
        self.create(invoice_document(fields), self.key(data), lambda id_: self.model.draft(id_, fields))

    def change_draft(self, data: st.DataObject) -> None:
        status = data.draw(draft_statuses)
        drawing = self.drawing(data)
        id_ = drawing.one({id_: i for id_, i in self.model.invoices.items() if i["status"] == "draft"})
        fields = drawing.invoice(kept=self.model.invoices[id_]) if id_ else None
        if id_ is None or fields is None:
            return
        fields.update(status=status, reason="a mistake" if status == "cancelled" and data.draw(often) else None)
        self.update(id_, invoice_document(fields), self.key(data), lambda: self.model.change_draft(id_, fields))

    def issue(self, data: st.DataObject) -> None:
        ago = data.draw(days_ago)
        drawing = self.drawing(data)
        id_ = drawing.one(self.model.invoices, wanted=lambda i: i["status"] == "draft")
        if id_ is not None:
            on = drawing.day(ago)
            request = Request("issue", f"Invoice/{id_}", {"date": on}, self.key(data))
            self.send(request, lambda _: self.model.issue(id_, on))

    def cancel(self, data: st.DataObject) -> None:
        by_put = data.draw(st.booleans())
        self._have_issued(data)
        id_ = self.drawing(data).one(self.model.invoices, wanted=lambda i: i["parts"] and not i["paid"])
        if id_ is None:
            return
        if by_put and self.model.invoices[id_]["status"] in ("issued", "balanced"):
            document = {**self.stored("Invoice", id_), "status": "cancelled", "cancelledReason": "a mistake"}
            self.update(id_, document, self.key(data), lambda: self.model.cancel(id_))
            return
        request = Request("cancel", f"Invoice/{id_}", {"reason": "a mistake"}, self.key(data))
        self.send(request, lambda _: self.model.cancel(id_))

    def edit_what_is_issued(self, data: st.DataObject) -> None:
        """Notes may change for ever; nothing that is about money, whatever a client sends."""
        what = data.draw(st.sampled_from(["note", "line", "status", "settled"]))
        self._have_issued(data)
        id_ = self.drawing(data).one({id_: i for id_, i in self.model.invoices.items() if i["parts"]})
        if id_ is None:
            return
        self.counter += 1
        document = self.stored("Invoice", id_)
        codes = _edit(document, what, self.model.invoices[id_]["currency"], self.counter)

        def change() -> None:
            if codes:
                raise Refused(*codes)

        self.update(id_, document, self.key(data), change)

    def plan(self, data: st.DataObject) -> None:
        self._have_issued(data)
        super().plan(data)

    def pay(self, data: st.DataObject) -> None:
        """$post-payment."""
        self._have_issued(data)
        drawn = self.drawing(data).counter_payment()
        if drawn is None:
            return
        self._pay(data, *drawn)

    def _pay(self, data: st.DataObject, where: str, fields: Fields) -> None:
        names = ("method", "tendered", "on", "drawer")
        more: Fields = {name: fields[name] for name in names} | {"invoice_ids": tuple(fields["invoices"])}
        if fields["payer"] is not None:
            more["payer"] = {"reference": fields["payer"]}

        def change(answer: Answer | None) -> None:
            (_, payment, *_), (_, notice, *_), *invoices = answer["changes"] if answer else [("", ""), ("", "")]
            answered, back = self.model.post_payment(payment, notice, where, fields)
            assert answer is not None, "the model accepts the payment"
            assert ([each[1] for each in invoices], answer["change"]) == (answered, back)

        self.send(pay(where, fields["amount"], fields["currency"], key=self.key(data), **more), change)

    def receive(self, data: st.DataObject) -> None:
        """Money that a PaymentReconciliation reports."""
        self._have_issued(data)
        self._receive(self.drawing(data).payment(), self.key(data))

    def _receive(self, fields: Fields, key: str | None) -> None:
        document = payment_document(fields)
        self.create(document, key, lambda id_: self.model.receive(id_, fields, one_time=bool(key)))

    def change_payment(self, data: st.DataObject) -> None:
        drawing, key = self.drawing(data), self.key(data)
        id_ = drawing.one({id_: p for id_, p in self.model.payments.items() if p["fields"]})
        if id_ is None:
            return
        before, drawn = self.model.payments[id_]["fields"], drawing.payment()
        changed = data.draw(st.lists(st.sampled_from(["status", "note", "amount", "details", "outcome"]), max_size=2))
        fields = {name: drawn[name] if name in changed else before[name] for name in drawn}
        self.update(
            id_,
            payment_document(fields),
            key,
            lambda: self.model.change_payment(id_, fields, one_time=bool(key)),
        )

    def notify(self, data: st.DataObject) -> None:
        """A PaymentNotice: paid, cleared, or cancelled after it."""
        is_change = data.draw(st.booleans())
        is_same = data.draw(often)
        drawing = self.drawing(data)
        if not any(payment["in_clearing"] for payment in self.model.payments.values()):
            account = self._account(data)
            currency = self.model.accounts[account]["currency"]
            self._pay(data, f"Account/{account}", mobile_money(data.draw(st.integers(1, 5000)), currency))
        fields = drawing.notice()
        if fields is None:
            return
        ours = {id_: notice for id_, notice in self.model.notices.items() if notice["fields"]}
        id_ = drawing.one(ours) if is_change else None
        if id_ is None:
            self.create(notice_document(fields), self.key(data), lambda id_: self.model.note(id_, fields))
            return
        if is_same:
            fields.update({name: ours[id_][name] for name in ("payment", "amount", "currency")})
        self.update(id_, notice_document(fields), self.key(data), lambda: self.model.note(id_, fields))

    def repeat(self, data: st.DataObject) -> None:
        """The same business key or identifier once more, with the same content or with another."""
        same = data.draw(often)
        keys = [*self.model.charge_keys, *self.model.receipts]
        if not keys:
            return
        key = data.draw(st.sampled_from(sorted(keys)))
        _, fields = self.model.charge_keys.get(key) or self.model.receipts[key]
        fields = fields if same else {**fields, "note": "something else"}
        if key in self.model.charge_keys:
            self._capture(data, fields)
        else:
            self._receive(fields, None)

    def replay(self, data: st.DataObject) -> None:
        """A repeated request gets the answer that it had and changes nothing; its key serves no other."""
        if not self.sent:
            return
        other = data.draw(rarely)
        request, answer = self.sent[data.draw(st.integers(0, len(self.sent) - 1))]
        if other:
            request = Request(request.operation, request.type_or_id, {**request.content, "note": "x"}, request.key)

        def change(again: Answer | None) -> None:
            if other:
                raise Refused("IDEMPOTENCY_CONFLICT")
            assert again == {**answer, "replayed": True}

        self.send(request, change, changes_nothing=True)

    def put_back(self, data: st.DataObject) -> None:
        """What was read and is sent back unchanged makes no version."""
        resource_type, id_ = self.any_resource(data)
        if id_ is None or (resource_type == "ChargeItem" and self.model.is_waiting(id_)):
            return
        request = Request("update", f"{resource_type}/{id_}", self.stored(resource_type, id_))

        def change(answer: Answer | None) -> None:
            assert answer is not None
            assert answer["changes"][0][3] == "unchanged"

        self.send(request, change, changes_nothing=True)

    def label(self, data: st.DataObject) -> None:
        """A tag more or less makes a version, and is about no money."""
        resource_type, id_ = self.any_resource(data)
        if id_ is None:
            return
        meta = {"tag": [{"system": "urn:example:tag", "code": data.draw(st.sampled_from(["seen", "paper"]))}]}
        content = {"what": data.draw(st.sampled_from(["add", "add", "delete"])), "meta": meta}
        self.send(Request("label", f"{resource_type}/{id_}", content, self.key(data)), lambda _: None)

    def quote(self, data: st.DataObject) -> None:
        """What a service would cost is what the list says of it, and asking writes nothing."""
        drawing = self.drawing(data)
        asked: Fields = {
            "account": None,
            "posted": None,
            "on": drawing.date(days_ago),
            "is_poor": data.draw(st.booleans()),
        }
        asked["quantity"] = data.draw(st.sampled_from([None, "3", "0.5", "2.25"]))
        quoted = self.runner.run(self.books.quote(asked["on"], asked["quantity"], is_poor=asked["is_poor"]))
        expected = self.model.list_price(asked)
        assert quoted == (None if expected is None else expected["amount"])

    def ask_for_other_days(self, data: st.DataObject) -> None:
        """Balances as of a day, and as they were known at a moment: that answer never changes."""
        ahead = data.draw(st.integers(0, 200))
        ago = data.draw(st.sampled_from([0, 1, 44, 45, 99, 100, 401]))
        id_ = self.drawing(data).one(self.model.accounts)
        if id_ is None:
            return
        past, future = self.model.today - timedelta(days=ago), self.model.today + timedelta(days=ahead)
        assert self.sheet(id_, on=past) == self.model.balances(id_, past)
        sheet = self.runner.run(self.books.balance(id_, on=future))
        assert aging_of(sheet) == self.model.aging(id_, future)
        totals = self.runner.run(self.books.trial_balance())
        assert totals == {key: amount for key, amount in self.model.ledger.items() if amount}
        for moment, balances in self.known[-3:]:
            if id_ in balances:
                assert self.sheet(id_, recorded=moment) == balances[id_]
        everything = {account: self.model.balances(account) for account in self.model.accounts}
        self.known.append((self.runner.run(self.books.clock()), everything))


def _edit(document: Document, what: str, currency: str, number: int) -> tuple[str, ...]:
    """Edit an issued invoice; the codes of the refusal that must follow, one of which it has."""
    match what:
        case "note":
            document["note"] = [{"text": f"called the family {number} times"}]
            return ()
        case "line":
            document["lineItem"] = document["lineItem"] * 2
            return ("invoice-immutable",)
        case "status":
            is_issued = document["status"] == "issued"
            document["status"] = "balanced" if is_issued else "issued"
            # It may have been balanced before money was taken off it.
            return ("server-owned", "stale") if is_issued else ("stale",)
        case _:
            url = f"{documents.CANONICAL}/StructureDefinition/invoice-settled"
            for extension in document["extension"]:
                if extension["url"] == url:
                    extension["valueMoney"] = documents.money(10**14, currency)
            return ("server-owned",)


@pytest.fixture
def machine(database: DatabaseAccess, tmp_path: Path) -> Iterator[type[LedgerMachine]]:
    reader = Reader(database.superuser)
    with asyncio.Runner() as runner:
        serving = gateway()
        double = runner.run(serving.__aenter__())
        client = GatewayClient(double.url, SECRET, timeout_seconds=20)
        app, audit, worker = Database(database.app), Database(database.audit), Database(database.worker)
        for each in (app, audit, worker):
            runner.run(each.open())

        class Machine(LedgerMachine):
            pass

        Machine.runner, Machine.database, Machine.auditor, Machine.reader = runner, app, audit, reader
        Machine.sealer, Machine.seal_keys = worker, SealKeys(tmp_path)
        Machine.gateway, Machine.gateway_client = double, client
        Machine.carried_out, Machine.refused = Counter(), Counter()
        yield Machine
        for each in (app, audit, worker):
            runner.run(each.close())
        runner.run(client.close())
        runner.run(serving.__aexit__(None, None, None))
    reader.close()


def test_the_ledger_says_what_the_reference_model_says(machine: type[LedgerMachine]) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=IS_SHORT,
            suppress_health_check=list(HealthCheck),
            phases=PHASES,
        ),
    )
    print(f"{machine.proofs} proofs; carried out: {dict(machine.carried_out)}; refused: {dict(machine.refused)}")
    assert machine.carried_out.total() > EXAMPLES
