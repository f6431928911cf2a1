"""Kills between any two SQL statements of every command.

The connection is lost after 0, 1, 2 ... statements of a command, as it is when the process is killed there. Nothing may
be written, but for the kill after COMMIT, which writes everything; the client repeats what was not answered, and then
it has happened exactly once. What is logged of it is in the same transaction: a row for each request that was carried
out, and none for those that were lost.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from billing.check_ledger import check_ledger
from ledger.errors import Refusal
from storage.pipeline import Statement
from storage.posting_periods import read as read_periods
from storage.transaction import Database
from tests.acceptance import documents
from tests.acceptance.books import Books, Reader, Request, Snapshot, id_of, pay
from tests.acceptance.documents import Document

PATIENT = "Patient/1"
INSURER = "Organization/insurer"
LIMITS = {"refund_approval_above.AFN": "10", "adjustment_approval_above.AFN": "10"}
NO_SETTINGS: Mapping[str, str] = {}
ACCESS_LOG = "billing.access_log"
KILLS_OF_A_TENANT = 10
"""Then a new one: all that a tenant has is compared after each kill."""


@dataclass(slots=True)
class Kill:
    """Loses the connection after so many statements of a transaction; counts what was to be sent."""

    after: int | None = None
    counted: int = 0
    is_dead: bool = False

    async def __call__(self, statements: Sequence[tuple[Statement, Sequence[Any]]]) -> int | None:
        left = None if self.after is None else self.after - self.counted
        self.counted += len(statements)
        if self.is_dead or left is None or left > len(statements):
            return None
        self.is_dead = True
        return left


@dataclass(slots=True)
class Case:
    """What a command needs to be there, in a tenant that has issued an invoice before."""

    books: Books
    made: int = 0

    @classmethod
    async def open(cls, database: Database, settings: Mapping[str, str] = NO_SETTINGS) -> Case:
        case = cls(await Books.open(database, cash_sessions="optional", **LIMITS, **settings))
        case.books.logs_accesses = True
        await case.invoice()
        return case

    def key(self) -> str:
        """A new Idempotency-Key or identifier."""
        self.made += 1
        return f"key-{self.made}"

    async def account(self) -> str:
        return id_of(await self.books.create(documents.account(PATIENT, "AFN")))

    async def charge(self, account_id: str, amount: int = 1000, **more: Any) -> str:
        document = documents.charge(PATIENT, account_id=account_id, price=(amount, "AFN"), **more)
        return id_of(await self.books.create(document))

    async def invoice(self, status: str = "issued", *, charges: int = 2, share: int = 0) -> tuple[str, str]:
        """(invoice, account)"""
        account_id = await self.account()
        lines = [documents.line(await self.charge(account_id)) for _ in range(charges)]
        shares = [(INSURER, share, "AFN")] if share else None
        document = documents.invoice(lines, status=status, account_id=account_id, shares=shares)
        return id_of(await self.books.create(document)), account_id

    async def payment(self) -> str:
        """Mobile money that lies in clearing."""
        request = pay(f"Account/{await self.account()}", 700, "AFN", key=self.key(), method="mobile-money")
        return id_of(await self.books.send(request))

    async def changed(self, resource_type: str, id_: str, **elements: Any) -> Request:
        document: Document = {**await self.books.read(resource_type, id_), **elements}
        return Request("update", f"{resource_type}/{id_}", document, self.key())

    def another_day(self) -> dt.date:
        self.made += 1
        return dt.date(2020, 1, 1) + dt.timedelta(days=self.made)

    def publishing(self, day: dt.date) -> Request:
        """A list that has prices for one day."""
        content = {"from": day, "to": day, "prices": {"AFN": 700}, "discount": 10, "exemption": 50}
        return Request("publish", f"PriceList/of-{day}", content, self.key())

    def creating(self, document: Document) -> Request:
        return Request("create", document["resourceType"], document, self.key())


async def open_account(case: Case) -> Request:
    return case.creating(documents.account(PATIENT, "KWD"))


async def change_account(case: Case) -> Request:
    return await case.changed("Account", await case.account(), status="inactive")


async def delete_account(case: Case) -> Request:
    return Request("delete", f"Account/{await case.account()}", {}, case.key())


async def capture_charge(case: Case) -> Request:
    return case.creating(documents.charge(PATIENT, account_id=await case.account(), price=(1050, "AFN")))


async def capture_charge_with_a_business_key(case: Case) -> Request:
    document = documents.charge(PATIENT, account_id=await case.account(), price=(1050, "AFN"), key=case.key())
    return Request("create", "ChargeItem", document)


async def capture_charge_of_no_account(case: Case) -> Request:
    case.made += 1
    patient = f"Patient/p{case.made}"
    await case.books.create(documents.account(patient, "AFN"))
    return case.creating(documents.charge(patient, price=(1050, "AFN")))


async def publish_prices(case: Case) -> Request:
    return case.publishing(case.another_day())


async def capture_charge_by_list(case: Case) -> Request:
    day = case.another_day()
    await case.books.send(case.publishing(day))
    charge = documents.charge(PATIENT, account_id=await case.account(), on=day.isoformat(), quantity="3", is_poor=True)
    return case.creating(charge)


async def settle_unpriced_charges(case: Case) -> Request:
    day, account_id = case.another_day(), await case.account()
    for _ in range(2):
        await case.books.create(documents.charge(PATIENT, account_id=account_id, on=day.isoformat()))
    await case.books.send(case.publishing(day))
    return Request("settle-unpriced", "ChargeItem", {}, case.key())


async def settle_charges_without_account(case: Case) -> Request:
    case.made += 1
    patient = f"Patient/w{case.made}"
    for _ in range(2):
        await case.books.create(documents.charge(patient, price=(1050, "AFN")))
    await case.books.create(documents.account(patient, "AFN"))
    return Request("settle-without-account", "ChargeItem", {}, case.key())


async def change_price_of_charge(case: Case) -> Request:
    charge_id = await case.charge(await case.account())
    return await case.changed("ChargeItem", charge_id, priceOverride=documents.money(77, "AFN"))


async def move_charge_to_another_account(case: Case) -> Request:
    charge_id = await case.charge(await case.account())
    account = [{"reference": f"Account/{await case.account()}"}]
    return await case.changed("ChargeItem", charge_id, account=account)


async def abort_charge(case: Case) -> Request:
    return await case.changed("ChargeItem", await case.charge(await case.account()), status="aborted")


async def delete_planned_charge(case: Case) -> Request:
    charge_id = await case.charge(await case.account(), status="planned")
    return Request("delete", f"ChargeItem/{charge_id}", {}, case.key())


async def draft_invoice(case: Case) -> Request:
    account_id = await case.account()
    lines = [documents.line(await case.charge(account_id)), documents.line(await case.charge(account_id))]
    return case.creating(documents.invoice(lines, account_id=account_id))


async def create_issued_invoice(case: Case) -> Request:
    account_id = await case.account()
    components = [
        documents.component("base", amount=1000),
        documents.component("discount", factor="0.1"),
        documents.component("tax", factor="0.05", code="VAT"),
    ]
    lines = [
        documents.line(await case.charge(account_id), components),
        documents.line(None, [documents.component("base", amount=300)]),
    ]
    shares = [(INSURER, 200, "AFN")]
    return case.creating(documents.invoice(lines, status="issued", account_id=account_id, shares=shares))


async def change_draft(case: Case) -> Request:
    invoice_id, account_id = await case.invoice("draft")
    lines = [documents.line(await case.charge(account_id))]
    return Request(
        "update", f"Invoice/{invoice_id}", documents.invoice(lines, account_id=account_id, note="one only"), case.key()
    )


async def issue_by_update(case: Case) -> Request:
    invoice_id, _ = await case.invoice("draft")
    return await case.changed("Invoice", invoice_id, status="issued")


async def issue_invoice(case: Case) -> Request:
    invoice_id, _ = await case.invoice("draft")
    return Request("issue", f"Invoice/{invoice_id}", {}, case.key())


async def cancel_invoice(case: Case) -> Request:
    invoice_id, _ = await case.invoice()
    return Request("cancel", f"Invoice/{invoice_id}", {"reason": "a mistake"}, case.key())


async def cancel_by_update(case: Case) -> Request:
    invoice_id, _ = await case.invoice()
    return await case.changed("Invoice", invoice_id, status="cancelled", cancelledReason="a mistake")


async def cancel_draft(case: Case) -> Request:
    invoice_id, _ = await case.invoice("draft")
    return Request("cancel", f"Invoice/{invoice_id}", {"reason": "a mistake"}, case.key())


async def delete_draft(case: Case) -> Request:
    invoice_id, _ = await case.invoice("draft")
    return Request("delete", f"Invoice/{invoice_id}", {}, case.key())


async def post_payment_on_invoice(case: Case) -> Request:
    invoice_id, _ = await case.invoice(share=500)
    return pay(f"Invoice/{invoice_id}", 1500, "AFN", key=case.key(), tendered=2000)


async def post_payment_of_payer(case: Case) -> Request:
    invoice_id, _ = await case.invoice(share=500)
    payer = {"reference": INSURER}
    return pay(f"Invoice/{invoice_id}", 800, "AFN", key=case.key(), method="bank-transfer", payer=payer)


async def post_payment_on_account(case: Case) -> Request:
    _, account_id = await case.invoice()
    lines = [documents.line(await case.charge(account_id, 300))]
    await case.books.create(documents.invoice(lines, status="issued", account_id=account_id))
    return pay(f"Account/{account_id}", 5000, "AFN", key=case.key(), method="mobile-money")


async def receive_remittance(case: Case) -> Request:
    return case.creating(await _remittance(case))


async def receive_remittance_with_an_identifier(case: Case) -> Request:
    return Request("create", "PaymentReconciliation", await _remittance(case, reference=case.key()))


async def post_stored_payment(case: Case) -> Request:
    document = await _remittance(case, status="draft")
    payment_id = id_of(await case.books.create(document))
    return await case.changed("PaymentReconciliation", payment_id, status="active")


async def _remittance(case: Case, **more: Any) -> Document:
    first, _ = await case.invoice(share=900)
    second, account_id = await case.invoice()
    details = [
        documents.detail("payment", f"Invoice/{first}", 900, "AFN"),
        documents.detail("payment", f"Invoice/{second}", 50, "AFN"),
        documents.detail("advance", f"Account/{account_id}", 25, "AFN"),
    ]
    more = {"issuer": INSURER, "on": "2026-01-15", "method": "cheque", **more}
    return documents.payment(1000, "AFN", details=details, **more)


async def change_note_of_payment(case: Case) -> Request:
    return await case.changed("PaymentReconciliation", await case.payment(), disposition="by hand")


async def note_payment(case: Case) -> Request:
    return case.creating(documents.notice(await case.payment(), 700, "AFN", payment_status="paid"))


async def clear_payment(case: Case) -> Request:
    return case.creating(documents.notice(await case.payment(), 700, "AFN", payment_status="cleared"))


async def take_clearing_back(case: Case) -> Request:
    document = documents.notice(await case.payment(), 700, "AFN", payment_status="cleared")
    notice_id = id_of(await case.books.create(document))
    return await case.changed("PaymentNotice", notice_id, status="cancelled")


async def receive_what_a_payer_says_of_its_share(case: Case) -> Request:
    invoice_id, _ = await case.invoice(share=900)
    paid = documents.payment(
        500,
        "AFN",
        on="2026-01-10",
        issuer=INSURER,
        details=[documents.detail("payment", f"Invoice/{invoice_id}", 500, "AFN")],
    )
    await case.books.send(case.creating(paid))
    return case.creating(_said_of_share(invoice_id))


def _said_of_share(invoice_id: str) -> Document:
    details = [
        documents.detail(kind, f"Invoice/{invoice_id}", amount, "AFN")
        for kind, amount in (
            ("contractual", 100),
            ("patient-responsibility", 200),
            ("adjustment", -300),
            ("payment", 400),
        )
    ]
    return documents.payment(100, "AFN", on="2026-01-15", issuer=INSURER, details=details)


async def allocate_payment(case: Case) -> Request:
    invoice_id, account_id = await case.invoice()
    payment_id = id_of(await case.books.send(pay(f"Account/{account_id}", 2500, "AFN", key=case.key())))
    lines = [documents.line(await case.charge(account_id, 300))]
    later = id_of(await case.books.create(documents.invoice(lines, status="issued", account_id=account_id)))
    assert invoice_id != later
    return Request("allocate", f"PaymentReconciliation/{payment_id}", {"named": [(later, 200, "AFN")]}, case.key())


async def deallocate_payment(case: Case) -> Request:
    payment_id, invoice_id = await _paid(case)
    return Request(
        "deallocate", f"PaymentReconciliation/{payment_id}", {"named": [(invoice_id, 300, "AFN")]}, case.key()
    )


async def reverse_payment(case: Case) -> Request:
    payment_id, _ = await _paid(case)
    content = {"reason": "bounced", "fee": ("AFN", 50)}
    return Request("reverse", f"PaymentReconciliation/{payment_id}", content, case.key())


async def reverse_remittance(case: Case) -> Request:
    """One after which the patient paid what the payer said was the patient's."""
    said = await receive_what_a_payer_says_of_its_share(case)
    payment_id = id_of(await case.books.send(said))
    invoice = said.content["detail"][0]["request"]["reference"]
    await case.books.send(pay(invoice, 1300, "AFN", key=case.key()))
    return Request("reverse", f"PaymentReconciliation/{payment_id}", {"reason": "mis-keyed"}, case.key())


