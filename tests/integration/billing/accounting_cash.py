"""docs/accounting.md: cash that is rounded, and drawers that are closed."""

from __future__ import annotations

from dataclasses import replace

from billing.close_cash_session import close_cash_session
from billing.open_cash_session import open_cash_session
from ledger.cash_session import CashSession
from ledger.money import Money
from tests.integration.billing.accounting_book import Page
from tests.integration.billing.hospital import Document, Hospital
from tests.integration.billing.payment_commands import reverse


async def cash(page: Page) -> None:
    hospital = page.hospital
    coins = _with_settings(hospital, **{"smallest_coin.AFN": "1.00"})
    account = await hospital.account()

    async def rounded() -> Document:
        return (await coins.pay(account, "99.60", tendered=Money("AFN", 10000))).payment

    payment = await page.show(
        "Cash is rounded to the smallest coin",
        "What was owed comes in as ever; what more or less went over the counter, 1010 -> 5900 or 5900 -> 1010.",
        "99.60 in cash where the smallest coin is 1.00; 100.00 were tendered, and nothing went back.",
        rounded,
    )
    await page.show(
        "Rounded cash is reversed",
        "The rounding is reversed exactly, and the payment as any other.",
        "that payment was somebody else's.",
        lambda: reverse(hospital, payment, "mis-keyed"),
    )
    drawers = _with_settings(hospital, cash_sessions="required")
    session = await drawers.run(
        lambda tx: open_cash_session(tx, drawers.context, drawer="counter-1", float_=Money("AFN", 5000))
    )
    await drawers.pay(account, "100")
    await page.show(
        "A drawer is closed",
        "What was counted less what is expected: over, 1010 -> 5300, or short, 5300 -> 1010. The float books nothing.",
        "a drawer that was opened with 50.00 took 100.00, and 149.00 are counted.",
        lambda: _closed(drawers, session),
    )


async def _closed(hospital: Hospital, session: CashSession) -> CashSession:
    return await hospital.run(
        lambda tx: close_cash_session(tx, hospital.context, session.id, declared=Money("AFN", 14900))
    )


def _with_settings(hospital: Hospital, **settings: str) -> Hospital:
    tenant = replace(hospital.context.tenant, settings={**hospital.context.tenant.settings, **settings})
    return replace(hospital, context=replace(hospital.context, tenant=tenant))
