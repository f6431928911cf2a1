"""docs/accounting.md, made by carrying out its examples. With BILLING_WRITE_DOCS=1 the test writes the page anew.

Each area of events has a file `accounting_AREA.py` with a function that shows them; it is called in `page_of`.
"""

from __future__ import annotations

from decimal import Decimal

from ledger.money import Money
from tests.integration.billing.accounting_approvals import show_approvals
from tests.integration.billing.accounting_book import Page, end_of
from tests.integration.billing.accounting_cash import cash
from tests.integration.billing.accounting_credits import credits_of_invoices
from tests.integration.billing.accounting_payments import payments_that_are_there
from tests.integration.billing.accounting_recognition import recognition_at_issue
from tests.integration.billing.hospital import (
    Document,
    Hospital,
    component,
    detail,
    line_of,
    own_line,
    share,
)
from tests.integration.billing.price_lists import CPT, concept, price, publish, rule

INSURER = {"reference": "Organization/insurer"}


async def page_of(hospital: Hospital) -> str:
    page = Page(hospital)
    account = await hospital.account()
    charge = await _charges(page, account)
    invoice = await _invoices(page, account, charge)
    await _payments(page, account, invoice)
    await payments_that_are_there(page)
    await _cancellation(page, account)
    await credits_of_invoices(page)
    await show_approvals(page)
    await cash(page)
    await recognition_at_issue(page)
    page.parts.append(await end_of(page, account))
    return "".join(page.parts)


async def _charges(page: Page, account: Document) -> Document:
    hospital = page.hospital
    charge = await page.show(
        "A charge is captured",
        "1150 -> 4000, on the day of the service. A charge without price, without account, or that costs nothing books"
        " nothing.",
        "a visit of 1,000.00.",
        lambda: hospital.charge(account, "1000"),
    )
    changed = charge | {"priceOverride": {"value": Decimal("1200.00"), "currency": "AFN"}}
    charge = await page.show(
        "A captured charge changes",
        "The exact reversal of what was captured, and the capture anew, in one transaction.",
        "the visit costs 1,200.00 after all.",
        lambda: hospital.update(changed),
    )
    await publish(
        hospital,
        price("71046", 90000),
        rule("courtesy", "discount", "10"),
        rule("poor", "exemption", "50", modifier="POOR"),
    )
    x_ray = hospital.charge_document(
        account,
        None,
        code={"coding": [{"system": CPT, "code": "71046"}]},
        extension=[concept("charge-modifier", "POOR")],
    )
    priced = await page.show(
        "A charge is captured at the price of a list, which takes something off",
        "What the service costs by the list is revenue, 4000; what its rules take off is not owed: a discount, 4110 ->"
        " 4000, and an exemption, 4120 -> 4000. 1150 -> 4000 is the rest. What is exempt from all is booked too.",
        "an X-ray of 900.00, 10% off for everybody, and half of the rest for the poor.",
        lambda: hospital.create(x_ray),
    )
    await hospital.update(priced | {"status": "aborted"})
    wrong = await hospital.charge(account, "70")
    await page.show(
        "A charge is voided",
        "The exact reversal. A charge on an issued invoice is not voided: the invoice is cancelled or credited.",
        "a charge of 70.00 was for somebody else.",
        lambda: hospital.update(wrong | {"status": "aborted"}),
    )
    return charge


