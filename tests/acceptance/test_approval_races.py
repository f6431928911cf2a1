"""Several people at once about the same refund, payment or limit: each thing happens once, and limits hold."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from billing.check_ledger import check_ledger
from storage.transaction import Database
from tests.acceptance import documents
from tests.acceptance.books import Answer, Books, Request, id_of, pay
from tests.acceptance.test_concurrency import ROUNDS, account, at_once, codes, invoice, won

LIMITS = {
    "refund_approval_above.AFN": "10",
    "refund_second_approval_above.AFN": "50",
    "adjustment_approval_above.AFN": "10",
    "adjustment_second_approval_above.AFN": "50",
}
INSURER = "Organization/insurer"


@pytest.fixture
async def limited(app: Database) -> Books:
    return await Books.open(app, **LIMITS)


@pytest.fixture
async def proved(limited: Books, auditor: Database) -> Callable[[], Awaitable[None]]:
    async def prove() -> None:
        assert [str(each) for each in await check_ledger(auditor, [limited.tenant_id])] == []

    return prove


def refunding(payment: str, amount: int, *, by: str = "clerk", deallocate: bool = False) -> Request:
    content = {"by": by, "amount": ("AFN", amount), "reason": "not needed", "deallocate": deallocate}
    return Request("refund", f"PaymentReconciliation/{payment}", content)


def deciding(operation: str, of: str, by: str) -> Request:
    more = {"method": None} if operation == "pay-out" else {}
    return Request(operation, of, {"by": by, **more})


async def deposit(books: Books, account_id: str, amount: int = 10000) -> str:
    return id_of(await books.send(pay(f"Account/{account_id}", amount, "AFN")))


def status_of(answer: Answer) -> str:
    return str(answer["changes"][0][3])


async def test_one_approval_each_of_many_at_once(limited: Books, proved: Callable[[], Awaitable[None]]) -> None:
    for _ in range(ROUNDS):
        payment = await deposit(limited, await account(limited))
        refund = f"Refund/{id_of(await limited.send(refunding(payment, 6000)))}"
        answers = await at_once(
            limited, *(deciding("approve", refund, by) for by in ("ann", "bob", "ann", "bob", "clerk"))
        )
        assert sorted(status_of(answer) for answer in won(answers)) == ["approved", "pending-approval"]
        assert codes(answers) == ["separation-of-duties"] * 3
    await proved()


async def test_a_refund_is_approved_or_rejected_and_paid_or_failed(
    limited: Books, proved: Callable[[], Awaitable[None]]
) -> None:
    for _ in range(ROUNDS):
        payment = await deposit(limited, await account(limited))
        refund = f"Refund/{id_of(await limited.send(refunding(payment, 2000)))}"
        first = await at_once(limited, *(deciding(what, refund, "ann") for what in ("approve", "reject")))
        assert len(won(first)) == 1
        if status_of(won(first)[0]) == "rejected":
            continue
        last = await at_once(limited, *(deciding(what, refund, "till") for what in ("pay-out", "fail", "pay-out")))
        assert len(won(last)) == 1
        assert set(codes(last)) <= {"invalid-state", "separation-of-duties"}
    await proved()


async def test_requests_that_together_pass_the_limit_do_not_all_get_through(
    limited: Books, proved: Callable[[], Awaitable[None]]
) -> None:
    for _ in range(ROUNDS):
        account_id = await account(limited)
        payments = [await deposit(limited, account_id) for _ in range(2)]
        answers = await at_once(limited, *(refunding(payment, 400) for payment in payments * 2))
        statuses = sorted(status_of(answer) for answer in won(answers))
        assert statuses == ["approved", "approved", "pending-approval", "pending-approval"]
    await proved()


async def test_a_payer_s_payments_at_once_count_together_too(
    limited: Books, proved: Callable[[], Awaitable[None]]
) -> None:
    for number in range(ROUNDS):
        payments = [
            id_of(
                await limited.create(
                    documents.payment(
                        9000, "AFN", on="2026-01-01", issuer=f"{INSURER}-{number}", reference=f"{number}-{each}"
                    )
                )
            )
            for each in range(3)
        ]
        answers = await at_once(limited, *(refunding(payment, 400) for payment in payments))
        statuses = sorted(status_of(answer) for answer in won(answers))
        assert statuses == ["approved", "approved", "pending-approval"]
    await proved()


async def test_refund_and_reversal_exclude_one_another(limited: Books, proved: Callable[[], Awaitable[None]]) -> None:
    for round_ in range(ROUNDS):
        payment = await deposit(limited, await account(limited))
        amount = (500, 2000)[round_ % 2]
        reverse = Request("reverse", f"PaymentReconciliation/{payment}", {"reason": "mis-keyed"})
        answers = await at_once(limited, refunding(payment, amount), reverse)
        assert len(won(answers)) == 1
        assert set(codes(answers)) <= {"payment-held", "payment-refunded", "invalid-state"}
    await proved()


async def test_money_is_refunded_or_allocated(limited: Books, proved: Callable[[], Awaitable[None]]) -> None:
    for _ in range(ROUNDS):
        account_id = await account(limited)
        payment = await deposit(limited, account_id, 1000)
        invoice_id = await invoice(limited, account_id)
        named = {"named": [(invoice_id, 1000, "AFN")]}
        allocate = Request("allocate", f"PaymentReconciliation/{payment}", named)
        answers = await at_once(limited, refunding(payment, 1000), allocate)
        assert len(won(answers)) == 1
        assert codes(answers) == ["not-unapplied"]
    await proved()


async def test_more_than_is_due_is_never_written_off(limited: Books, proved: Callable[[], Awaitable[None]]) -> None:
    for _ in range(ROUNDS):
        account_id = await account(limited)
        await invoice(limited, account_id)
        adjusting = {"type": "write-off", "amount": ("AFN", 600), "reason": "agreed"}
        answers = await at_once(
            limited, *(Request("adjust", f"Account/{account_id}", {"by": by, **adjusting}) for by in ("ann", "bob"))
        )
        assert len(won(answers)) == 1
        assert codes(answers) == ["adjustment-exceeds-due"]
    await proved()
