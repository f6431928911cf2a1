"""Adjustments: written off or credited, to what is due and no more, approved by others above the limits."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio

from ledger.errors import Category
from storage.transaction import Database
from tests.integration.billing.adjustment_commands import LIMITS, adjust, approve, provide, recover, reject
from tests.integration.billing.hospital import Document, Hospital, extension_of, line_of, refused, share
from tests.integration.billing.payment_commands import details


@pytest_asyncio.fixture
async def limited(connected: Database) -> Hospital:
    return await Hospital.open(connected, **LIMITS)


async def owing(hospital: Hospital, *prices: str, **more: Any) -> tuple[Document, list[Document]]:
    """(account, an issued invoice for each price)"""
    account = await hospital.account()
    return account, [
        await hospital.issued(account, line_of(await hospital.charge(account, price)), **more) for price in prices
    ]


async def due(hospital: Hospital, invoice: Document) -> Decimal | int:
    amount: Decimal = extension_of(await hospital.read(invoice), "invoice-due")["value"]
    return amount


async def test_a_write_off_settles_the_oldest_due_first(limited: Hospital) -> None:
    account, (first, last) = await owing(limited, "300", "500")
    made = await adjust(limited, account, "write-off", "450")
    assert (made.status, [(part.invoice_id, part.amount_minor) for part in made.parts]) == (
        "applied",
        [(first["id"], 30000), (last["id"], 15000)],
    )
    assert await limited.booked("adjustment-applied") == [(5100, 45000), (1100, -30000), (1100, -15000)]
    assert (await limited.read(first))["status"] == "balanced"
    assert await due(limited, last) == 350
    assert (await limited.events()).count("billing.adjustment.applied.v1") == 2


async def test_a_write_off_of_one_invoice_leaves_the_others(limited: Hospital) -> None:
    account, (first, last) = await owing(limited, "300", "500")
    await adjust(limited, account, "write-off", "450", invoice=last)
    assert (await due(limited, first), await due(limited, last)) == (300, 50)


async def test_the_allowance_is_used_up_first(limited: Hospital) -> None:
    account, _ = await owing(limited, "500")
    other, _ = await owing(limited, "500")
    await provide(limited, account, "120")
    assert await limited.booked("loss-provided") == [(5100, 12000), (1190, -12000)]
    await adjust(limited, other, "write-off", "10")
    await adjust(limited, account, "write-off", "200")
    assert await limited.booked("adjustment-applied") == [
        *((5100, 1000), (1100, -1000)),
        *((1190, 12000), (5100, 8000), (1100, -20000)),
    ]


async def test_a_write_off_takes_the_patient_s_share_first_then_the_payers(limited: Hospital) -> None:
    insurer = {"reference": "Organization/insurer"}
    account, _ = await owing(limited, "500", extension=[share(insurer, "400")])
    await adjust(limited, account, "write-off", "150")
    assert await limited.booked("adjustment-applied") == [(5100, 15000), (1100, -10000), (1110, -5000)]


async def test_a_contractual_adjustment_is_of_what_payers_owe(limited: Hospital) -> None:
    insurer = {"reference": "Organization/insurer"}
    account, (invoice,) = await owing(limited, "500", extension=[share(insurer, "400")])
    await adjust(limited, account, "contractual", "60")
    assert await limited.booked("adjustment-applied") == [(4100, 6000), (1110, -6000)]
    assert await due(limited, invoice) == 440
    assert (await refused(adjust(limited, account, "contractual", "340.01"))).code == "adjustment-exceeds-due"


@pytest.mark.parametrize(("kind", "against"), [("courtesy", 4110), ("charity", 4120), ("correction", 4000)])
async def test_some_are_credit_notes(limited: Hospital, kind: str, against: int) -> None:
    account, (first, last) = await owing(limited, "300", "500")
    made = await adjust(limited, account, kind, "350")
    assert [part.invoice_id for part in made.parts] == [first["id"], last["id"]]
    assert [note.id for note in made.credit_notes] == [part.credit_note_id for part in made.parts]
    assert await limited.booked("invoice-credited") == [
        *((against, 30000), (1100, -30000)),
        *((against, 5000), (1100, -5000)),
    ]
    assert (await limited.read(first))["status"] == "balanced"
    assert await due(limited, last) == 450
    assert (await limited.events()).count("billing.adjustment.applied.v1") == 2


@pytest.mark.parametrize("kind", ["write-off", "courtesy", "charity", "correction"])
async def test_no_more_than_is_due(limited: Hospital, kind: str) -> None:
    account, (invoice, _) = await owing(limited, "300", "500")
    await limited.pay(invoice, "100")
    assert (await refused(adjust(limited, account, kind, "700.01"))).code == "adjustment-exceeds-due"
    assert (await refused(adjust(limited, account, kind, "200.01", invoice=invoice))).code == "adjustment-exceeds-due"
    assert (await adjust(limited, account, kind, "700")).status == "applied"
    assert (await limited.balance(account)).billed_patient.minor_units == 0


async def test_above_the_limit_it_waits_and_reserves_nothing(limited: Hospital) -> None:
    account, (invoice,) = await owing(limited, "3000")
    made = await adjust(limited, account, "write-off", "2500")
    assert (made.status, made.adjustment.approvals_needed) == ("pending-approval", 1)
    assert await due(limited, invoice) == 3000
    await limited.pay(invoice, "1000")
    late = await refused(approve(limited, made, "chief"))
    assert (late.category, late.code) == (Category.RULE_BROKEN, "adjustment-exceeds-due")
    # It is pending still, and nobody has approved it.
    await limited.issued(account, line_of(await limited.charge(account, "600")))
    assert (await approve(limited, made, "chief")).status == "applied"
    assert (await limited.balance(account)).billed_patient.decimal() == 100


async def test_two_different_people_approve_above_the_second_limit(limited: Hospital) -> None:
    account, _ = await owing(limited, "9000")
    made = await adjust(limited, account, "courtesy", "6000")
    assert made.adjustment.approvals_needed == 2
    assert (await refused(approve(limited, made, "cashier"))).code == "separation-of-duties"
    assert (await approve(limited, made, "chief")).status == "pending-approval"
    assert (await refused(approve(limited, made, "chief"))).code == "separation-of-duties"
    applied = await approve(limited, made, "head")
    assert (applied.status, len(applied.credit_notes)) == ("applied", 1)
    assert (await refused(approve(limited, made, "third"))).code == "invalid-state"
    assert (await refused(reject(limited, made))).code == "invalid-state"


async def test_splitting_does_not_help_and_refunds_count_apart(connected: Database) -> None:
    hospital = await Hospital.open(connected, **LIMITS, refund_approval_above__AFN="1000")
    account, _ = await owing(hospital, "9000")
    assert (await adjust(hospital, account, "write-off", "600")).status == "applied"
    assert (await adjust(hospital, account, "courtesy", "400")).status == "applied"
    assert (await adjust(hospital, account, "charity", "0.01")).status == "pending-approval"
    assert (await adjust(hospital, account, "charity", "1000", by="clerk")).status == "applied"
    rejected = await adjust(hospital, account, "write-off", "900", by="third")
    assert rejected.status == "applied"


async def test_what_was_rejected_counts_no_more(limited: Hospital) -> None:
    account, _ = await owing(limited, "9000")
    made = await reject(limited, await adjust(limited, account, "write-off", "2000"))
    assert made.status == "rejected"
    assert (await adjust(limited, account, "write-off", "1000")).status == "applied"


async def test_a_recovery_takes_money_for_what_was_written_off(limited: Hospital) -> None:
    account, _ = await owing(limited, "800")
    await adjust(limited, account, "write-off", "800")
    payment = (await limited.pay(account, "1000")).payment
    assert (await refused(recover(limited, payment, account, "800.01"))).code == "nothing-written-off"
    await recover(limited, payment, account, "500")
    assert await limited.booked("debt-recovered") == [(2100, 50000), (5100, -50000)]
    assert (await refused(recover(limited, payment, account, "300.01"))).code == "nothing-written-off"
    assert (await limited.balance(account)).unapplied.decimal() == 500
    assert details(await limited.read(payment)) == [("advance", f"Account/{account['id']}", "500.00")]
    await recover(limited, payment, account, "300")


async def test_a_recovery_takes_no_more_than_is_the_account_s(limited: Hospital) -> None:
    account, _ = await owing(limited, "800")
    await adjust(limited, account, "write-off", "800")
    payment = (await limited.pay(account, "100")).payment
    assert (await refused(recover(limited, payment, account, "100.01"))).code == "not-unapplied"
    other = await limited.account()
    assert (await refused(recover(limited, payment, other, "1"))).code == "not-unapplied"


@pytest.mark.parametrize(
    ("kind", "amount", "more", "code"),
    [
        ("write-off", "0", {}, "amount-not-positive"),
        ("write-off", "-1", {}, "amount-not-positive"),
        ("write-off", "1", {"currency": "USD"}, "currency-mismatch"),
        ("gift", "1", {}, "unknown-code"),
        ("write-off", "1", {"invoice": {"id": "nothing"}}, "reference-not-found"),
    ],
)
async def test_what_is_no_adjustment_is_refused(
    limited: Hospital, kind: str, amount: str, more: Document, code: str
) -> None:
    account, (invoice,) = await owing(limited, "300")
    assert (await refused(adjust(limited, account, kind, amount, **more))).code == code
    assert await due(limited, invoice) == 300


async def test_an_invoice_of_another_account_or_a_draft_is_not_adjusted(limited: Hospital) -> None:
    account, _ = await owing(limited, "300")
    _, (other,) = await owing(limited, "300")
    draft = await limited.draft(account, line_of(await limited.charge(account, "5")))
    assert (await refused(adjust(limited, account, "write-off", "1", invoice=other))).code == "invoice-other-account"
    assert (await refused(adjust(limited, account, "write-off", "1", invoice=draft))).code == "invoice-not-issued"
    nowhere = {"resourceType": "Account", "id": "nothing"}
    assert (await refused(adjust(limited, nowhere, "write-off", "1"))).code == "not-found"


async def test_a_tenant_may_say_which_reasons_there_are(connected: Database) -> None:
    hospital = await Hospital.open(connected, **LIMITS, adjustment_reasons="uncollectible small-balance")
    account, _ = await owing(hospital, "300")
    assert (await refused(adjust(hospital, account, "write-off", "1"))).code == "reason-unknown"
    assert (await adjust(hospital, account, "write-off", "1", reason="small-balance")).status == "applied"


@pytest.mark.parametrize(("currency", "price", "amount"), [("JPY", "1000", "7"), ("KWD", "10.005", "1.234")])
async def test_currencies_with_other_decimals(connected: Database, currency: str, price: str, amount: str) -> None:
    limits = {f"adjustment_approval_above__{currency}": "1000"}
    hospital = await Hospital.open(connected, currency=currency, **limits)
    account = await hospital.account(currency)
    await hospital.issued(account, line_of(await hospital.charge(account, price, currency=currency)))
    for kind in ("write-off", "correction"):
        await adjust(hospital, account, kind, amount, currency=currency)
    left = Decimal(price) - 2 * Decimal(amount)
    assert (await hospital.balance(account)).billed_patient.decimal() == left
