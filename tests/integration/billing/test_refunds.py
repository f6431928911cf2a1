"""Refunds: held, approved by others, owed back, paid; failed, rejected; counted together."""

from __future__ import annotations

from decimal import Decimal

import pytest
import pytest_asyncio

from billing.pay_refund import pay_refund
from ledger.errors import Category
from ledger.money import Money
from storage.transaction import Database
from tests.integration.billing.hospital import Document, Hospital, extension_of, line_of, refused, said
from tests.integration.billing.payment_commands import allocate, details
from tests.integration.billing.refund_commands import LIMITS, approve, as_actor, fail, pay, refund, reject
from tests.integration.billing.test_cash_sessions import opened


@pytest_asyncio.fixture
async def limited(connected: Database) -> Hospital:
    return await Hospital.open(connected, **LIMITS)


async def deposit(hospital: Hospital, amount: str = "10000", method: str = "cash") -> tuple[Document, Document]:
    """(account, payment) with all of it unapplied."""
    account = await hospital.account()
    return account, (await hospital.pay(account, amount, method=method)).payment


async def held(hospital: Hospital, account: Document) -> tuple[Decimal | int, ...]:
    """(unapplied, held, refund payable)"""
    sheet = await hospital.balance(account)
    return sheet.unapplied.decimal(), sheet.held.decimal(), sheet.refund_payable.decimal()


async def test_a_refund_at_the_limit_is_owed_back_at_once(limited: Hospital) -> None:
    account, payment = await deposit(limited)
    made = await refund(limited, payment, "1000")
    assert (made.status, made.refund.approvals_needed) == ("approved", 0)
    assert await held(limited, account) == (9000, 0, 1000)
    assert await limited.booked("refund-approved") == [(2100, 100000), (2300, -100000)]
    now = await limited.read(payment)
    assert extension_of(now, "payment-refunded") == {"value": Decimal("1000.00"), "currency": "AFN"}
    assert (await limited.events())[-1] == "billing.refund.issued.v1"


async def test_above_the_limit_the_money_is_held_until_somebody_else_approves(limited: Hospital) -> None:
    account, payment = await deposit(limited)
    made = await refund(limited, payment, "1000.01")
    assert (made.status, made.refund.approvals_needed) == ("pending-approval", 1)
    assert await held(limited, account) == (10000, Decimal("1000.01"), 0)
    assert await limited.booked("refund-approved") == []
    assert extension_of(await limited.read(payment), "payment-refunded") is None
    approved = await approve(limited, made, "chief")
    assert approved.status == "approved"
    assert await held(limited, account) == (Decimal("8999.99"), 0, Decimal("1000.01"))


async def test_above_the_second_limit_two_different_people_approve(limited: Hospital) -> None:
    account, payment = await deposit(limited)
    made = await refund(limited, payment, "6000")
    assert made.refund.approvals_needed == 2
    first = await approve(limited, made, "chief")
    assert (first.status, await held(limited, account)) == ("pending-approval", (10000, 6000, 0))
    again = await refused(approve(limited, made, "chief"))
    assert (again.category, again.code) == (Category.NOT_ALLOWED, "separation-of-duties")
    assert (await approve(limited, made, "director")).status == "approved"
    assert await held(limited, account) == (4000, 0, 6000)


async def test_who_requested_it_does_not_approve_it(limited: Hospital) -> None:
    _, payment = await deposit(limited)
    made = await refund(limited, payment, "2000")
    assert (await refused(approve(limited, made, "cashier"))).code == "separation-of-duties"
    at_once = await refund(limited, (await deposit(limited))[1], "1")
    assert (await refused(approve(limited, at_once, "cashier"))).code == "separation-of-duties"
    assert (await refused(approve(limited, at_once, "chief"))).code == "invalid-state"


async def test_splitting_does_not_help(limited: Hospital) -> None:
    account, payment = await deposit(limited)
    second = (await limited.pay(account, "10000")).payment
    assert (await refund(limited, payment, "600")).status == "approved"
    assert (await refund(limited, second, "400")).status == "approved"
    assert (await refund(limited, second, "0.01")).refund.approvals_needed == 1
    assert (await refund(limited, payment, "4000")).refund.approvals_needed == 2


async def test_what_others_requested_and_on_other_accounts_does_not_count(limited: Hospital) -> None:
    _, payment = await deposit(limited)
    _, elsewhere = await deposit(limited)
    for _ in range(2):
        by = "clerk" if _ else "cashier"
        assert (await refund(limited, payment, "900", by=by)).status == "approved"
        assert (await refund(limited, elsewhere, "900", by=by)).status == "approved"


