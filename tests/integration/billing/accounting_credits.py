"""docs/accounting.md: credit notes."""

from __future__ import annotations

from ledger.chart import LedgerAccount
from tests.integration.billing.accounting_book import Page
from tests.integration.billing.hospital import Document, component, line_credit, line_of, own_line, share

INSURER = {"reference": "Organization/insurer"}


async def credits_of_invoices(page: Page) -> None:
    hospital = page.hospital
    account = await hospital.account()
    tax = component("tax", factor="0.05", code="VAT")
    visit = await hospital.charge(account, "200")
    line = line_of(visit, component("base", "200.00"), tax)
    invoice = await hospital.issued(account, line, own_line("100.00", tax), extension=[share(INSURER, "210.00")])
    await page.show(
        "A line is credited in part",
        "A credit note: 4000 (a courtesy 4110, charity 4120) and 2200 by tax code -> 1100 and 1110. What is open is"
        " lowered first, the patient's share before those of payers. Net and tax are in proportion.",
        "of an invoice of 315.00, of which an insurer owes 210.00, 42.00 of the first line of 210.00 are credited.",
        lambda: hospital.credit(invoice, line_credit(1, "42.00")),
    )
    await hospital.pay(invoice, "63.00")
    await page.show(
        "What is credited was paid",
        "The credit note as above; what was paid beyond what is left of a share comes off, the latest payment first:"
        " the exact reversal of its allocation, and what remains of that anew. The money is unapplied again.",
        "the patient has paid the other 63.00; then all that is left of the invoice, 273.00, is credited.",
        lambda: hospital.credit(invoice),
    )
    await _rebilled(page, account)
    await _courtesy(page, account)


async def _rebilled(page: Page, account: Document) -> None:
    hospital = page.hospital
    visit = await hospital.charge(account, "400")
    off, tax = component("discount", factor="0.10"), component("tax", factor="0.05", code="VAT")
    invoice = await hospital.issued(account, line_of(visit, component("base", "400.00"), off, tax))
    await page.show(
        "An invoice is credited to be billed again",
        "The lines are taken back as they were issued, components that were added at issue included. Their charges are"
        " billable again, at 1150.",
        "an invoice of 400.00 less 10%, with VAT of 5%, that was sent to the wrong payer.",
        lambda: hospital.credit(invoice, rebill=True),
    )


async def _courtesy(page: Page, account: Document) -> None:
    hospital = page.hospital
    invoice = await hospital.issued(account, own_line("80.00"))
    await page.show(
        "A courtesy is credited",
        "An adjustment of type courtesy is a credit note against 4110, of type charity against 4120, of type correction"
        " against 4000.",
        "30.00 of an invoice of 80.00 are forgiven.",
        lambda: hospital.credit(invoice, amount_minor=3000, against=LedgerAccount.COURTESY_DISCOUNTS),
    )