async def _paid(case: Case) -> tuple[str, str]:
    """(a payment by cheque that settles an invoice in part, the invoice)"""
    invoice_id, _ = await case.invoice()
    request = pay(f"Invoice/{invoice_id}", 1500, "AFN", key=case.key(), method="cheque")
    return id_of(await case.books.send(request)), invoice_id


async def transfer_money(case: Case) -> Request:
    payment_id, to = await case.payment(), await case.account()
    return Request(
        "transfer", f"PaymentReconciliation/{payment_id}", {"to": to, "amount": 300, "of": "AFN"}, case.key()
    )


async def transfer_charge(case: Case) -> Request:
    charge_id = await case.charge(await case.account())
    return Request("transfer", f"ChargeItem/{charge_id}", {"to": await case.account()}, case.key())


async def open_drawer(case: Case) -> Request:
    return Request("open-drawer", f"CashSession/{case.key()}", {"float": ("AFN", 5000)}, case.key())


async def close_drawer(case: Case) -> Request:
    """One that took money, and is short."""
    session_id, drawer = await _open_drawer(case)
    account_id = await case.account()
    await case.books.send(pay(f"Account/{account_id}", 700, "AFN", key=case.key(), drawer=drawer))
    return Request("close-drawer", f"CashSession/{session_id}", {"declared": ("AFN", 5600)}, case.key())


