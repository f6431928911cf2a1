"""docs/accounting.md: a tenant that recognises revenue at issue."""

from __future__ import annotations

from tests.integration.billing.accounting_book import Page
from tests.integration.billing.hospital import Document, Hospital, component, line_of, money
from tests.integration.billing.price_lists import concept, price, publish, rule


async def recognition_at_issue(page: Page) -> None:
    """The examples are of a tenant of their own, whose point it is from the first day on."""
    hospital = await Hospital.open(page.hospital.database, recognition_point="issue")
    own = Page(hospital, parts=page.parts)
    account = await hospital.account()
    charge = await _deferred(own, account)
    tax = component("tax", factor="0.05", code="VAT")
    invoice = await own.show(
        "What is deferred is recognised by the invoice",
        "2400 -> 4000 for each charge that the invoice bills and whose capture deferred it, on the day of the invoice;"
        " and 4110 and 4120 -> 2400. The invoice itself is booked as ever: lines without a ChargeItem, surcharges,"
        " discounts and tax are not deferred. A credit note is against 4000 as ever.",
        "the visit is billed, with VAT of 5%.",
        lambda: hospital.issued(account, line_of(charge, component("base", "1200.00"), tax)),
    )
    await own.show(
        "The invoice is cancelled: its charges are deferred again",
        "The exact reversal of what was recognised, for each charge; the same where lines are credited to be billed"
        " again.",
        "it was for the wrong payer.",
        lambda: hospital.cancel(invoice),
    )
    await _reduced(own, account)


async def _deferred(own: Page, account: Document) -> Document:
    hospital = own.hospital
    charge = await own.show(
        "A charge is captured where revenue is recognised at issue",
        "With `recognition_point=issue` a capture is 1150 -> 2400. A line of 2400 names the account that it goes to."
        " Balances of the patient's account are the same. (This and what follows, up to the trial balance, is of a"
        " tenant of its own.)",
        "a visit of 1,000.00.",
        lambda: hospital.charge(account, "1000"),
    )
    return await own.show(
        "A deferred charge changes",
        "The exact reversal, and the capture anew, by the point of the period in which that counts. Voided, or"
        " transferred to another account, it is reversed the same.",
        "the visit costs 1,200.00 after all.",
        lambda: hospital.update(charge | {"priceOverride": money("1200.00")}),
    )


async def _reduced(own: Page, account: Document) -> None:
    hospital = own.hospital
    await publish(
        hospital,
        price("71045", 90000),
        rule("everybody", "discount", "10"),
        rule("poor", "exemption", "50", modifier="poor"),
    )
    code = {"coding": [{"system": "http://www.ama-assn.org/go/cpt", "code": "71045"}]}
    poor = [concept("charge-modifier", "poor")]
    charge = await own.show(
        "What a price list takes off is deferred too",
        "Revenue and what is taken off it are recognised together.",
        "the X-ray of 900.00, 10% off for everybody, and half of the rest for the poor.",
        lambda: hospital.charge(account, None, code=code, extension=poor),
    )
    await own.show(
        "What a price list took off is recognised",
        "4110 -> 2400 and 4120 -> 2400 beside 2400 -> 4000; of a charge that is exempt from all too, of which an"
        " invoice books nothing else.",
        "the X-ray is billed.",
        lambda: hospital.issued(account, line_of(charge)),
    )
