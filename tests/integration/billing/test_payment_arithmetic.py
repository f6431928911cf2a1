"""Whatever way the same money comes and goes, the balances are the same: split, in another order, in any currency."""

from __future__ import annotations

import itertools
import random

import pytest

from billing.account_balance import BalanceSheet
from billing.post_payment import PaymentRequest, post_payment
from ledger.money import AMOUNT_MINOR_MAX, Money, exponent_of
from storage.transaction import Database
from tests.integration.billing.hospital import Document, Hospital, own_line, refused
from tests.integration.billing.payment_commands import allocate, deallocate, reverse

CURRENCIES = ("AFN", "AED", "USD", "JPY", "KWD")


def written(minor_units: int, currency: str) -> str:
    return str(Money(currency, minor_units).decimal())


async def owing(hospital: Hospital, currency: str, *amounts: int) -> tuple[Document, list[Document]]:
    account = await hospital.account(currency)
    invoices = [
        await hospital.issued(account, own_line(written(amount, currency), currency=currency)) for amount in amounts
    ]
    return account, invoices


async def pay(hospital: Hospital, account: Document, currency: str, amount: int) -> Document:
    request = PaymentRequest(account_id=account["id"], amount=Money(currency, amount), method="cash")
    posted = await hospital.run(lambda tx: post_payment(tx, hospital.context, request))
    return {"resourceType": "PaymentReconciliation", "id": posted.payment.id}


def amounts_of(sheet: BalanceSheet) -> tuple[int, ...]:
    return tuple(each.minor_units for each in (sheet.billed_patient, sheet.unapplied, sheet.total))


def parts_of(amount: int, count: int, chance: random.Random) -> list[int]:
    cuts = sorted(chance.sample(range(1, amount), count - 1))
    return [high - low for low, high in itertools.pairwise([0, *cuts, amount])]


@pytest.mark.parametrize("currency", CURRENCIES)
async def test_a_payment_in_parts_comes_to_the_same_as_in_one(hospital: Hospital, currency: str) -> None:
    chance = random.Random(currency)
    sheets = set()
    for count in (1, 2, 5):
        account, invoices = await owing(hospital, currency, 701, 1202)
        for part in parts_of(2500, count, chance):
            await pay(hospital, account, currency, part)
        assert [(await hospital.read(each))["status"] for each in invoices] == ["balanced", "balanced"]
        sheets.add(amounts_of(await hospital.balance(account)))
    assert sheets == {(0, 597, -597)}


@pytest.mark.parametrize("currency", CURRENCIES)
async def test_independent_payments_come_to_the_same_in_any_order(hospital: Hospital, currency: str) -> None:
    sheets = set()
    for order in itertools.permutations((350, 1, 949)):
        account, _ = await owing(hospital, currency, 701, 402)
        for amount in order:
            await pay(hospital, account, currency, amount)
        sheets.add(amounts_of(await hospital.balance(account)))
    assert sheets == {(0, 197, -197)}


@pytest.mark.parametrize("currency", CURRENCIES)
async def test_what_is_taken_off_and_put_again_comes_to_the_same(hospital: Hospital, currency: str) -> None:
    account, (invoice,) = await owing(hospital, currency, 1203)
    payment = await pay(hospital, account, currency, 1000)
    before = amounts_of(await hospital.balance(account))
    for part in parts_of(1000, 4, random.Random(currency)):
        await deallocate(hospital, payment, (invoice, written(part, currency)), currency=currency)
        await allocate(hospital, payment, (invoice, written(part, currency)), currency=currency)
    assert amounts_of(await hospital.balance(account)) == before
    await reverse(hospital, payment)
    assert amounts_of(await hospital.balance(account)) == (1203, 0, 1203)


@pytest.mark.parametrize("currency", CURRENCIES)
async def test_an_amount_beyond_the_limit_is_refused_and_the_greatest_is_not(
    connected: Database, currency: str
) -> None:
    hospital = await Hospital.open(connected)
    account = await hospital.account(currency)
    await pay(hospital, account, currency, AMOUNT_MINOR_MAX)
    assert (await hospital.balance(account)).unapplied.minor_units == AMOUNT_MINOR_MAX
    for minor_units in (AMOUNT_MINOR_MAX + 1, 2**63 - 1, 2**63):
        value = f"{minor_units}E-{exponent_of(currency)}"
        document = hospital.payment_document("1", currency=currency, paymentIssuer={"reference": "Organization/i"})
        document["paymentAmount"] = {"value": Money(currency, 1).decimal().__class__(value), "currency": currency}
        assert (await refused(hospital.create(document))).code in {"amount-too-large", "amount-too-precise"}