async def pay_into_a_drawer(case: Case) -> Request:
    _, drawer = await _open_drawer(case)
    return pay(f"Account/{await case.account()}", 700, "AFN", key=case.key(), drawer=drawer)


async def _open_drawer(case: Case) -> tuple[str, str]:
    drawer = case.key()
    request = Request("open-drawer", f"CashSession/{drawer}", {"float": ("AFN", 5000)}, case.key())
    return id_of(await case.books.send(request)), drawer


async def soft_close_period(case: Case) -> Request:
    return await _soft_closing(case)


async def close_period(case: Case) -> Request:
    period_id = id_of(await case.books.send(await _soft_closing(case)))
    return Request("close", f"Period/{period_id}", {}, case.key())


async def reopen_period(case: Case) -> Request:
    period_id = id_of(await case.books.send(await _soft_closing(case)))
    return Request("reopen", f"Period/{period_id}", {}, case.key())


async def _soft_closing(case: Case) -> Request:
    """The next period of a day, after those that cases before this one left; the first one of a tenant is long past."""
    periods = await read_periods(case.books.database, case.books.tenant_id)
    left = [period for period in periods[0].shut if period.status == "soft-closed"]
    for period in left:
        await case.books.send(Request("close", f"Period/{period.id}", {}, case.key()))
    day = periods[0].shut[-1].last_day + dt.timedelta(days=1) if periods[0].shut else dt.date(2020, 1, 1)
    return Request("soft-close", f"Period/{day}", {"last_day": day}, case.key())