async def _invoices(page: Page, account: Document, charge: Document) -> Document:
    hospital = page.hospital
    invoice = await page.show(
        "An invoice is issued",
        "Lines that have no ChargeItem are captured, 1150 -> 4000, with surcharges that are added at issue; discounts"
        " and deductions that are added, 4110 -> 1150. Then the net moves, 1100 (the patient's share) and 1110 (each"
        " payer's) -> 1150, and tax is owed, 1100 and 1110 -> 2200 by tax code. It is one entry, in which what cancels"
        " out on one account does not show.",
        "the visit of 1,200.00, less a discount of 10%, a bandage of 100.00 that was not charged before, and VAT of"
        " 5% on both; an insurer owes 800.00 of the total of 1,239.00.",
        lambda: hospital.issued(
            account,
            line_of(
                charge,
                component("base", "1200.00"),
                component("discount", factor="0.10"),
                component("tax", factor="0.05", code="VAT"),
            ),
            own_line("100.00", component("tax", factor="0.05", code="VAT")),
            extension=[share(INSURER, "800.00")],
        ),
    )
    free = await hospital.charge(account, "50")
    await page.show(
        "An invoice of nothing is issued",
        "No receivable and no tax; the rest posts. It is balanced at once, and has its legal number.",
        "a charge of 50.00 of which all is discounted.",
        lambda: hospital.issued(account, line_of(free, component("base", "50.00"), component("discount", "50.00"))),
    )
    return invoice


async def _payments(page: Page, account: Document, invoice: Document) -> None:
    hospital = page.hospital

    async def at_the_counter() -> Document:
        return (await hospital.pay(invoice, "300", tendered=Money("AFN", 50000))).payment

    await page.show(
        "A patient pays at the counter",
        "1010 (cash, in its drawer), 1020 (bank transfer) or 1030 (card, mobile money, cheque, other) -> 2100, always"
        " first; then what is due, 2100 -> 1100. The patient's money pays the patient's share only. What a [payment"
        " gateway](gateway.md) captures is booked the same, once, and what it declines is not.",
        "300.00 in cash for the invoice above; 500.00 were tendered, and 200.00 went back over the counter.",
        at_the_counter,
    )
    remittance = hospital.payment_document("900", detail("payment", invoice, "850"), paymentIssuer=INSURER)
    await page.show(
        "A payer remits",
        "1020 -> 2110, then 2110 -> 1110 (its own share) and -> 1100 (then the patient's). What is left over is the"
        " payer's, and stays on 2110.",
        "900.00 from the insurer, of which 850.00 are for the invoice.",
        lambda: hospital.create(remittance),
    )

    async def too_much() -> Document:
        return (await hospital.pay(invoice, "100", method="card")).payment

    card = await page.show(
        "More is paid than is due",
        "What exceeds the due amount stays unapplied, on 2100 of the account, until it is allocated or refunded.",
        "the patient pays 100.00 by card, and 89.00 are due. The invoice is balanced.",
        too_much,
    )

    async def deposit() -> Document:
        return (await hospital.pay(await hospital.account(), "250", method="mobile-money")).payment

    await page.show(
        "A deposit is taken",
        "The same without an invoice: all of it stays unapplied.",
        "250.00 by mobile money on an account that owes nothing.",
        deposit,
    )
    notice = await page.show(
        "The bank has it",
        "1030 -> 1020, the whole payment, once. Cash never clears. A notice that says *paid* books nothing.",
        "a PaymentNotice says that the 100.00 by card are cleared.",
        lambda: hospital.create(hospital.notice_document(card)),
    )
    await page.show(
        "The bank has it not after all",
        "The exact reversal, when the notice is cancelled or no longer says *cleared*.",
        "the notice is cancelled.",
        lambda: hospital.update(notice | {"status": "cancelled"}),
    )


async def _cancellation(page: Page, account: Document) -> None:
    hospital = page.hospital
    charge = await hospital.charge(account, "400")
    tax = component("tax", factor="0.05", code="VAT")
    invoice = await hospital.issued(account, line_of(charge, component("base", "400.00"), tax), date="2026-02-01")
    await page.show(
        "An invoice is cancelled",
        "The exact reversal of its issue, today, while nothing is settled on it. Its charges are billable again, and"
        " lines that had no ChargeItem are no longer revenue.",
        "an invoice of 400.00 with VAT of 5%, on which nothing is paid.",
        lambda: hospital.cancel(invoice),
    )
