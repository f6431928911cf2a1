"""Make a payment plan: what the patient owes on invoices of an account, in instalments. It posts nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from billing.context import Context
from billing.payment_plan_state import PlanState, announce, state_of
from ledger.chart import LedgerAccount
from ledger.errors import conflict, not_found, rule_broken
from ledger.invoice import Invoice
from ledger.money import Money
from ledger.payment_plan import (
    INSTALMENTS_MAX,
    INVOICES_MAX,
    Instalment,
    PaymentPlan,
    Unit,
    equal_instalments,
    refuse_schedule,
)
from storage import account_balances, journal, payment_plans
from storage.payment_plans import KeptPlan
from storage.resource_ids import new_id
from storage.resource_rows import load
from storage.transaction import Transaction

MADE = "billing.plan.made.v1"


@dataclass(frozen=True, slots=True)
class EqualInstalments:
    """So many instalments, each `every` units after the one before; they differ by one minor unit at most."""

    count: int
    first_due: date
    unit: Unit
    every: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRequest:
    """`schedule`: instalments that come to what is owed, or how to make them."""

    account_id: str
    invoice_ids: Sequence[str]
    schedule: EqualInstalments | Sequence[tuple[date, Money]]
    note: str | None = None


async def make_payment_plan(tx: Transaction, context: Context, request: PlanRequest) -> PlanState:
    """The plan as it begins. Every change of an account's invoices waits for its lock, so what is owed stays so."""
    balance = (await account_balances.lock(tx, [request.account_id])).get(request.account_id)
    if balance is None:
        raise not_found("not-found", f"There is no Account/{request.account_id}.", "/account")
    if balance.status == "entered-in-error":
        raise conflict("invalid-state", "The account is entered in error.", "/account")
    assert 0 < len(request.invoice_ids) <= INVOICES_MAX
    owed = await _owed(tx, request.account_id, request.invoice_ids)
    total = Money(balance.currency, sum(owed.values()))
    # Not before the plan that it follows ended, even if the tenant has moved to the west: of each day one holds.
    ended_on = await payment_plans.ended_on(tx, request.invoice_ids)
    today = max(context.today(tx.now), ended_on or date.min)
    plan = PaymentPlan(
        id=new_id(),
        account_id=request.account_id,
        currency=balance.currency,
        invoice_ids=tuple(request.invoice_ids),
        instalments=_instalments(request.schedule, total, today),
        made_on=today,
        # As an entry: what was known before of the account's aging was known without it.
        made_at=tx.next_instant(balance.recorded_at),
        made_by=context.actor,
        note=request.note,
    )
    balance.recorded_at = plan.made_at
    account_balances.mark_changed(tx, request.account_id)
    payment_plans.insert(tx, plan)
    announce(tx, plan, MADE)
    return state_of(context, KeptPlan(plan, total.minor_units, 0, tx.now))


async def _owed(tx: Transaction, account_id: str, invoice_ids: Sequence[str]) -> Mapping[str, int]:
    """What the patient owes on each invoice, all of which can be on a plan."""
    found = await load(tx, "Invoice", list(invoice_ids))
    for at, invoice_id in enumerate(invoice_ids):
        _refuse_invoice(found.get(invoice_id), invoice_id, account_id, f"/invoices/{at}")
    shares = await journal.open_shares(tx, invoice_ids)
    held = await payment_plans.holders(tx, tx.tenant_id, invoice_ids)
    owed = {}
    for at, invoice_id in enumerate(invoice_ids):
        if invoice_id in held:
            text = f"Invoice/{invoice_id} is on the payment plan {held[invoice_id]}; cancel that one first."
            raise rule_broken("invoice-on-other-plan", text, f"/invoices/{at}")
        open_shares = shares.get(invoice_id, [])
        owed[invoice_id] = sum(
            share.amount_minor for share in open_shares if share.ledger_account is LedgerAccount.RECEIVABLE_PATIENT
        )
        if owed[invoice_id] <= 0:
            text = f"The patient owes nothing on Invoice/{invoice_id}; plans are about patients' shares."
            raise rule_broken("nothing-due", text, f"/invoices/{at}")
    return owed


def _refuse_invoice(invoice: object, invoice_id: str, account_id: str, place: str) -> None:
    if not isinstance(invoice, Invoice):
        raise rule_broken("reference-not-found", f"There is no Invoice/{invoice_id}.", place, "not-found")
    if invoice.account_id != account_id:
        raise rule_broken("invoice-other-account", f"Invoice/{invoice_id} is on another account.", place)
    if invoice.status != "issued":
        text = f"Invoice/{invoice_id} is {invoice.status}; a plan is over issued ones."
        raise rule_broken("invoice-not-issued", text, place)


def _instalments(
    schedule: EqualInstalments | Sequence[tuple[date, Money]], total: Money, today: date
) -> tuple[Instalment, ...]:
    if isinstance(schedule, EqualInstalments):
        assert 0 < schedule.count <= INSTALMENTS_MAX
        equal = equal_instalments(total, schedule.count, schedule.first_due, schedule.unit, schedule.every)
        refuse_schedule(equal, total, today, "/equal")
        return equal
    assert 0 < len(schedule) <= INSTALMENTS_MAX
    for at, (_, amount) in enumerate(schedule):
        if amount.currency != total.currency:
            text = f"The account is in {total.currency}; so are the instalments."
            raise rule_broken("currency-mismatch", text, f"/instalments/{at}/amount/currency")
    agreed = tuple(Instalment(due, amount.minor_units) for due, amount in schedule)
    refuse_schedule(agreed, total, today, "/instalments")
    return agreed