async def delete_notice(case: Case) -> Request:
    document = documents.notice(await case.payment(), 700, "AFN", payment_status="paid")
    return Request("delete", f"PaymentNotice/{id_of(await case.books.create(document))}", {}, case.key())


COMMANDS: tuple[Callable[[Case], Awaitable[Request]], ...] = (
    open_account,
    change_account,
    delete_account,
    capture_charge,
    capture_charge_with_a_business_key,
    capture_charge_of_no_account,
    publish_prices,
    capture_charge_by_list,
    settle_unpriced_charges,
    settle_charges_without_account,
    change_price_of_charge,
    move_charge_to_another_account,
    abort_charge,
    delete_planned_charge,
    draft_invoice,
    create_issued_invoice,
    change_draft,
    issue_by_update,
    issue_invoice,
    cancel_invoice,
    cancel_by_update,
    cancel_draft,
    delete_draft,
    post_payment_on_invoice,
    post_payment_of_payer,
    post_payment_on_account,
    receive_remittance,
    receive_remittance_with_an_identifier,
    post_stored_payment,
    change_note_of_payment,
    note_payment,
    clear_payment,
    take_clearing_back,
    receive_what_a_payer_says_of_its_share,
    allocate_payment,
    deallocate_payment,
    reverse_payment,
    reverse_remittance,
    transfer_money,
    transfer_charge,
    open_drawer,
    close_drawer,
    pay_into_a_drawer,
    soft_close_period,
    close_period,
    reopen_period,
    delete_notice,
)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
async def test_a_kill_after_any_statement_loses_nothing_and_doubles_nothing(
    command: Callable[[Case], Awaitable[Request]], app: Database, auditor: Database, reader: Reader
) -> None:
    await kill_after_any_statement(command, app, auditor, reader)


