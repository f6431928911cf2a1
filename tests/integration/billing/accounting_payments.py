"""docs/accounting.md: what becomes of payments that are there, and what remittances say beside the money."""

from __future__ import annotations

from billing.transfer_money import Transfer, transfer_money
from tests.integration.billing.accounting_book import Page
from tests.integration.billing.hospital import CANONICAL, Document, Hospital, detail, own_line, share
from tests.integration.billing.payment_commands import allocate, deallocate, reverse

INSURER = {"reference": "Organization/insurer"}
REMITTANCE = f"{CANONICAL}/CodeSystem/remittance-detail"


async def payments_that_are_there(page: Page) -> None:
    hospital = page.hospital
    account = await hospital.account()
    invoice = await hospital.issued(account, own_line("90.00"))
    paid = (await hospital.pay(account, "10", invoice_ids=(invoice["id"],))).payment
    later = (await hospital.pay(await hospital.account(), "50", method="bank-transfer")).payment
    await page.show(
        "Money is transferred to another account",
        "2100 of one account -> 2100 of the other. A charge is transferred by its reversal on the one and its capture"
        " on the other.",
        "the deposit of 50.00 was the brother's.",
        lambda: _transfer(hospital, later, account),
    )
    await page.show(
        "Unapplied money is put to an invoice",
        "2100 -> 1100, or 2110 -> 1110 and 1100, on the later of the day of the money and that of the debt.",
        "20.00 of it for an invoice of 90.00.",
        lambda: allocate(hospital, later, (invoice, "20")),
    )
    await page.show(
        "It is taken off again",
        "The exact reversal of the allocation; where a part of it stays, that is put anew. The latest comes off first.",
        "5.00 of the 20.00.",
        lambda: deallocate(hospital, later, (invoice, "5")),
    )
    await page.show(
        "A payment is reversed",
        "What it was put to comes off, then 2100 or 2110 -> the asset account that holds the money now. What the bank"
        " takes for it: 5200 -> 1020, or 1030 where the gateway takes it.",
        "the bank transfer of 50.00 bounced, for a fee of 2.50.",
        lambda: reverse(hospital, later, fee="2.50"),
    )
    await reverse(hospital, paid, "mis-keyed")
    await _remittances(page)


async def _remittances(page: Page) -> None:
    hospital = page.hospital
    account = await hospital.account()
    invoice = await hospital.issued(account, own_line("1000.00"), extension=[share(INSURER, "800.00")])

    def remitted(kind: str, amount: str) -> Document:
        return detail(kind, invoice, amount, system=REMITTANCE)

    said = [
        detail("payment", invoice, "600"),
        remitted("contractual", "120"),
        remitted("patient-responsibility", "80"),
    ]
    first = await page.show(
        "A remittance says more than it pays",
        "Contractual: what the payer is agreed not to owe, 4100 -> 1110. Patient responsibility: what moves from its"
        " share to the patient's, 1100 -> 1110.",
        "of a share of 800.00 an insurer pays 600.00; 120.00 are contractual, and 80.00 are the patient's.",
        lambda: hospital.create(hospital.payment_document("600", *said, paymentIssuer=INSURER)),
    )
    taken = detail("adjustment", invoice, "-100")
    back = await page.show(
        "A payer takes money back",
        "1110 -> 2110: it is due again, and the payer's money.",
        "100.00 of the 600.00 are taken back in a remittance of 40.00 for something else.",
        lambda: hospital.create(hospital.payment_document("40", taken, paymentIssuer=INSURER)),
    )
    await reverse(hospital, back, "mis-keyed")
    await page.show(
        "A remittance is reversed",
        "With the payment all that it said is reversed exactly.",
        "the first remittance was another hospital's.",
        lambda: reverse(hospital, first, "mis-keyed"),
    )


async def _transfer(hospital: Hospital, payment: Document, to: Document) -> Transfer:
    return await hospital.run(
        lambda tx: transfer_money(
            tx, hospital.context, payment["id"], to_account=to["id"], amount=None, reason="the brother's"
        )
    )
