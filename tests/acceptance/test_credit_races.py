"""Credits that meet: the same line twice, a payment, a cancellation, an issue; and numbers without gaps."""

from __future__ import annotations

from collections import Counter

from billing.check_ledger import check_ledger
from ledger.errors import Refusal
from storage.transaction import Database
from tests.acceptance.books import Books, Request, pay
from tests.acceptance.test_concurrency import LOST_A_RACE, ROUNDS, account, at_once, codes, invoice, won


def credit(invoice_id: str, amount: int | None = None, *, rebill: bool = False, key: str | None = None) -> Request:
    lines = [] if amount is None else [(1, amount, "AFN")]
    return Request("credit", f"Invoice/{invoice_id}", {"lines": lines, "rebill": rebill}, key)


async def test_of_credits_of_one_line_at_once_no_more_is_made_than_is_left(books: Books, auditor: Database) -> None:
    account_id = await account(books)
    for _ in range(ROUNDS):
        invoice_id = await invoice(books, account_id)
        answers = await at_once(books, *[credit(invoice_id, 400)] * 4)
        assert (len(won(answers)), codes(answers)) == (2, ["credit-exceeds-line"] * 2)
    assert (await books.balance(account_id)).billed_patient.minor_units == 200 * ROUNDS
    assert await check_ledger(auditor, [books.tenant_id]) == []


async def test_a_credit_and_a_payment_at_once_leave_nothing_due_and_lose_nothing(
    books: Books, auditor: Database
) -> None:
    account_id = await account(books)
    for number in range(ROUNDS):
        invoice_id = await invoice(books, account_id)
        paid = pay(f"Invoice/{invoice_id}", 1000, "AFN", key=f"p{number}")
        answers = await at_once(books, credit(invoice_id, 400), paid)
        assert len(won(answers)) == 2
    sheet = await books.balance(account_id)
    assert (sheet.billed_patient.minor_units, sheet.unapplied.minor_units) == (0, 400 * ROUNDS)
    assert await check_ledger(auditor, [books.tenant_id]) == []


async def test_of_crediting_cancelling_and_billing_again_at_once_one_is_done(books: Books, auditor: Database) -> None:
    account_id = await account(books)
    for _ in range(ROUNDS):
        invoice_id = await invoice(books, account_id)
        cancel = Request("cancel", f"Invoice/{invoice_id}", {"reason": "a mistake"})
        answers = await at_once(books, credit(invoice_id), cancel, credit(invoice_id, rebill=True))
        assert len(won(answers)) == 1
        refused = [answer for answer in answers if isinstance(answer, Refusal)]
        assert all(refusal.category in LOST_A_RACE for refusal in refused)
    assert (await books.balance(account_id)).billed_patient.minor_units == 0
    assert await check_ledger(auditor, [books.tenant_id]) == []


async def test_credit_notes_made_at_once_on_many_accounts_have_numbers_without_gaps(
    books: Books, auditor: Database
) -> None:
    invoices = [await invoice(books, await account(books)) for _ in range(10)]
    answers = await at_once(books, *(credit(invoice_id) for invoice_id in invoices * 2))
    assert Counter(codes(answers)) == {"invalid-state": 10}
    notes = [await books.read("Invoice", str(answer["changes"][0][1])) for answer in won(answers)]
    numbers = sorted(int(note["identifier"][0]["value"][-6:]) for note in notes)
    assert numbers == list(range(1, 11))
    assert await check_ledger(auditor, [books.tenant_id]) == []