async def kill_after_any_statement(
    command: Callable[[Case], Awaitable[Request]],
    app: Database,
    auditor: Database,
    reader: Reader,
    *,
    gives_up: bool = False,
    settings: Mapping[str, str] = NO_SETTINGS,
) -> None:
    """`gives_up`: it ends a first transaction by ROLLBACK; who is killed there has lost nothing and goes on.

    `settings`: those of the tenants.
    """
    case = await Case.open(app, settings)
    tenants = [case.books.tenant_id]
    added, statements = await undisturbed(command, case, reader)
    unheard = 0
    for after in range(statements + 1):
        if after % KILLS_OF_A_TENANT == 0:
            case = await Case.open(app, settings)
            tenants.append(case.books.tenant_id)
        is_done = after == statements
        was_heard = await _kill_and_repeat(await command(case), after, case.books, reader, added, is_done=is_done)
        unheard += not was_heard
    assert unheard == (statements if gives_up else statements + 1)
    assert await check_ledger(auditor, tenants) == []
    print(f"{command.__name__}: {statements + 1} kills")


async def _kill_and_repeat(
    request: Request, after: int, books: Books, reader: Reader, added: dict[str, int], *, is_done: bool
) -> bool:
    """Whether the client got an answer all the same."""
    before = reader.snapshot(books.tenant_id)
    books.database.failpoint = Kill(after)
    refusal = await _refusal(books, request)
    assert refusal in (None, "database-unavailable")
    is_done = is_done or refusal is None
    assert books.database.failpoint.is_dead
    books.database.failpoint = None
    killed = reader.snapshot(books.tenant_id)
    assert added_rows(before, killed) == (added if is_done else {}), after
    assert _logged(before, killed) == (1 if is_done else 0), after
    answer = await books.send(request)
    assert is_repetition(answer) is is_done
    done = reader.snapshot(books.tenant_id)
    assert added_rows(before, done) == added, after
    assert is_repetition(await books.send(request))
    repeated = reader.snapshot(books.tenant_id)
    assert (added_rows(done, repeated), _logged(killed, repeated)) == ({}, 2)
    return refusal is None


async def _refusal(books: Books, request: Request) -> str | None:
    try:
        await books.send(request)
    except Refusal as refusal:
        return refusal.code
    return None


async def undisturbed(
    command: Callable[[Case], Awaitable[Request]], case: Case, reader: Reader
) -> tuple[dict[str, int], int]:
    """How many rows the command adds to each table that it changes, and with how many statements."""
    request = await command(case)
    before = reader.snapshot(case.books.tenant_id)
    counter = Kill()
    case.books.database.failpoint = counter
    answer = await case.books.send(request)
    case.books.database.failpoint = None
    assert not is_repetition(answer)
    return added_rows(before, reader.snapshot(case.books.tenant_id)), counter.counted


def added_rows(before: Snapshot, after: Snapshot) -> dict[str, int]:
    """Table -> how many rows it has more, for tables that say anything else; what is logged counts by itself."""
    changed = {name for name in before if before[name] != after[name]} - {ACCESS_LOG}
    return {name: after[name][0] - before[name][0] for name in changed}


def _logged(before: Snapshot, after: Snapshot) -> int:
    return after[ACCESS_LOG][0] - before[ACCESS_LOG][0]


def is_repetition(answer: dict[str, Any]) -> bool:
    return answer["replayed"] or [change[3] for change in answer["changes"]] == ["existing"]
