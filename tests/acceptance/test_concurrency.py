"""Many clients at once on the same few accounts: a race has one winner, sums agree, no deadlock reaches a client."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from billing.check_ledger import check_ledger
from ledger.errors import Category, Refusal
from storage.transaction import Database
from tests.acceptance import documents
from tests.acceptance.books import Answer, Books, Reader, Request, id_of, pay

ROUNDS = 12
HAMMERING_WORKERS = 12
# A longer run: BILLING_TEST_HAMMER_REQUESTS=2000 ./run test tests/acceptance/test_concurrency.py
REQUESTS_OF_A_WORKER = int(os.environ.get("BILLING_TEST_HAMMER_REQUESTS", "30"))

PATIENT = "Patient/1"
INSURER = "Organization/insurer"
# What a client may be told when another was first. Anything else would be a fault of the server.
LOST_A_RACE = (Category.CONFLICT, Category.RULE_BROKEN, Category.NOT_FOUND)


async def at_once(books: Books, *requests: Request) -> list[Answer | Refusal]:
    """The answers to requests that run at the same time, in random order."""

    async def send(request: Request) -> Answer | Refusal:
        await asyncio.sleep(random.random() / 500)
        try:
            return await books.send(request)
        except Refusal as refusal:
            return refusal

    return list(await asyncio.gather(*(send(request) for request in requests)))


def won(answers: list[Answer | Refusal]) -> list[Answer]:
    return [answer for answer in answers if not isinstance(answer, Refusal)]


def codes(answers: list[Answer | Refusal]) -> list[str]:
    return [answer.code for answer in answers if isinstance(answer, Refusal)]


async def account(books: Books, currency: str = "AFN") -> str:
    return id_of(await books.create(documents.account(PATIENT, currency)))


async def charge(books: Books, account_id: str, amount: int = 1000) -> str:
    document = documents.charge(PATIENT, account_id=account_id, price=(amount, "AFN"))
    return id_of(await books.create(document))


async def invoice(books: Books, account_id: str, *, status: str = "issued", amount: int = 1000) -> str:
    lines = [documents.line(await charge(books, account_id, amount))]
    return id_of(await books.create(documents.invoice(lines, status=status, account_id=account_id)))


@pytest.fixture
async def proved(books: Books, auditor: Database) -> Callable[[], Awaitable[None]]:
    async def prove() -> None:
        assert await check_ledger(auditor, [books.tenant_id]) == []

    return prove


async def test_of_two_invoices_that_take_one_charge_one_gets_it(
    books: Books, proved: Callable[[], Awaitable[None]]
) -> None:
    account_id = await account(books)
    for status in ("draft", "issued") * (ROUNDS // 2):
        lines = [documents.line(await charge(books, account_id))]
        document = documents.invoice(lines, status=status, account_id=account_id)
        answers = await at_once(books, *[Request("create", "Invoice", document)] * 4)
        assert len(won(answers)) == 1
        assert set(codes(answers)) == {"charge-on-other-invoice"}
    await proved()


async def test_drafts_without_account_race_for_charges_without_account(
    books: Books, proved: Callable[[], Awaitable[None]]
) -> None:
    for _ in range(ROUNDS):
        charges = [id_of(await books.create(documents.charge("Patient/new", price=(1, "AFN")))) for _ in range(3)]
        orders = [charges, charges[::-1], charges[1:] + charges[:1]]
        drafts = [documents.invoice([documents.line(id_) for id_ in order]) for order in orders]
        answers = await at_once(books, *(Request("create", "Invoice", draft) for draft in drafts))
        assert len(won(answers)) == 1
        assert set(codes(answers)) == {"charge-on-other-invoice"}
    await proved()


async def test_a_due_that_two_pay_at_once_is_paid_once(books: Books, proved: Callable[[], Awaitable[None]]) -> None:
    account_id = await account(books)
    for number in range(ROUNDS):
        invoice_id = await invoice(books, account_id)
        where = f"Invoice/{invoice_id}"
        answers = await at_once(books, *(pay(where, 1000, "AFN", key=f"{number}-{each}") for each in range(4)))
        assert len(won(answers)) == 1
        assert set(codes(answers)) == {"invalid-state"}
    sheet = await books.balance(account_id)
    assert (sheet.billed_patient.minor_units, sheet.unapplied.minor_units) == (0, 0)
    await proved()


async def test_what_two_pay_on_an_account_at_once_is_unapplied_beyond_the_due(
    books: Books, proved: Callable[[], Awaitable[None]]
) -> None:
    account_id = await account(books)
    for number in range(ROUNDS):
        await invoice(books, account_id)
        where = f"Account/{account_id}"
        answers = await at_once(books, *(pay(where, 700, "AFN", key=f"{number}-{each}") for each in range(2)))
        assert len(won(answers)) == 2
        sheet = await books.balance(account_id)
        assert sheet.billed_patient.minor_units == 0
        assert sheet.unapplied.minor_units == 400 * (number + 1)
    await proved()


async def test_cancelling_and_paying_at_once_does_one_of_them(
    books: Books, proved: Callable[[], Awaitable[None]]
) -> None:
    account_id = await account(books)
    winners = Counter[str]()
    for number in range(2 * ROUNDS):
        invoice_id = await invoice(books, account_id)
        paid, cancelled = await at_once(
            books,
            pay(f"Invoice/{invoice_id}", 10, "AFN", key=f"pay-{number}"),
            Request("cancel", f"Invoice/{invoice_id}", {"reason": "a mistake"}),
        )
        assert isinstance(paid, Refusal) != isinstance(cancelled, Refusal)
        winners["cancelled" if isinstance(paid, Refusal) else "paid"] += 1
    print(winners)
    await proved()


async def test_money_that_two_allocate_at_once_goes_to_one_invoice(
    books: Books, proved: Callable[[], Awaitable[None]]
) -> None:
    account_id = await account(books)
    payer = {"reference": INSURER}
    for number in range(ROUNDS):
        # A payer's money has no account of its own: it is the payment that both want.
        more: dict[str, Any] = {"payer": payer, "method": "bank-transfer"} if number % 2 else {}
        payment_id = id_of(await books.send(pay(f"Account/{account_id}", 1000, "AFN", key=f"pay-{number}", **more)))
        accounts = [account_id, await account(books) if number % 2 else account_id]
        targets = [await invoice(books, each) for each in accounts]
        requests = [
            Request("allocate", f"PaymentReconciliation/{payment_id}", {"named": [(target, 1000, "AFN")]})
            for target in targets
        ]
        answers = await at_once(books, *requests)
        assert len(won(answers)) == 1
        assert codes(answers) == ["not-unapplied"]
        await books.send(Request("deallocate", f"PaymentReconciliation/{payment_id}", {"named": []}))
        await books.send(Request("reverse", f"PaymentReconciliation/{payment_id}", {"reason": "mis-keyed"}))
        for target in targets:
            await books.send(Request("cancel", f"Invoice/{target}", {"reason": "a mistake"}))
    await proved()


async def test_a_payment_that_is_reversed_while_it_is_allocated_settles_nothing(
    books: Books, proved: Callable[[], Awaitable[None]]
) -> None:
    account_id = await account(books)
    for number in range(ROUNDS):
        payment_id = id_of(await books.send(pay(f"Account/{account_id}", 1000, "AFN", key=f"pay-{number}")))
        target = await invoice(books, account_id)
        where = f"PaymentReconciliation/{payment_id}"
        reversed_, allocated = await at_once(
            books,
            Request("reverse", where, {"reason": "mis-keyed"}),
            Request("allocate", where, {"named": [(target, 1000, "AFN")]}),
        )
        assert not isinstance(reversed_, Refusal)
        assert not isinstance(allocated, Refusal) or allocated.code == "invalid-state"
        sheet = await books.balance(account_id)
        assert (sheet.billed_patient.minor_units, sheet.unapplied.minor_units) == (1000, 0)
        await books.send(Request("cancel", f"Invoice/{target}", {"reason": "a mistake"}))
    await proved()


async def test_a_payment_is_refunded_or_reversed_and_never_both(
    books: Books, proved: Callable[[], Awaitable[None]]
) -> None:
    account_id = await account(books)
    for number in range(ROUNDS):
        payment_id = id_of(await books.send(pay(f"Account/{account_id}", 1000, "AFN", key=f"pay-{number}")))
        content = {"by": "clerk", "amount": ("AFN", 1000), "reason": "not needed"}
        refunded, reversed_ = await at_once(
            books,
            Request("refund", f"PaymentReconciliation/{payment_id}", content),
            Request("reverse", f"PaymentReconciliation/{payment_id}", {"reason": "mis-keyed"}),
        )
        assert isinstance(refunded, Refusal) != isinstance(reversed_, Refusal)
    await proved()


async def test_one_business_key_makes_one_charge_however_many_send_it(books: Books, reader: Reader) -> None:
    account_id = await account(books)
    for number in range(ROUNDS):
        document = documents.charge(PATIENT, account_id=account_id, price=(5, "AFN"), key=f"lab-{number}")
        answers = await at_once(books, *[Request("create", "ChargeItem", document)] * 16)
        assert len({id_of(answer) for answer in won(answers)}) == 1
        assert codes(answers) == []
    assert reader.rows("SELECT count(*) FROM billing.charge_item WHERE tenant_id = %s", books.tenant_id) == [(ROUNDS,)]


async def test_one_business_key_without_account_makes_one_charge(books: Books, reader: Reader) -> None:
    """Nothing is locked that they share: only the key itself tells them apart."""
    for number in range(ROUNDS):
        document = documents.charge("Patient/new", price=(5, "AFN"), key=f"lab-{number}")
        answers = await at_once(books, *[Request("create", "ChargeItem", document)] * 16)
        assert len({id_of(answer) for answer in won(answers)}) == 1
        assert codes(answers) == []
    assert reader.rows("SELECT count(*) FROM billing.charge_item WHERE tenant_id = %s", books.tenant_id) == [(ROUNDS,)]


async def test_one_idempotency_key_is_carried_out_once_and_answered_the_same(
    books: Books, proved: Callable[[], Awaitable[None]]
) -> None:
    account_id = await account(books)
    for number in range(ROUNDS):
        request = pay(f"Account/{account_id}", 100, "AFN", key=f"pay-{number}")
        answers = await at_once(books, *[request] * 16)
        assert codes(answers) == []
        assert Counter(answer["replayed"] for answer in won(answers)) == {False: 1, True: 15}
        assert len({str(answer["changes"]) for answer in won(answers)}) == 1
    assert (await books.balance(account_id)).unapplied.minor_units == 100 * ROUNDS
    await proved()


async def test_money_reported_twice_at_once_is_posted_once(books: Books, proved: Callable[[], Awaitable[None]]) -> None:
    account_id = await account(books)
    for number in range(ROUNDS):
        document = documents.payment(100, "AFN", on="2026-01-15", account_id=account_id, reference=f"R-{number}")
        answers = await at_once(books, *[Request("create", "PaymentReconciliation", document)] * 8)
        assert codes(answers) == []
        assert len({id_of(answer) for answer in won(answers)}) == 1
    assert (await books.balance(account_id)).unapplied.minor_units == 100 * ROUNDS
    await proved()


async def test_a_payment_is_cleared_once(books: Books, proved: Callable[[], Awaitable[None]]) -> None:
    account_id = await account(books)
    for number in range(ROUNDS):
        request = pay(f"Account/{account_id}", 100, "AFN", key=f"pay-{number}", method="mobile-money")
        payment_id = id_of(await books.send(request))
        document = documents.notice(payment_id, 100, "AFN", payment_status="cleared")
        answers = await at_once(books, *[Request("create", "PaymentNotice", document)] * 4)
        assert len(won(answers)) == 1
        assert set(codes(answers)) == {"nothing-to-clear"}
    await proved()


async def test_an_invoice_is_issued_as_it_was_before_or_after_a_change_never_in_between(
    books: Books, proved: Callable[[], Awaitable[None]]
) -> None:
    account_id = await account(books)
    totals = Counter[int]()
    for _ in range(2 * ROUNDS):
        invoice_id = await invoice(books, account_id, status="draft", amount=100)
        lines = [documents.line(await charge(books, account_id, 250))]
        changed, issued = await at_once(
            books,
            Request("update", f"Invoice/{invoice_id}", documents.invoice(lines, account_id=account_id)),
            Request("issue", f"Invoice/{invoice_id}"),
        )
        assert not isinstance(issued, Refusal)
        document = await books.read("Invoice", invoice_id)
        gross = int(100 * document["totalGross"]["value"])
        assert gross == (100 if isinstance(changed, Refusal) else 250)
        totals[gross] += 1
    print(totals)
    await proved()


async def test_invoices_issued_at_once_are_numbered_without_gap(
    books: Books, reader: Reader, proved: Callable[[], Awaitable[None]]
) -> None:
    accounts = [await account(books) for _ in range(4)]
    drafts = [await invoice(books, accounts[number % 4], status="draft") for number in range(24)]
    wrong = Request("issue", "Invoice/nowhere")
    answers = await at_once(books, *(Request("issue", f"Invoice/{id_}") for id_ in drafts), *[wrong] * 6)
    assert len(won(answers)) == 24
    rows = reader.rows(
        "SELECT value FROM billing.invoice_index WHERE tenant_id = %s AND value LIKE 'INV-%%'", books.tenant_id
    )
    assert sorted(int(value[-6:]) for (value,) in rows) == list(range(1, 25))
    await proved()


async def test_changes_of_one_charge_at_once_leave_one_posting(
    books: Books, proved: Callable[[], Awaitable[None]]
) -> None:
    first, second = await account(books), await account(books)
    charge_id = await charge(books, first)
    for _ in range(ROUNDS):
        requests = [
            Request(
                "update",
                f"ChargeItem/{charge_id}",
                documents.charge(PATIENT, account_id=account_id, price=(amount, "AFN")),
            )
            for account_id in (first, second)
            for amount in (10, 20, 30)
        ]
        assert codes(await at_once(books, *requests)) == []
        document = await books.read("ChargeItem", charge_id)
        on = document["account"][0]["reference"].removeprefix("Account/")
        amount = int(100 * document["priceOverride"]["value"])
        unbilled = {id_: (await books.balance(id_)).unbilled.minor_units for id_ in (first, second)}
        assert unbilled == {id_: amount if id_ == on else 0 for id_ in (first, second)}
    await proved()


async def test_of_price_lists_for_the_same_that_come_into_force_at_once_one_does_and_no_charge_is_forgotten(
    books: Books, reader: Reader, proved: Callable[[], Awaitable[None]]
) -> None:
    account_id = await account(books)
    waiting = "SELECT count(*) FROM billing.charge_item WHERE tenant_id = %s AND unpriced"
    for number in range(ROUNDS):
        day = dt.date(2026, 1, 1) + dt.timedelta(days=number)
        version = {"from": day, "to": day, "prices": {"AFN": 700}, "discount": 0, "exemption": 0}
        lists = [Request("publish", f"PriceList/{number}-{each}", version) for each in range(3)]
        document = documents.charge(PATIENT, account_id=account_id, on=day.isoformat())
        answers = await at_once(books, *lists, *[Request("create", "ChargeItem", document)] * 4)
        assert len(won(answers)) == 1 + 4
        assert codes(answers) == ["price-list-overlap"] * 2
        await at_once(books, *[Request("settle-unpriced", "ChargeItem")] * 2)
        assert reader.rows(waiting, books.tenant_id) == [(0,)]
    assert (await books.balance(account_id)).unbilled.minor_units == 700 * 4 * ROUNDS
    await proved()


# Everything at once --------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Hammer:
    """Workers that send whatever comes to their mind about the same few things."""

    books: Books
    accounts: list[str]
    random: random.Random
    charges: list[str] = field(default_factory=list)
    invoices: list[str] = field(default_factory=list)
    payments: list[tuple[str, int]] = field(default_factory=list)
    received: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    sent: int = 0

    def request(self) -> Request:
        self.sent += 1
        makers = (self.capture, self.capture, self.change, self.draft, self.issue, self.redraft, self.pay, self.pay)
        return self.random.choice((*makers, self.remit, self.cancel, self.clear, self.close))()

    def key(self) -> str | None:
        return f"key-{self.sent}" if self.random.random() < 0.7 else None

    def account(self) -> str:
        return self.random.choice(self.accounts)

    def capture(self) -> Request:
        account_id = self.account() if self.random.random() < 0.8 else None
        business_key = f"lab-{self.random.randrange(200)}" if self.random.random() < 0.2 else None
        price = (self.random.choice([0, 5, 70, 1000]), "AFN")
        document = documents.charge(PATIENT, account_id=account_id, price=price, key=business_key)
        return Request("create", "ChargeItem", document, self.key())

    def change(self) -> Request:
        if not self.charges:
            return self.capture()
        status = self.random.choice(["billable", "billable", "billable", "planned", "aborted"])
        price = (self.random.choice([5, 70, 1000]), "AFN")
        document = documents.charge(PATIENT, account_id=self.account(), price=price, status=status)
        return Request("update", f"ChargeItem/{self.random.choice(self.charges)}", document, self.key())

    def invoice_document(self, status: str) -> documents.Document:
        charges = self.random.sample(self.charges, min(len(self.charges), self.random.randrange(3)))
        lines = [documents.line(id_) for id_ in charges]
        lines = lines or [documents.line(None, [documents.component("base", amount=500)])]
        account_id = None if charges else self.account()
        shares = [(INSURER, 100, "AFN")] if not charges and self.random.random() < 0.5 else None
        return documents.invoice(lines, status=status, account_id=account_id, shares=shares)

    def draft(self) -> Request:
        return Request("create", "Invoice", self.invoice_document(self.random.choice(["draft", "issued"])), self.key())

    def redraft(self) -> Request:
        document = self.invoice_document(self.random.choice(["draft", "issued"]))
        return Request("update", f"Invoice/{self.random.choice([*self.invoices, 'new'])}", document, self.key())

    def issue(self) -> Request:
        return Request("issue", f"Invoice/{self.random.choice([*self.invoices, 'new'])}", {}, self.key())

    def cancel(self) -> Request:
        where = f"Invoice/{self.random.choice([*self.invoices, 'new'])}"
        return Request("cancel", where, {"reason": "a mistake"}, self.key())

    def pay(self) -> Request:
        on_invoice = self.invoices and self.random.random() < 0.5
        where = f"Invoice/{self.random.choice(self.invoices)}" if on_invoice else f"Account/{self.account()}"
        method = self.random.choice(["cash", "mobile-money"])
        more: dict[str, Any] = {"payer": {"reference": INSURER}} if self.random.random() < 0.2 else {}
        return pay(where, self.random.choice([1, 100, 500, 1000]), "AFN", key=f"key-{self.sent}", method=method, **more)

    def remit(self) -> Request:
        """Money for invoices of several accounts, named in any order."""
        invoices = self.random.sample(self.invoices, min(len(self.invoices), 3))
        details = [documents.detail("payment", f"Invoice/{id_}", 1, "AFN") for id_ in invoices]
        details.append(documents.detail("advance", f"Account/{self.account()}", 7, "AFN"))
        document = documents.payment(10, "AFN", on="2026-01-15", details=details, account_id=self.account())
        return Request("create", "PaymentReconciliation", document, f"key-{self.sent}")

    def clear(self) -> Request:
        if not self.payments:
            return self.pay()
        payment_id, amount = self.random.choice(self.payments[-5:])
        document = documents.notice(payment_id, amount, "AFN", payment_status="cleared")
        return Request("create", "PaymentNotice", document, self.key())

    def close(self) -> Request:
        status = self.random.choice(["active", "active", "active", "on-hold"])
        document = documents.account(PATIENT, "AFN", status=status, note=f"{self.sent}")
        return Request("update", f"Account/{self.account()}", document, self.key())

    async def work(self, requests: int) -> None:
        for _ in range(requests):
            request = self.request()
            try:
                answer = await self.books.send(request)
            except Refusal as refusal:
                if refusal.category not in LOST_A_RACE:
                    raise
                self.answers[refusal.code] += 1
                continue
            self.answers["carried out"] += 1
            self.remember(request, answer)
            if request.key is not None and self.random.random() < 0.3:
                again = await self.books.send(request)
                assert again == {**answer, "replayed": True}

    def remember(self, request: Request, answer: Answer) -> None:
        resource_type, id_, _, outcome = answer["changes"][0]
        if resource_type == "PaymentReconciliation" and outcome == "created":
            amount = request.content["amount"].minor_units if request.operation == "post-payment" else 10
            assert isinstance(amount, int)
            self.received += amount
            self.payments.append((id_, amount))
        if outcome == "created":
            {"ChargeItem": self.charges, "Invoice": self.invoices}.get(resource_type, []).append(id_)


async def test_workers_that_hammer_the_same_accounts_break_nothing(
    books: Books, reader: Reader, proved: Callable[[], Awaitable[None]]
) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    accounts = [await account(books) for _ in range(3)]
    hammer = Hammer(books, accounts, random.Random(seed))
    async with asyncio.TaskGroup() as group:
        for _ in range(HAMMERING_WORKERS):
            group.create_task(hammer.work(REQUESTS_OF_A_WORKER))
    print(hammer.answers)
    received = reader.rows(
        "SELECT sum(amount_minor)::bigint FROM billing.posting WHERE tenant_id = %s"
        " AND ledger_account IN (1010, 1020, 1030)",
        books.tenant_id,
    )
    assert received == [(hammer.received,)]
    await proved()


async def test_nothing_lands_in_a_period_after_it_was_closed(
    books: Books, reader: Reader, proved: Callable[[], Awaitable[None]]
) -> None:
    """64 post into days that are being closed under them, while accountants close one after the other."""
    accounts = [await account(books) for _ in range(8)]
    first_day, days = dt.date(2026, 1, 1), 6

    async def post(number: int) -> Answer:
        day = first_day + dt.timedelta(days=number % days)
        on, price = accounts[number % 8], (100, "AFN")
        document = documents.charge(PATIENT, account_id=on, price=price, on=day.isoformat())
        return await books.create(document)

    async def close_all() -> None:
        for number in range(days):
            day = first_day + dt.timedelta(days=number)
            await books.send(Request("soft-close", f"Period/{day}", {"last_day": day}))
            await books.send(Request("close", f"Period/{day}"))

    for wave in range(3):
        posting = [post(wave * 64 + number) for number in range(64)]
        await asyncio.gather(*posting, *([close_all()] if wave == 1 else []))
    late = reader.rows(
        "SELECT count(*) FROM billing.journal_entry AS e JOIN billing.posting_period_change AS c"
        " ON c.tenant_id = e.tenant_id AND c.status = 'closed' AND e.recorded_at > c.changed_at"
        " AND e.effective_at <= c.last_day WHERE e.tenant_id = %s",
        books.tenant_id,
    )
    changed = reader.rows(
        "SELECT c.closed_through, c.debit_minor - coalesce(sum(p.amount_minor), 0) FROM billing.closing_balance AS c"
        " LEFT JOIN billing.posting AS p ON p.tenant_id = c.tenant_id AND p.ledger_account = c.ledger_account"
        " AND p.effective_at <= c.closed_through WHERE c.tenant_id = %s AND c.ledger_account = 1150"
        " GROUP BY c.closed_through, c.debit_minor",
        books.tenant_id,
    )
    assert (late, len(changed), {difference for _, difference in changed}) == ([(0,)], days, {0})
    await proved()
