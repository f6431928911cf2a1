"""What is settled of a share beyond what it is, is taken off again: the latest allocation first, whoever paid."""

from __future__ import annotations

from billing.allocation import payables, record_settlement
from billing.deallocation import undo_excess
from ledger.chart import LedgerAccount
from ledger.payment import ShareKey
from storage import account_balances
from storage.transaction import Transaction
from tests.integration.billing.hospital import (
    CONFLICT,
    Document,
    Hospital,
    extension_of,
    money,
    own_line,
    refused,
    said,
    share,
)
from tests.integration.billing.payment_commands import about, details

INSURER = {"reference": "Organization/insurer"}
PATIENT: ShareKey = (LedgerAccount.RECEIVABLE_PATIENT, None)


async def lower(hospital: Hospital, account: Document, invoice: Document, lowered: dict[ShareKey, int]) -> None:
    """Take off what is settled beyond the shares, if they are lowered; they are not, so the invoice is due."""

    async def command(tx: Transaction) -> None:
        await account_balances.lock(tx, [account["id"]])
        (payable,) = (await payables(tx, [invoice["id"]])).values()
        await undo_excess(tx, hospital.context, payable, lowered=lowered)
        record_settlement(tx, payable)

    await hospital.run(command)


async def test_the_latest_payment_gets_its_money_back_first(hospital: Hospital) -> None:
    account, invoice = await hospital.invoice_of("100")
    early, late = [(await hospital.pay(invoice, amount)).payment for amount in ("60", "40")]
    await lower(hospital, account, invoice, {PATIENT: 50_00})
    assert details(await hospital.read(late)) == [("advance", about(account), "40.00")]
    assert sorted(details(await hospital.read(early))) == [
        ("advance", about(account), "10.00"),
        ("payment", about(invoice), "50.00"),
    ]
    assert extension_of(await hospital.read(invoice), "invoice-due") == money("50.00")


async def test_only_the_share_that_is_too_much_is_undone(hospital: Hospital) -> None:
    account = await hospital.account()
    invoice = await hospital.issued(account, own_line("100"), extension=[share(INSURER, "60")])
    payment = (await hospital.pay(invoice, "100", method="bank-transfer", payer=INSURER)).payment
    await lower(hospital, account, invoice, {(LedgerAccount.RECEIVABLE_PAYER, "Organization/insurer"): 10_00})
    balance = await hospital.balance(account)
    assert (balance.billed_patient.minor_units, balance.billed_payer.minor_units) == (0, 10_00)
    assert details(await hospital.read(payment)) == [("payment", about(invoice), "90.00")]


async def test_what_is_open_is_not_too_much(hospital: Hospital) -> None:
    account, invoice = await hospital.invoice_of("100")
    payment = (await hospital.pay(invoice, "60")).payment
    await lower(hospital, account, invoice, {PATIENT: 40_00})
    assert (await hospital.read(payment))["meta"]["versionId"] == "1"
    assert (await hospital.read(invoice))["meta"]["versionId"] == "2"


async def test_what_no_payment_settled_cannot_be_taken_off(hospital: Hospital) -> None:
    account, invoice = await hospital.invoice_of("100")
    await hospital.pay(invoice, "60")
    refusal = await refused(lower(hospital, account, invoice, {PATIENT: 101_00}))
    assert said(refusal) == [(CONFLICT, "settled-otherwise", "")]