async def test_what_was_rejected_or_failed_counts_no_more(limited: Hospital) -> None:
    _, payment = await deposit(limited)
    await fail(limited, await refund(limited, payment, "900"))
    await reject(limited, await refund(limited, payment, "2000"))
    assert (await refund(limited, payment, "900")).status == "approved"
    assert (await refund(limited, payment, "200")).status == "pending-approval"


async def test_without_limits_everything_needs_an_approval(connected: Database) -> None:
    hospital = await Hospital.open(connected)
    _, payment = await deposit(hospital)
    assert (await refund(hospital, payment, "0.01")).refund.approvals_needed == 1
    assert (await refund(hospital, payment, "9000")).refund.approvals_needed == 1


async def test_a_rejected_refund_lets_go_of_the_money(limited: Hospital) -> None:
    account, payment = await deposit(limited)
    made = await reject(limited, await refund(limited, payment, "2000"))
    assert (made.status, await held(limited, account)) == ("rejected", (10000, 0, 0))
    for again in (reject(limited, made), approve(limited, made, "chief"), pay(limited, made), fail(limited, made)):
        assert (await refused(again)).code == "invalid-state"


async def test_a_paid_refund_leaves_the_drawer_that_the_money_is_in(limited: Hospital) -> None:
    account, payment = await deposit(limited)
    made = await pay(limited, await refund(limited, payment, "300"))
    assert made.status == "paid"
    assert await limited.booked("refund-paid") == [(2300, 30000), (1010, -30000)]
    assert await held(limited, account) == (9700, 0, 0)
    lines = [line for line in await limited.journal() if line.account == 1010]
    assert {line.detail for line in lines} == {"main"}
    assert (await refused(pay(limited, made))).code == "invalid-state"
    assert (await refused(fail(limited, made))).code == "invalid-state"


@pytest.mark.parametrize(("requested", "paid", "asset"), [(None, "cash", 1010), ("cheque", None, 1030)])
async def test_it_is_paid_as_was_said_last(
    limited: Hospital, requested: str | None, paid: str | None, asset: int
) -> None:
    _, payment = await deposit(limited, method="bank-transfer")
    made = await refund(limited, payment, "300", method=requested)
    await pay(limited, made, method=paid)
    assert await limited.booked("refund-paid") == [(2300, 30000), (asset, -30000)]


async def test_money_that_the_bank_has_is_paid_from_the_bank(limited: Hospital) -> None:
    _, payment = await deposit(limited, method="card")
    await limited.create(limited.notice_document(payment))
    await pay(limited, await refund(limited, payment, "300"))
    assert await limited.booked("refund-paid") == [(2300, 30000), (1020, -30000)]


async def test_a_refund_that_could_not_be_paid_is_unapplied_again(limited: Hospital) -> None:
    account, payment = await deposit(limited)
    made = await fail(limited, await refund(limited, payment, "300"))
    assert (made.status, await held(limited, account)) == ("failed", (10000, 0, 0))
    assert await limited.booked("refund-failed") == [(2100, -30000), (2300, 30000)]
    assert extension_of(await limited.read(payment), "payment-refunded") is None
    assert (await limited.events())[-1] == "billing.refund.failed.v1"


async def test_what_is_held_goes_nowhere_else(limited: Hospital) -> None:
    account, payment = await deposit(limited, "3000")
    invoice = await limited.issued(account, line_of(await limited.charge(account, "2000")))
    await refund(limited, payment, "2000")
    assert (await refused(allocate(limited, payment, (invoice, "1000.01")))).code == "not-unapplied"
    assert (await refused(refund(limited, payment, "1000.01"))).code == "not-unapplied"
    await allocate(limited, payment, (invoice, "1000"))
    assert await held(limited, account) == (2000, 2000, 0)


async def test_more_than_is_unapplied_is_refused_unless_it_may_be_taken_back(limited: Hospital) -> None:
    account, payment = await deposit(limited, "1000")
    invoices = [await limited.issued(account, line_of(await limited.charge(account, "400"))) for _ in range(2)]
    for invoice in invoices:
        payment = await allocate(limited, payment, (invoice, "400"))
    refusal = await refused(refund(limited, payment, "500"))
    assert said(refusal)[0][:2] == (Category.RULE_BROKEN, "not-unapplied")
    made = await refund(limited, payment, "500", deallocate=True)
    assert made.refund.deallocates
    assert await held(limited, account) == (0, 0, 500)
    first, last = [await limited.read(invoice) for invoice in invoices]
    assert (first["status"], last["status"]) == ("balanced", "issued")
    assert extension_of(last, "invoice-due") == {"value": Decimal("300.00"), "currency": "AFN"}
    kinds = [kind for kind, _, _ in details(await limited.read(payment))]
    assert kinds.count("payment") == 2
    assert (await refused(refund(limited, payment, "500.01", deallocate=True))).code == "not-unapplied"


