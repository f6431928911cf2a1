"""Several people at once about the same plan or its invoices: each thing happens once, and the books are sound."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from billing.payment_plan_state import read_plan
from tests.acceptance.books import Books, Request, id_of, pay
from tests.acceptance.plan_requests import equally
from tests.acceptance.test_concurrency import ROUNDS, account, at_once, codes, invoice, proved, won

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
