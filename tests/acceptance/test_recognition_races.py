"""A recognition point that changes while charges are captured: no period has both, and nothing stays deferred."""

from __future__ import annotations

import asyncio
import datetime as dt
from zoneinfo import ZoneInfo

from billing.check_ledger import check_ledger
from ledger.errors import Refusal
from storage.transaction import Database
from tests.acceptance import documents
from tests.acceptance.books import Answer, Books, Reader, Request, id_of
from tests.acceptance.test_concurrency import PATIENT, ROUNDS, account, at_once, codes, won

_MIXED = (
    "SELECT count(*) FROM (SELECT date_trunc('month', e.effective_at) FROM billing.journal_entry AS e"
    " WHERE e.tenant_id = %s AND e.kind = 'charge-captured' GROUP BY 1 HAVING count(DISTINCT EXISTS ("
    "SELECT FROM billing.posting AS p WHERE p.tenant_id = e.tenant_id AND p.entry_id = e.entry_id"
    " AND p.ledger_account = 2400)) > 1) AS mixed"
)
_DEFERRED = "SELECT coalesce(sum(amount_minor), 0) FROM billing.posting WHERE tenant_id = %s AND ledger_account = 2400"


def capture(account_id: str, on: str) -> Request:
    return Request("create", "ChargeItem", documents.charge(PATIENT, account_id=account_id, price=(100, "AFN"), on=on))


async def bill(books: Books, account_id: str, charges: list[str]) -> Answer:
    lines = [documents.line(charge) for charge in charges]
    return await books.create(documents.invoice(lines, status="issued", account_id=account_id))


async def test_no_month_has_charges_of_both_points_however_many_are_captured_meanwhile(
    app: Database, auditor: Database, reader: Reader
) -> None:
    for round_ in range(ROUNDS):
        books = await Books.open(app, recognition_point="issue" if round_ % 2 else "capture")
        other = "capture" if round_ % 2 else "issue"
        accounts = [await account(books) for _ in range(4)]
        on = f"2026-0{1 + round_ % 9}-15"
        charges = [capture(accounts[number % 4], on) for number in range(16)]
        answers = await at_once(books, *charges[:8], Request("recognise-at", f"Settings/{other}"), *charges[8:])
        assert codes(answers) == []
        later = await at_once(books, capture(accounts[0], on), capture(accounts[1], "2026-10-15"))
        made = [id_of(answer) for answer in won(answers) + won(later) if answer["changes"][0][0] == "ChargeItem"]
        assert reader.rows(_MIXED, books.tenant_id) == [(0,)]
        by_account: dict[str, list[str]] = {}
        for charge_id in made:
            named = (await books.read("ChargeItem", charge_id))["account"][0]["reference"].removeprefix("Account/")
            by_account.setdefault(named, []).append(charge_id)
        await asyncio.gather(*(bill(books, of, charges) for of, charges in by_account.items()))
        assert reader.rows(_DEFERRED, books.tenant_id) == [(0,)]
        assert await check_ledger(auditor, [books.tenant_id]) == []


async def test_a_period_is_not_closed_over_a_point_that_changes_at_that_moment(
    app: Database, auditor: Database
) -> None:
    today = dt.datetime.now(dt.UTC).astimezone(ZoneInfo("Asia/Kabul")).date()
    first_day, yesterday = today - dt.timedelta(days=40), today - dt.timedelta(days=1)
    for _ in range(ROUNDS):
        books = await Books.open(app)
        await books.send(capture(await account(books), (first_day - dt.timedelta(days=1)).isoformat()))
        answers = await at_once(
            books,
            Request("recognise-at", "Settings/issue"),
            Request("soft-close", f"Period/{first_day}", {"last_day": yesterday}),
        )
        # The change begins with a month, or behind the period: whoever comes second sees the first.
        assert set(codes(answers)) <= {"recognition-mixed"}
        assert await check_ledger(auditor, [books.tenant_id]) == []


async def test_of_two_who_set_the_same_point_at_once_one_changes_it(
    books: Books, auditor: Database, reader: Reader
) -> None:
    answers = await at_once(books, *[Request("recognise-at", "Settings/issue")] * 4)
    assert not any(isinstance(answer, Refusal) for answer in answers)
    changes = reader.rows("SELECT number, point FROM billing.recognition_change WHERE tenant_id = %s", books.tenant_id)
    assert changes == [(1, "issue")]
    assert await check_ledger(auditor, [books.tenant_id]) == []