async def test_a_payer_s_money_is_held_by_the_request(limited: Hospital) -> None:
    issuer: Document = {"paymentIssuer": {"reference": "Organization/insurer"}}
    payment = await limited.create(limited.payment_document("5000", **issuer))
    made = await refund(limited, payment, "3000")
    assert made.refund.owner.payer == "Organization/insurer"
    assert (await refused(refund(limited, payment, "2000.01", by="clerk"))).code == "not-unapplied"
    await approve(limited, made, "chief")
    await pay(limited, made)
    assert await limited.booked("refund-approved") == [(2110, 300000), (2300, -300000)]
    assert await limited.booked("refund-paid") == [(2300, 300000), (1020, -300000)]


async def test_limits_of_a_payer_s_money_count_over_its_payments(limited: Hospital) -> None:
    issuer: Document = {"paymentIssuer": {"reference": "Organization/insurer"}}
    payments = [await limited.create(limited.payment_document("5000", **issuer)) for _ in range(2)]
    assert (await refund(limited, payments[0], "700")).status == "approved"
    assert (await refund(limited, payments[1], "700")).status == "pending-approval"


@pytest.mark.parametrize(
    ("amount", "more", "code"),
    [
        ("0", {}, "amount-not-positive"),
        ("-5", {}, "amount-not-positive"),
        ("5", {"currency": "USD"}, "currency-mismatch"),
        ("5", {"method": "barter"}, "unknown-method"),
        ("10000.01", {}, "not-unapplied"),
        ("10000.01", {"deallocate": True}, "not-unapplied"),
    ],
)
async def test_what_is_no_refund_is_refused(limited: Hospital, amount: str, more: Document, code: str) -> None:
    account, payment = await deposit(limited)
    assert (await refused(refund(limited, payment, amount, **more))).code == code
    assert await held(limited, account) == (10000, 0, 0)


async def test_of_a_payment_that_is_not_posted_nothing_is_refunded(limited: Hospital) -> None:
    payment = await limited.create(limited.payment_document("10", status="draft"))
    assert (await refused(refund(limited, payment, "5"))).code == "invalid-state"
    assert (await refused(refund(limited, {**payment, "id": "nothing"}, "5"))).code == "not-found"


@pytest.mark.parametrize(("currency", "amount"), [("JPY", "7"), ("KWD", "1.234")])
async def test_currencies_with_other_decimals(connected: Database, currency: str, amount: str) -> None:
    hospital = await Hospital.open(connected, currency=currency, **{f"refund_approval_above__{currency}": amount})
    account = await hospital.account(currency)
    payment = (await hospital.pay(account, "100", currency)).payment
    assert (await refund(hospital, payment, amount, currency=currency)).status == "approved"
    assert (await hospital.balance(account)).refund_payable == Money.of_decimal(Decimal(amount), currency)
    smallest = "1" if currency == "JPY" else "0.001"
    assert (await refund(hospital, payment, smallest, currency=currency)).status == "pending-approval"


@pytest.mark.parametrize("parts", [["1000"], ["1", "999"], ["333.33", "333.33", "333.34"], ["0.01"] * 3 + ["999.97"]])
async def test_a_refund_in_parts_comes_to_the_same(limited: Hospital, parts: list[str]) -> None:
    account, payment = await deposit(limited)
    for part in parts:
        await pay(limited, await refund(limited, payment, part))
    assert await held(limited, account) == (9000, 0, 0)
    assert extension_of(await limited.read(payment), "payment-refunded")["value"] == 1000
    assert (await refund(limited, payment, "0.01")).status == "pending-approval"


async def test_cash_comes_out_of_the_session_of_who_pays(connected: Database) -> None:
    hospital = await Hospital.open(connected, **LIMITS, cash_sessions="required")
    for drawer, by in (("counter-1", "cashier"), ("counter-2", "treasurer")):
        await opened(hospital, drawer, by=by)
    _, payment = await deposit(hospital)
    refund_of, other = [await refund(hospital, payment, "300") for _ in range(2)]
    assert (await refused(pay(hospital, refund_of, "stranger"))).code == "cash-session-required"
    await pay(hospital, refund_of)
    await as_actor(
        hospital,
        "stranger",
        lambda tx, context: pay_refund(tx, context, other.refund.id, method=None, drawer="counter-1"),
    )
    lines = [line for line in await hospital.journal() if line.kind == "refund-paid" and line.account == 1010]
    assert [line.detail for line in lines] == ["counter-2", "counter-1"]
