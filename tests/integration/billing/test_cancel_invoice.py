"""Cancelling: an exact reversal while nothing is settled (design section 4.4)."""

from __future__ import annotations

from datetime import date

from ledger.chart import LedgerAccount
from tests.integration.billing.hospital import (
    CONFLICT,
    RULE_BROKEN,
    Hospital,
    component,
    extension_of,
    line_of,
    own_line,
    refused,
    said,
    share,
)


async def test_an_issued_invoice_is_reversed_exactly_and_its_charges_are_billable_again(hospital: Hospital) -> None:
    account = await hospital.account()
    charge = await hospital.charge(account, "100")
    line = line_of(charge, component("base", "100"), component("discount", "10"), component("tax", "5", code="VAT"))
    shares = [share({"reference": "Organization/insurer"}, "50")]
    invoice = await hospital.issued(account, line, own_line("7"), extension=shares, date="2026-03-01")
    cancelled = await hospital.cancel(invoice, "sent twice")
    assert (cancelled["status"], cancelled["cancelledReason"]) == ("cancelled", "sent twice")
    assert extension_of(cancelled, "invoice-settled") is None
    assert extension_of(cancelled, "invoice-due") is None
    booked, reversed_ = await hospital.booked("invoice-issued"), await hospital.booked("invoice-cancelled")
    assert sorted(reversed_) == sorted((account, -amount) for account, amount in booked)
    days = {line.effective_at for line in await hospital.journal() if line.kind == "invoice-cancelled"}
    assert days == {await hospital.today()}
    assert (await hospital.read(charge))["status"] == "billable"
    assert (await hospital.balance(account)).total.minor_units == 10000
    assert await hospital.sum_of(LedgerAccount.TAX_PAYABLE) == 0
    assert "billing.invoice.cancelled.v1" in await hospital.events()
    again = await hospital.issued(account, line_of(charge))
    assert again["status"] == "issued"


async def test_a_draft_is_cancelled_and_posts_nothing(hospital: Hospital) -> None:
    draft = await hospital.draft(await hospital.account(), own_line("1"))
    assert (await hospital.cancel(draft))["status"] == "cancelled"
    assert await hospital.journal() == []


async def test_a_reason_is_needed_also_where_the_status_is_sent(hospital: Hospital) -> None:
    account, invoice = await hospital.invoice_of("100")
    for current in (invoice, await hospital.draft(account, own_line("1"))):
        refusal = await refused(hospital.update(current | {"status": "cancelled"}))
        assert said(refusal) == [(RULE_BROKEN, "reason-required", "Invoice.cancelledReason")]
    sent = invoice | {"status": "cancelled", "cancelledReason": "sent twice"}
    assert (await hospital.update(sent))["status"] == "cancelled"
    assert await hospital.booked("invoice-cancelled") != []


async def test_cancelling_by_status_may_not_change_anything_else(hospital: Hospital) -> None:
    _, invoice = await hospital.invoice_of("100")
    sent = invoice | {"status": "cancelled", "cancelledReason": "sent twice", "date": "2026-01-01"}
    assert said(await refused(hospital.update(sent))) == [(RULE_BROKEN, "invoice-immutable", "Invoice.date")]


async def test_what_is_settled_in_part_or_whole_is_not_cancelled(hospital: Hospital) -> None:
    _, invoice = await hospital.invoice_of("100")
    for amount in ("30", "70"):
        await hospital.pay(invoice, amount)
        refusal = await refused(hospital.cancel(invoice))
        assert said(refusal) == [(CONFLICT, "invoice-settled", "Invoice.status")]
        current = await hospital.read(invoice)
        by_status = await refused(hospital.update(current | {"status": "cancelled", "cancelledReason": "no"}))
        assert said(by_status) == [(CONFLICT, "invoice-settled", "Invoice.status")]


async def test_an_invoice_of_nothing_may_be_cancelled(hospital: Hospital) -> None:
    account = await hospital.account()
    charge = await hospital.charge(account, "0")
    invoice = await hospital.issued(account, line_of(charge))
    assert (await hospital.cancel(invoice))["status"] == "cancelled"
    assert (await hospital.read(charge))["status"] == "billable"


async def test_cancelled_and_entered_in_error_are_final(hospital: Hospital) -> None:
    account = await hospital.account()
    cancelled = await hospital.cancel(await hospital.draft(account, own_line("1")))
    error = await hospital.update(await hospital.draft(account, own_line("1")) | {"status": "entered-in-error"})
    for invoice in (cancelled, error):
        assert said(await refused(hospital.cancel(invoice))) == [(CONFLICT, "invalid-state", "Invoice.status")]
        assert said(await refused(hospital.issue(invoice))) == [(CONFLICT, "invalid-state", "Invoice.status")]


async def test_a_cancellation_leaves_the_balance_of_the_past_as_it_was(hospital: Hospital) -> None:
    account = await hospital.account()
    charge = await hospital.charge(account, "100")
    invoice = await hospital.issued(account, line_of(charge), date="2026-02-01")
    await hospital.cancel(invoice)
    then = await hospital.balance(account, on=date(2026, 2, 2))
    assert (then.unbilled.minor_units, then.billed_patient.minor_units) == (0, 10000)
