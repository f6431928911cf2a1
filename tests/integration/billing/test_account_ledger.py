"""Ledger lines and statements while others post: what is answered for a moment is all that is ever known at it."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta

from billing.account_ledger import LedgerPage, Period, Statement, account_statement, ledger_lines, total_of
from tests.integration.billing.hospital import Document, Hospital, days_ago

ALL = 10_000


async def statement_of(hospital: Hospital, account: Document, period: Period) -> Statement:
    return await hospital.run(lambda tx: account_statement(tx, account["id"], period, count=ALL))


async def lines_of(hospital: Hospital, account: Document, period: Period) -> LedgerPage:
    return await hospital.run(lambda tx: ledger_lines(tx, account["id"], period, count=ALL))


async def test_what_is_answered_while_others_post_is_answered_again_when_they_are_done(hospital: Hospital) -> None:
    account = await hospital.account()
    today = await hospital.today()
    answered: list[tuple[Statement, LedgerPage]] = []
    posting = True

    async def post(number: int) -> None:
        for ago in range(12):
            await hospital.charge(account, "10", occurrenceDateTime=days_ago(today, ago * number).isoformat())

    async def ask() -> None:
        while posting:
            statement = await statement_of(hospital, account, Period())
            at_that_moment = Period(recorded=statement.recorded)
            answered.append((statement, await lines_of(hospital, account, at_that_moment)))

    asking = asyncio.create_task(ask())
    await asyncio.gather(*(post(number) for number in range(1, 4)))
    posting = False
    await asking
    assert len({len(statement.entries) for statement, _ in answered}) > 1
    for statement, lines in answered:
        period = Period(recorded=statement.recorded)
        assert await statement_of(hospital, account, period) == statement
        assert await lines_of(hospital, account, period) == lines
        assert total_of(statement.closing) == 1000 * len(statement.entries)
        assert len(lines.lines) == 2 * len(statement.entries)


async def test_any_stretch_of_days_begins_where_the_one_before_ended(hospital: Hospital) -> None:
    account, invoice = await hospital.invoice_of("100")
    await hospital.pay(invoice, "120", on=date(2026, 2, 1))
    for day in ("2026-01-05", "2026-01-20", "2026-02-01"):
        await hospital.charge(account, "7", occurrenceDateTime=day)
    whole = await statement_of(hospital, account, Period())
    days = sorted({entry.effective_at for entry, _ in whole.entries})
    closing = dict.fromkeys(whole.closing, 0)
    entries = []
    for first, following in zip(days, [*days[1:], date.max], strict=True):
        part = await statement_of(hospital, account, Period(first=first, last=following - timedelta(days=1)))
        assert part.opening == closing
        closing = part.closing
        entries += part.entries
    assert (closing, entries) == (whole.closing, whole.entries)
    sheet = await hospital.balance(account)
    assert total_of(closing) == sheet.total.minor_units
