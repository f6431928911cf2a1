"""The part of docs/accounting.md about what is given back and what is forgiven."""

from __future__ import annotations

from tests.integration.billing import adjustment_commands, refund_commands
from tests.integration.billing.accounting_book import Page
from tests.integration.billing.hospital import Document, line_of, share

INSURER = {"reference": "Organization/insurer"}


async def show_approvals(page: Page) -> None:
    """Refunds and adjustments, each on an account of its own."""
    await _refunds(page)
    await _adjustments(page)


async def _refunds(page: Page) -> None:
    hospital = page.hospital
    account = await hospital.account()
    payment = (await hospital.pay(account, "500")).payment
    refund = await refund_commands.refund(hospital, payment, "200")
    await page.show(
        "A refund is approved",
        "2100 (a payer's: 2110) -> 2300: it is owed back. A request for a refund books nothing; while it waits for"
        " approval the money is held, which `$balance` shows, and a rejection lets go of it. Allocated money is"
        " taken off its invoices first, if the request says so.",
        "the patient of a deposit of 500.00 in cash asks 200.00 back, and the chief cashier approves it.",
        lambda: refund_commands.approve(hospital, refund, "chief"),
    )
    await page.show(
        "A refund is paid",
        "2300 -> 1010, 1020 or 1030, from which it is paid: by the method that was said, else from where the payment"
        " lies.",
        "the 200.00 go over the counter.",
        lambda: refund_commands.pay(hospital, refund),
    )
    returned = await refund_commands.refund(hospital, payment, "50", method="bank-transfer")
    await refund_commands.approve(hospital, returned, "chief")
    await page.show(
        "A refund cannot be paid",
        "The exact reversal of its approval: the money is unapplied again, and its owner's.",
        "50.00 more were approved, and the bank does not know the account that they were to go to.",
        lambda: refund_commands.fail(hospital, returned),
    )


async def _adjustments(page: Page) -> None:
    hospital = page.hospital
    account = await hospital.account()
    await hospital.issued(account, line_of(await hospital.charge(account, "600")), extension=[share(INSURER, "200.00")])

    async def adjusted(kind: str, amount: str) -> Document:
        made = await adjustment_commands.adjust(hospital, account, kind, amount)
        await adjustment_commands.approve(hospital, made, "chief")
        return {}

    await page.show(
        "A loss is expected",
        "5100 -> 1190, for an account: the allowance. `POST /provisions`.",
        "of an invoice of 600.00, of which an insurer owes 200.00, 100.00 are not expected.",
        lambda: adjustment_commands.provide(hospital, account, "100"),
    )
    await page.show(
        "A debt is written off",
        "1190, as far as the account has an allowance, then 5100 -> 1100 (the patient's share first), then 1110. At"
        " most what is due, the oldest due first.",
        "150.00 of it will not come.",
        lambda: adjusted("write-off", "150"),
    )
    await page.show(
        "A contract does not pay all",
        "4100 -> 1110: what the payer's contract allows it not to pay.",
        "the insurer's contract takes 20.00 off.",
        lambda: adjusted("contractual", "20"),
    )
    await page.show(
        "Charity, courtesy, a correction",
        "A credit note: 4120 (courtesy 4110, correction 4000), and the tax in it, -> 1100 and 1110.",
        "80.00 are forgiven.",
        lambda: adjusted("charity", "80"),
    )
    payment = (await hospital.pay(account, "250")).payment
    await page.show(
        "A written-off debt is paid after all",
        "2100 -> 5100, at most what was written off on the account. `POST /recoveries`.",
        "the patient brings 80.00 more than is due, 60.00 of them for what was written off.",
        lambda: adjustment_commands.recover(hospital, payment, account, "60"),
    )
