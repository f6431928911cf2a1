"""Credit notes (design sections 4.6, 4.7 and 5): numbered, booked, exact, and never more than what is left."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from itertools import permutations
from typing import Any

import pytest

from ledger.chart import LedgerAccount
from tests.integration.billing.hospital import (
    CANONICAL,
    CONFLICT,
    RULE_BROKEN,
    Document,
    Hospital,
    component,
    detail,
    extension_of,
    line_credit,
    line_of,
    money,
    own_line,
    refused,
    said,
    share,
)

INSURER = {"reference": "Organization/insurer"}
SECOND = {"reference": "Organization/second"}


def number_of(note: Document) -> tuple[str, str]:
    (found,) = note["identifier"]
    return found["system"], found["value"]


def settlement(invoice: Document) -> tuple[str, Any, Any]:
    """(status, settled, due) in major units."""
    settled, due = extension_of(invoice, "invoice-settled"), extension_of(invoice, "invoice-due")
    return invoice["status"], float(settled["value"]), float(due["value"])


def lines_of(note: Document) -> list[tuple[int, list[tuple[str, str]]]]:
    return [
        (line["sequence"], [(each["type"], str(each["amount"]["value"])) for each in line["priceComponent"]])
        for line in note["lineItem"]
    ]


async def taxed(hospital: Hospital, **more: Any) -> tuple[Document, Document, Document]:
    """(account, charge, issued invoice of 1,200 less 10% and an own line of 100, both with 5% VAT: 1,239.00)."""
    account = await hospital.account()
    charge = await hospital.charge(account, "1200")
    tax = component("tax", factor="0.05", code="VAT")
    first = line_of(charge, component("base", "1200"), component("discount", factor="0.1"), tax)
    return account, charge, await hospital.issued(account, first, own_line("100", tax), **more)


async def test_a_whole_invoice_is_credited_by_a_note_with_negative_amounts(hospital: Hospital) -> None:
    account, charge, invoice = await taxed(hospital, recipient={"reference": hospital.patient})
    note = await hospital.credit(invoice, reason="billed twice")
    assert note["status"] == "balanced"
    assert note["type"]["coding"] == [{"system": f"{CANONICAL}/CodeSystem/invoice-type", "code": "credit-note"}]
    assert extension_of(note, "credit-of") == {"reference": f"Invoice/{invoice['id']}"}
    assert settlement(note) == ("balanced", -1239.0, 0.0)
    assert (str(note["totalNet"]["value"]), str(note["totalGross"]["value"])) == ("-1180.00", "-1239.00")
    assert lines_of(note) == [
        (1, [("base", "-1080.00"), ("tax", "-54.00")]),
        (2, [("base", "-100.00"), ("tax", "-5.00")]),
    ]
    assert [str(total["amount"]["value"]) for total in note["totalPriceComponent"]] == ["-59.00"]
    assert (note["recipient"], note["note"]) == ({"reference": hospital.patient}, [{"text": "billed twice"}])
    assert settlement(await hospital.read(invoice)) == ("balanced", 1239.0, 0.0)
    assert (await hospital.read(charge))["status"] == "billed"
    assert sorted(await hospital.booked("invoice-credited")) == [(1100, -123900), (2200, 5900), (4000, 118000)]
    assert (await hospital.balance(account)).total.minor_units == 0
    events = await hospital.events()
    assert events[-2:] == ["billing.invoice.credited.v1", "billing.invoice.balanced.v1"]


async def test_credit_notes_have_a_series_of_their_own_without_gaps(hospital: Hospital) -> None:
    account = await hospital.account()
    invoice = await hospital.issued(account, own_line("90"), issuer={"reference": "Organization/kabul-1"})
    year = (await hospital.today()).year
    numbers = []
    for amount in ("10", "20"):
        numbers.append(number_of(await hospital.credit(invoice, line_credit(1, amount))))
        assert said(await refused(hospital.credit(invoice, line_credit(1, "80.01"))))[0][1] == "credit-exceeds-line"
    system = f"{CANONICAL}/NamingSystem/credit-note-number/{hospital.tenant_id}/kabul-1"
    assert numbers == [(system, f"CN-{year}-000001"), (system, f"CN-{year}-000002")]


async def test_a_line_is_credited_in_parts_the_taxes_of_which_sum_to_its_tax(hospital: Hospital) -> None:
    _, _, invoice = await taxed(hospital)
    taxes = []
    for amount in ("0.01", "33.33", "33.33", "38.32", None):
        note = await hospital.credit(invoice, line_credit(2, amount)) if amount else None
        if note:
            taxes += [each["amount"]["value"] for each in note.get("totalPriceComponent", [])]
    assert [str(tax) for tax in taxes] == ["-1.59", "-1.58", "-1.83"]
    left = await refused(hospital.credit(invoice, line_credit(2, "0.02")))
    assert said(left) == [(RULE_BROKEN, "credit-exceeds-line", "line 2")]
    await hospital.credit(invoice, line_credit(2))
    assert sum(amount for account, amount in await hospital.booked("invoice-credited") if account == 2200) == 500
    assert said(await refused(hospital.credit(invoice, line_credit(2)))) == [
        (CONFLICT, "invalid-state", "Invoice.status")
    ]
    assert settlement(await hospital.read(invoice)) == ("issued", 105.0, 1134.0)


@pytest.mark.parametrize("currency", ["AFN", "JPY", "KWD"])
async def test_partial_credits_converge_in_whatever_order(hospital: Hospital, currency: str) -> None:
    account = await hospital.account(currency)
    tax, levy = component("tax", factor="0.07", code="A"), component("tax", factor="0.013", code="B")
    extra = {"totalPriceComponent": [component("discount", "3", currency=currency)]}
    booked = []
    for order in permutations(["7", "11", "3"]):
        invoice = await hospital.issued(account, own_line("31", tax, levy, currency=currency), **extra)
        before = Counter(await sums_of_credits(hospital))
        for amount in order:
            await hospital.credit(invoice, line_credit(1, amount, currency))
        after = Counter(await sums_of_credits(hospital))
        after.subtract(before)
        booked.append(after)
    assert all(each == booked[0] for each in booked)


async def sums_of_credits(hospital: Hospital) -> Counter[tuple[int, str | None]]:
    sums: Counter[tuple[int, str | None]] = Counter()
    for line in await hospital.journal():
        if line.kind == "invoice-credited":
            sums[line.account, line.detail] += line.amount
    return sums


async def test_what_is_credited_of_components_of_the_whole_is_shared_by_the_lines(hospital: Hospital) -> None:
    account = await hospital.account()
    extra = [component("discount", "10"), component("tax", "9", code="levy")]
    invoice = await hospital.issued(account, own_line("60"), own_line("30"), totalPriceComponent=extra)
    note = await hospital.credit(invoice, line_credit(1))
    assert lines_of(note) == [(1, [("base", "-53.33"), ("tax", "-6.00")])]
    note = await hospital.credit(invoice)
    assert lines_of(note) == [(2, [("base", "-26.67"), ("tax", "-3.00")])]
    assert settlement(await hospital.read(invoice)) == ("balanced", 89.0, 0.0)


async def test_what_was_paid_beyond_is_taken_off_the_latest_payment_first(hospital: Hospital) -> None:
    account, invoice = await hospital.invoice_of("100")
    first = (await hospital.pay(invoice, "60")).payment
    second = (await hospital.pay(invoice, "40")).payment
    assert (await hospital.read(invoice))["status"] == "balanced"
    done = await hospital.credited(invoice, line_credit(1, "50"))
    assert {change.id for change in done.payments} == {first["id"], second["id"]}
    assert settlement(await hospital.read(invoice)) == ("balanced", 100.0, 0.0)
    sheet = await hospital.balance(account)
    assert (sheet.billed_patient.minor_units, sheet.unapplied.minor_units) == (0, 5000)
    await hospital.credit(invoice)
    assert (await hospital.balance(account)).unapplied.minor_units == 10000


async def test_a_paid_part_is_credited_only_as_far_as_the_open_part_does_not_reach(hospital: Hospital) -> None:
    account, invoice = await hospital.invoice_of("100")
    await hospital.pay(invoice, "70")
    await hospital.credit(invoice, line_credit(1, "20"))
    assert settlement(await hospital.read(invoice)) == ("issued", 90.0, 10.0)
    await hospital.credit(invoice, line_credit(1, "15"))
    assert settlement(await hospital.read(invoice)) == ("balanced", 100.0, 0.0)
    assert (await hospital.balance(account)).unapplied.minor_units == 500


async def test_the_open_share_of_the_patient_is_credited_before_those_of_payers_in_order(hospital: Hospital) -> None:
    account = await hospital.account()
    shares = [share(SECOND, "30"), share(INSURER, "50")]
    invoice = await hospital.issued(account, own_line("100"), extension=shares)
    await hospital.pay(invoice, "5")
    note = await hospital.credit(invoice, line_credit(1, "25"))
    booked = [
        (line.account, line.payer, line.amount) for line in await hospital.journal() if line.account in (1100, 1110)
    ]
    assert booked[-2:] == [(1100, None, -1500), (1110, "Organization/second", -1000)]
    parts = [
        [next(iter(v for k, v in part.items() if k != "url")) for part in extension["extension"]]
        for extension in note["extension"]
        if extension["url"].endswith("payer-share")
    ]
    assert [(who["reference"], str(amount["value"])) for who, amount in parts] == [
        ("Organization/second", "-10.00"),
        ("Organization/insurer", "0.00"),
    ]
    # All that is open is credited; then what the patient has paid comes back, before anything else.
    await hospital.credit(invoice, line_credit(1, "72"))
    sheet = await hospital.balance(account)
    assert (sheet.billed_payer.minor_units, sheet.unapplied.minor_units) == (0, 200)


async def test_a_payer_whose_money_was_taken_for_what_is_credited_has_it_unapplied(hospital: Hospital) -> None:
    account = await hospital.account()
    invoice = await hospital.issued(account, own_line("100"), extension=[share(INSURER, "80")])
    payment = hospital.payment_document("80", detail("payment", invoice, "80"), paymentIssuer=INSURER)
    await hospital.create(payment)
    await hospital.credit(invoice)
    sheet = await hospital.balance(account)
    assert (sheet.billed_patient.minor_units, sheet.billed_payer.minor_units) == (0, 0)
    assert await hospital.sum_of(LedgerAccount.UNAPPLIED_PAYER) == -8000


async def test_an_invoice_that_an_organization_owes_is_credited_to_it(hospital: Hospital) -> None:
    account = await hospital.account()
    employer = {"type": "Organization", "identifier": {"system": "https://registry.example", "value": "77"}}
    invoice = await hospital.issued(account, own_line("100"), recipient=employer)
    note = await hospital.credit(invoice, line_credit(1, "40"))
    assert note["recipient"] == employer
    assert (1110, -4000) in await hospital.booked("invoice-credited")


async def test_what_is_to_be_billed_again_is_reversed_as_it_was_issued(hospital: Hospital) -> None:
    account, charge, invoice = await taxed(hospital)
    note = await hospital.credit(invoice, rebill=True)
    assert sorted(await hospital.booked("invoice-rebilled")) == sorted(
        (number, -amount) for number, amount in await hospital.booked("invoice-issued")
    )
    assert lines_of(note) == [
        (1, [("base", "-1200.00"), ("discount", "120.00"), ("tax", "-54.00")]),
        (2, [("base", "-100.00"), ("tax", "-5.00")]),
    ]
    assert (await hospital.read(charge))["status"] == "billable"
    assert settlement(await hospital.read(invoice)) == ("balanced", 1239.0, 0.0)
    assert (await hospital.balance(account)).unbilled.minor_units == 120000
    changed = await hospital.update(await hospital.read(charge) | {"priceOverride": money("900")})
    again = await hospital.issued(account, line_of(changed))
    assert settlement(again) == ("issued", 0.0, 900.0)
    assert said(await refused(hospital.credit(invoice, rebill=True))) == [(CONFLICT, "invalid-state", "Invoice.status")]


async def test_one_line_may_be_billed_again_and_only_as_a_whole(hospital: Hospital) -> None:
    account = await hospital.account()
    charges = [await hospital.charge(account, price) for price in ("100", "50", "20")]
    invoice = await hospital.issued(account, *(line_of(charge) for charge in charges))
    await hospital.credit(invoice, line_credit(3, "1"))
    for lines in ([line_credit(1, "99")], [line_credit(3)], []):
        refusal = await refused(hospital.credit(invoice, *lines, rebill=True))
        assert {code for _, code, _ in said(refusal)} == {"rebill-of-part"}
    await hospital.credit(invoice, line_credit(2), rebill=True)
    assert [(await hospital.read(charge))["status"] for charge in charges] == ["billed", "billable", "billed"]
    assert settlement(await hospital.read(invoice)) == ("issued", 51.0, 119.0)
    again = await hospital.issued(account, line_of(charges[1]))
    await hospital.credit(again, rebill=True)
    assert (await hospital.read(charges[1]))["status"] == "billable"


async def test_an_invoice_of_nothing_is_billed_again_once_and_not_cancelled_then(hospital: Hospital) -> None:
    account = await hospital.account()
    charge = await hospital.charge(account, "50")
    line = line_of(charge, component("base", "50"), component("discount", "50"))
    invoice = await hospital.issued(account, line)
    assert said(await refused(hospital.credit(invoice)))[0][1] == "invalid-state"
    await hospital.credit(invoice, rebill=True)
    assert (await hospital.balance(account)).unbilled.minor_units == 5000
    assert said(await refused(hospital.cancel(invoice))) == [(CONFLICT, "invoice-settled", "Invoice.status")]
    assert said(await refused(hospital.credit(invoice, rebill=True)))[0][1] == "invalid-state"


async def test_a_courtesy_is_credited_against_its_own_account_and_shared_by_the_lines(hospital: Hospital) -> None:
    _, _, invoice = await taxed(hospital)
    note = await hospital.credit(invoice, amount_minor=12390, against=LedgerAccount.COURTESY_DISCOUNTS)
    assert lines_of(note) == [(1, [("base", "-108.00"), ("tax", "-5.40")]), (2, [("base", "-10.00"), ("tax", "-0.50")])]
    assert (4110, 11800) in await hospital.booked("invoice-credited")
    refusal = await refused(hospital.credit(invoice, amount_minor=111511))
    assert said(refusal)[0][:2] == (RULE_BROKEN, "credit-exceeds-invoice")


async def test_only_what_is_issued_is_credited(hospital: Hospital) -> None:
    account, invoice = await hospital.invoice_of("100")
    draft = await hospital.draft(account, own_line("1"))
    cancelled = await hospital.cancel(draft)
    note = await hospital.credit(invoice)
    for document in (await hospital.draft(account, own_line("1")), cancelled, note):
        assert said(await refused(hospital.credit(document))) == [(CONFLICT, "invalid-state", "Invoice.status")]
    assert said(await refused(hospital.cancel(note))) == [(CONFLICT, "invalid-state", "Invoice.status")]
    assert said(await refused(hospital.cancel(invoice))) == [(CONFLICT, "invoice-settled", "Invoice.status")]
    assert said(await refused(hospital.pay(note, "1"))) == [(CONFLICT, "invalid-state", "Invoice.status")]


async def test_what_is_wrong_with_lines_is_said_of_each(hospital: Hospital) -> None:
    _, _, invoice = await taxed(hospital)
    both = await refused(hospital.credit(invoice, line_credit(3), line_credit(1), line_credit(1)))
    assert said(both) == [(RULE_BROKEN, "line-unknown", "line 3"), (RULE_BROKEN, "line-twice", "line 1")]
    amounts = await refused(hospital.credit(invoice, line_credit(1, "0"), line_credit(2, "1", "USD")))
    assert said(amounts) == [
        (RULE_BROKEN, "amount-not-positive", "line 1"),
        (RULE_BROKEN, "currency-mismatch", "line 2"),
    ]
    assert await hospital.booked("invoice-credited") == []


async def test_lines_are_named_by_their_sequence(hospital: Hospital) -> None:
    account = await hospital.account()
    lines = [own_line("10") | {"sequence": 20}, own_line("30") | {"sequence": 10}]
    invoice = await hospital.issued(account, *lines)
    note = await hospital.credit(invoice, line_credit(10))
    assert lines_of(note) == [(10, [("base", "-30.00")])]


async def test_a_note_is_frozen_but_for_its_notes(hospital: Hospital) -> None:
    _, invoice = await hospital.invoice_of("100")
    note = await hospital.credit(invoice)
    assert (await hospital.update(note | {"note": [{"text": "told the family"}]}))["note"] == [
        {"text": "told the family"}
    ]
    current = await hospital.read(note)
    sent = current | {"totalGross": money("-90")}
    assert said(await refused(hospital.update(sent))) == [(RULE_BROKEN, "invoice-immutable", "Invoice.totalGross")]


async def test_the_day_of_a_credit_is_today_or_the_day_that_is_said_but_not_before_the_issue(
    hospital: Hospital,
) -> None:
    account = await hospital.account()
    today = await hospital.today()
    invoice = await hospital.issued(account, own_line("100"), date="2026-02-01")
    await hospital.credit(invoice, line_credit(1, "10"), on=date(2026, 1, 15))
    await hospital.credit(invoice, line_credit(1, "10"))
    days = [line.effective_at for line in await hospital.journal() if line.kind == "invoice-credited"]
    assert sorted(set(days)) == [date(2026, 2, 1), today]
    future = await refused(hospital.credit(invoice, on=today + timedelta(days=1)))
    assert said(future)[0][1] == "date-in-future"


async def test_a_charge_that_was_issued_is_credited_by_a_note_of_its_line(hospital: Hospital) -> None:
    account = await hospital.account()
    charges = [await hospital.charge(account, price) for price in ("100", "50")]
    invoice = await hospital.issued(account, *(line_of(charge) for charge in charges))
    note = await hospital.credit_charge(charges[1])
    assert (note["resourceType"], lines_of(note)) == ("Invoice", [(2, [("base", "-50.00")])])
    assert settlement(await hospital.read(invoice)) == ("issued", 50.0, 100.0)
    assert said(await refused(hospital.credit_charge(charges[1])))[0][:2] == (CONFLICT, "invalid-state")


async def test_a_charge_that_was_not_issued_is_aborted(hospital: Hospital) -> None:
    account = await hospital.account()
    charge = await hospital.charge(account, "70", note=[{"text": "urgent"}])
    aborted = await hospital.credit_charge(charge, "for somebody else")
    assert (aborted["resourceType"], aborted["status"]) == ("ChargeItem", "aborted")
    assert aborted["note"] == [{"text": "urgent"}, {"text": "for somebody else"}]
    assert (await hospital.balance(account)).unbilled.minor_units == 0
    assert said(await refused(hospital.credit_charge(charge))) == [(CONFLICT, "invalid-state", "ChargeItem.status")]
    assert (await hospital.credit_charge(await hospital.charge(None, None)))["status"] == "aborted"
