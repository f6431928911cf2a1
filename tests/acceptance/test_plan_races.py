"""Several people at once about the same plan or its invoices: each thing happens once, and the books are sound."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import date, timedelta

from billing.payment_plan_state import read_plan
from tests.acceptance import documents
from tests.acceptance.books import Answer, Books, Request, id_of, pay
from tests.acceptance.plan_requests import equally
from tests.acceptance.test_concurrency import (
    HAMMERING_WORKERS,
    REQUESTS_OF_A_WORKER,
    ROUNDS,
    Hammer,
    account,
    at_once,
    codes,
    invoice,
    proved,
    won,
)

__all__ = ["proved"]


async def planning(books: Books, account_id: str, *invoices: str, count: int = 3) -> Request:
    today = books.context.today(await books.clock())
    return Request("plan", "PaymentPlan", equally(account_id, *invoices, count=count, first=today))


async def test_an_invoice_is_on_one_of_the_plans_that_are_made_at_once(
    books: Books, proved: Callable[[], Awaitable[None]]
) -> None:
    for _ in range(ROUNDS):
        account_id = await account(books)
        first, second, third = [await invoice(books, account_id) for _ in range(3)]
        shared = ((first, second), (second, third), (third, first), (second, first))
        answers = await at_once(books, *[await planning(books, account_id, *each) for each in shared])
        assert len(won(answers)) == 1
        assert set(codes(answers)) == {"invoice-on-other-plan"}
    await proved()


async def test_a_plan_is_about_what_is_owed_when_it_is_made_whoever_pays_meanwhile(
    books: Books, proved: Callable[[], Awaitable[None]]
) -> None:
    for number in range(ROUNDS):
        account_id = await account(books)
        invoice_id = await invoice(books, account_id)
        paying = pay(f"Invoice/{invoice_id}", 400, "AFN", key=f"meanwhile-{number}")
        answers = await at_once(books, await planning(books, account_id, invoice_id), paying)
        assert codes(answers) == []
        plan_id = next(str(each["changes"][0][1]) for each in won(answers) if each["changes"][0][0] == "PaymentPlan")
        state = await read_plan(books.database, books.context, plan_id)
        # Paid before, or an instalment of it; in both cases the rest is open.
        assert (state.plan.amount_minor, state.paid_minor) in {(600, 0), (1000, 400)}
        assert state.open_minor == 600
    await proved()


async def test_a_plan_is_cancelled_once_and_found_in_default_once(
    books: Books, proved: Callable[[], Awaitable[None]]
) -> None:
    for number in range(ROUNDS):
        account_id = await account(books)
        invoice_id = await invoice(books, account_id)
        plan = f"PaymentPlan/{id_of(await books.send(await planning(books, account_id, invoice_id)))}"
        noting = [Request("note-default", plan, {"days": 20})] * 3
        noted = [answer["changes"][0][3] for answer in won(await at_once(books, *noting))]
        assert sorted(noted) == ["defaulted", "nothing", "nothing"]
        paying = pay(f"Invoice/{invoice_id}", 1000, "AFN", key=f"all-{number}")
        answers = await at_once(books, paying, *[Request("cancel-plan", plan)] * 3, noting[0])
        assert set(codes(answers)) == {"invalid-state"}
        state = await read_plan(books.database, books.context, plan.partition("/")[2])
        assert state.status in {"completed", "cancelled"}
        assert [event.kind for event in state.plan.events].count("cancelled") == (state.status == "cancelled")
    await proved()


@dataclass(slots=True)
class PlanHammer(Hammer):
    """Workers who also make, cancel and look at plans, of whatever is there."""

    plans: list[str] = field(default_factory=list)
    issued: list[tuple[str, str]] = field(default_factory=list)
    """(invoice, account)"""
    today: date = date.min

    def request(self) -> Request:
        if self.random.random() < 0.6:
            # Not zero-argument super(): a dataclass with slots is another class than the one that is written here.
            return Hammer.request(self)
        self.sent += 1
        plan = f"PaymentPlan/{self.random.choice([*self.plans[-6:], 'none'])}"
        match self.random.choice(["issue", "plan", "plan", "plan", "cancel", "note"]):
            case "plan" if self.issued:
                return self.plan()
            case "cancel":
                return Request("cancel-plan", plan, {}, self.key())
            case "note":
                return Request("note-default", plan, {"days": self.random.choice([0, 20, 60])}, self.key())
        lines = [documents.line(None, [documents.component("base", amount=500)])]
        document = documents.invoice(lines, status="issued", account_id=self.account())
        return Request("create", "Invoice", document, self.key())

    def plan(self) -> Request:
        first, account_id = self.random.choice(self.issued[-8:])
        others = [id_ for id_, of in self.issued[-8:] if of == account_id and id_ != first]
        content = equally(account_id, first, *others[: self.random.randrange(3)], count=2, first=self.today)
        return Request("plan", "PaymentPlan", content, self.key())

    def remember(self, request: Request, answer: Answer) -> None:
        if request.operation == "plan":
            self.plans.append(answer["changes"][0][1])
        elif not request.type_or_id.startswith("PaymentPlan"):
            Hammer.remember(self, request, answer)
        if request.type_or_id == "Invoice" and request.content["status"] == "issued" and "account" in request.content:
            self.issued.append((answer["changes"][0][1], request.content["account"]["reference"].partition("/")[2]))


async def test_workers_that_hammer_the_same_accounts_and_plans_break_nothing(
    books: Books, proved: Callable[[], Awaitable[None]]
) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    accounts = [await account(books) for _ in range(3)]
    hammer = PlanHammer(books, accounts, random.Random(seed), today=books.context.today(await books.clock()))
    async with asyncio.TaskGroup() as group:
        for _ in range(HAMMERING_WORKERS):
            group.create_task(hammer.work(REQUESTS_OF_A_WORKER))
    print(hammer.answers, len(hammer.plans))
    assert hammer.plans
    for account_id in accounts:
        for on in (None, hammer.today, hammer.today + timedelta(days=45)):
            sheet = await books.balance(account_id, on=on)
            billed = sheet.billed_patient.minor_units + sheet.billed_payer.minor_units
            assert sum(amount.minor_units for _, amount in sheet.aging) == billed
    await proved()
