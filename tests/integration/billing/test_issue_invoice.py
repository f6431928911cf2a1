"""Issuing: every difference named, the entry, the legal number, the shares (design section 4.4)."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta

import pytest

from storage.transaction import Database
from tests.integration.billing.hospital import (
    CANONICAL,
    CONFLICT,
    RULE_BROKEN,
    Document,
    Hospital,
    component,
    extension_of,
    legal_number,
    line_of,
    money,
    own_extension,
    own_line,
    place_of_extension,
    refused,
    said,
    share,
)

ISSUED = "invoice-issued"
INSURER = {"reference": "Organization/insurer"}


async def test_issuing_moves_the_net_from_unbilled_to_billed_and_books_tax_by_code(hospital: Hospital) -> None:
    account = await hospital.account()
    charge = await hospital.charge(account, "100")
    taxes = component("tax", "5", code="VAT"), component("tax", "2", code="LEVY")
    invoice = await hospital.issued(account, line_of(charge, component("base", "100"), *taxes))
    assert invoice["status"] == "issued"
    assert extension_of(invoice, "invoice-settled") == money("0.00")
    assert extension_of(invoice, "invoice-due") == money("107.00")
    assert await hospital.booked(ISSUED) == [(1100, 10700), (1150, -10000), (2200, -500), (2200, -200)]
    details = {line.detail for line in await hospital.journal() if line.account == 2200}
    assert details == {"VAT", "LEVY"}
    assert (await hospital.read(charge))["status"] == "billed"
    assert (await hospital.balance(account)).unbilled.minor_units == 0
    assert "billing.invoice.issued.v1" in await hospital.events()


async def test_a_stored_draft_is_issued_by_the_operation_and_by_its_status(hospital: Hospital) -> None:
    account = await hospital.account()
    by_operation = await hospital.issue(await hospital.draft(account, own_line("1")))
    draft = await hospital.draft(account, own_line("1"))
    by_status = await hospital.update(draft | {"status": "issued"})
    assert [legal_number(each)[1][-6:] for each in (by_operation, by_status)] == ["000001", "000002"]
    assert by_status["meta"]["versionId"] == "2"


async def test_lines_without_a_charge_are_captured_at_issue(hospital: Hospital) -> None:
    account = await hospital.account()
    await hospital.issued(account, own_line("100"))
    assert await hospital.booked(ISSUED) == [(4000, -10000), (1100, 10000)]


async def test_surcharges_and_discounts_added_at_issue_are_booked(hospital: Hospital) -> None:
    account = await hospital.account()
    charge = await hospital.charge(account, "100")
    line = line_of(
        charge,
        component("base", "100"),
        component("surcharge", "10"),
        component("discount", "15"),
        component("deduction", "-5"),
        component("informational", "999"),
    )
    invoice = await hospital.issued(account, line)
    assert invoice["totalNet"] == money("90.00")
    assert sorted(await hospital.booked(ISSUED)) == [(1100, 9000), (1150, -10000), (4000, -1000), (4110, 2000)]
    assert (await hospital.balance(account)).unbilled.minor_units == 0


async def test_discounts_of_the_whole_invoice_are_booked(hospital: Hospital) -> None:
    account = await hospital.account()
    charge = await hospital.charge(account, "100")
    await hospital.issued(account, line_of(charge), totalPriceComponent=[component("discount", factor="0.1")])
    assert sorted(await hospital.booked(ISSUED)) == [(1100, 9000), (1150, -10000), (4110, 1000)]


async def test_an_invoice_of_nothing_is_balanced_at_once_and_the_rest_posts(hospital: Hospital) -> None:
    account = await hospital.account()
    charge = await hospital.charge(account, "100")
    free = line_of(charge, component("base", "100"), component("discount", "100"))
    invoice = await hospital.issued(account, free)
    assert invoice["status"] == "balanced"
    assert await hospital.booked(ISSUED) == [(4110, 10000), (1150, -10000)]
    assert {"billing.invoice.issued.v1", "billing.invoice.balanced.v1"} <= set(await hospital.events())
    of_nothing = await hospital.issued(account, line_of(await hospital.charge(account, "0")))
    assert (of_nothing["status"], legal_number(of_nothing)[1][-6:]) == ("balanced", "000002")
    assert len(await hospital.booked(ISSUED)) == 2


async def test_every_difference_is_named_with_its_place(hospital: Hospital) -> None:
    account = await hospital.account()
    draft = await hospital.draft(
        account,
        own_line("100", component("tax", "5", code="VAT")),
        totalNet=money("99"),
        totalGross=money("106"),
        totalPriceComponent=[component("base", "90"), component("tax", "6", code="VAT")],
    )
    refusal = await refused(hospital.issue(draft))
    assert said(refusal) == [
        (RULE_BROKEN, "total-mismatch", "Invoice.totalNet"),
        (RULE_BROKEN, "total-mismatch", "Invoice.totalGross"),
        (RULE_BROKEN, "total-mismatch", "Invoice.totalPriceComponent[0].amount"),
        (RULE_BROKEN, "total-mismatch", "Invoice.totalPriceComponent[1].amount"),
    ]
    assert refusal.problems[0].message == "It says 99.00 AFN, but the components come to 100.00 AFN."
    assert await hospital.journal() == []


async def test_every_broken_line_is_named_with_its_place(hospital: Hospital) -> None:
    account = await hospital.account()
    unpriced, planned = await hospital.charge(account, None), await hospital.charge(account, "1", status="planned")
    posted = await hospital.charge(account, "100")
    lines = [
        line_of(unpriced),
        line_of(planned),
        line_of(posted, component("base", "90")),
        {"chargeItemCodeableConcept": {"text": "no base"}, "priceComponent": [component("tax", "1")]},
        own_line("5", component("surcharge")),
        own_line("5", component("surcharge", "1", currency="USD")),
        own_line("5", component("tax", "-1")),
    ]
    refusal = await refused(hospital.issued(account, *lines))
    assert said(refusal) == [
        (RULE_BROKEN, "charge-unpriced", "Invoice.lineItem[0].chargeItem"),
        (RULE_BROKEN, "charge-not-billable", "Invoice.lineItem[1].chargeItem"),
        (RULE_BROKEN, "line-charge-mismatch", "Invoice.lineItem[2].priceComponent"),
        (RULE_BROKEN, "base-required", "Invoice.lineItem[3].priceComponent"),
        (RULE_BROKEN, "amount-required", "Invoice.lineItem[4].priceComponent[1].amount"),
        (RULE_BROKEN, "currency-mismatch", "Invoice.lineItem[5].priceComponent[1].amount"),
        (RULE_BROKEN, "negative-amount", "Invoice.lineItem[6].priceComponent[1].amount"),
    ]


async def test_an_invoice_needs_lines_and_an_account_and_comes_to_something(hospital: Hospital) -> None:
    account = await hospital.account()
    assert said(await refused(hospital.issued(account))) == [(RULE_BROKEN, "no-lines", "Invoice.lineItem")]
    without_account = hospital.invoice_document(None, own_line("1"), status="issued")
    assert said(await refused(hospital.create(without_account))) == [
        (RULE_BROKEN, "account-required", "Invoice.account")
    ]
    below = own_line("5", component("discount", "6"))
    refusal = await refused(hospital.issued(account, below))
    assert ("negative-total", "Invoice.lineItem[0]") in [(code, place) for _, code, place in said(refusal)]


async def test_a_charge_that_was_priced_anew_no_longer_fits_its_draft(hospital: Hospital) -> None:
    account = await hospital.account()
    charge = await hospital.charge(account, "100")
    draft = await hospital.draft(account, line_of(charge))
    await hospital.update(charge | {"priceOverride": money("80")})
    refusal = await refused(hospital.issue(draft))
    assert said(refusal) == [(RULE_BROKEN, "line-charge-mismatch", "Invoice.lineItem[0].priceComponent")]
    again = hospital.invoice_document(account, line_of(charge)) | {"id": draft["id"], "status": "issued"}
    assert (await hospital.update(again))["totalGross"] == money("80.00")


async def test_only_a_draft_can_be_issued(hospital: Hospital) -> None:
    _, invoice = await hospital.invoice_of("100")
    assert said(await refused(hospital.issue(invoice))) == [(CONFLICT, "invalid-state", "Invoice.status")]
    missing: Document = {"id": "nowhere"}
    assert (await refused(hospital.issue(missing))).code == "not-found"


async def test_the_date_of_issue_is_today_unless_another_is_named(hospital: Hospital) -> None:
    account = await hospital.account()
    today = await hospital.today()
    undated = await hospital.issue(await hospital.draft(account, own_line("1")))
    assert undated["date"] == today.isoformat()
    assert extension_of(undated, "invoice-due-date") == (today + timedelta(days=30)).isoformat()
    dated = await hospital.issue(await hospital.draft(account, own_line("1"), date="2020-01-01"), date(2026, 3, 1))
    assert dated["date"] == "2026-03-01"
    sent = await hospital.issued(account, own_line("1"), date="2026-03-02T22:00:00Z")
    assert sent["date"] == "2026-03-02T22:00:00Z"
    assert extension_of(sent, "invoice-due-date") == "2026-04-02"
    assert {line.effective_at for line in await hospital.journal()} == {today, date(2026, 3, 1), date(2026, 3, 3)}


async def test_a_date_that_is_ahead_before_its_charges_or_partial_is_refused(hospital: Hospital) -> None:
    account = await hospital.account()
    charge = await hospital.charge(account, "1", occurrenceDateTime="2026-05-05")
    tomorrow = await hospital.today() + timedelta(days=1)
    for sent, code in (
        (tomorrow.isoformat(), "date-in-future"),
        ("2026-05-04", "issued-before-charge"),
        ("2026-05", "date-partial"),
    ):
        refusal = await refused(hospital.issued(account, line_of(charge), date=sent))
        assert said(refusal) == [(RULE_BROKEN, code, "Invoice.date")]
    refusal = await refused(hospital.issue(await hospital.draft(account, line_of(charge)), tomorrow))
    assert said(refusal) == [(RULE_BROKEN, "date-in-future", "Invoice.date")]


async def test_the_due_date_is_the_one_sent_else_by_the_tenants_terms(connected: Database) -> None:
    hospital = await Hospital.open(connected, payment_terms_days="7")
    account = await hospital.account()
    by_terms = await hospital.issued(account, own_line("1"), date="2026-03-01")
    assert extension_of(by_terms, "invoice-due-date") == "2026-03-08"
    due = own_extension("invoice-due-date", valueDate="2026-12-31")
    assert (
        extension_of(await hospital.issued(account, own_line("1"), extension=[due]), "invoice-due-date") == "2026-12-31"
    )
    partial = own_extension("invoice-due-date", valueDate="2026-12")
    refusal = await refused(hospital.issued(account, own_line("1"), extension=[partial]))
    assert said(refusal) == [(RULE_BROKEN, "date-partial", place_of_extension("Invoice", "invoice-due-date"))]


async def test_legal_numbers_are_of_tenant_facility_and_year_and_have_no_gap(hospital: Hospital) -> None:
    account = await hospital.account()
    herat = {"reference": "Organization/herat"}
    year = (await hospital.today()).year
    numbers = [
        legal_number(await hospital.issued(account, own_line("1"), **more))
        for more in ({}, {"issuer": herat}, {}, {"date": "2020-02-02"}, {"issuer": {"display": "the hospital"}})
    ]
    tenant = hospital.tenant_id
    assert numbers == [
        (f"{tenant}/main", f"INV-{year}-000001"),
        (f"{tenant}/herat", f"INV-{year}-000001"),
        (f"{tenant}/main", f"INV-{year}-000002"),
        (f"{tenant}/main", "INV-2020-000001"),
        (f"{tenant}/main", f"INV-{year}-000003"),
    ]


async def test_a_refused_issue_takes_no_number_and_concurrent_ones_take_one_each(hospital: Hospital) -> None:
    account = await hospital.account()
    await refused(hospital.issued(account, own_line("1"), totalNet=money("2")))
    drafts = [await hospital.draft(account, own_line("1")) for _ in range(6)]
    issued = await asyncio.gather(*(hospital.issue(draft) for draft in drafts))
    assert sorted(legal_number(each)[1][-6:] for each in issued) == [f"{number:06d}" for number in range(1, 7)]


async def test_the_number_of_an_outside_system_is_kept_beside_ours(hospital: Hospital) -> None:
    theirs = {"system": "https://his.example.org/invoices", "value": "77"}
    invoice = await hospital.issued(await hospital.account(), own_line("1"), identifier=[theirs])
    assert invoice["identifier"][0] == theirs
    assert legal_number(invoice)[1].endswith("000001")


async def test_payers_owe_their_shares_and_the_patient_the_rest(hospital: Hospital) -> None:
    account = await hospital.account()
    by_identifier = {"type": "Organization", "identifier": {"system": "https://payers.example.org", "value": "7"}}
    shares = [share(INSURER, "60"), share(by_identifier, "30"), share(INSURER, "5")]
    await hospital.issued(account, own_line("100"), extension=shares)
    owed = {(line.account, line.payer): line.amount for line in await hospital.journal() if line.amount > 0}
    assert owed == {
        (1100, None): 500,
        (1110, "Organization/insurer"): 6500,
        (1110, "https://payers.example.org|7"): 3000,
    }
    balance = await hospital.balance(account)
    assert (balance.billed_patient.minor_units, balance.billed_payer.minor_units) == (500, 9500)


@pytest.mark.parametrize(
    ("recipient", "payer"),
    [
        ({"reference": "Organization/insurer"}, "Organization/insurer"),
        (
            {"reference": "https://other.example.org/fhir/Organization/9"},
            "https://other.example.org/fhir/Organization/9",
        ),
        ({"type": "Organization", "identifier": {"system": "s", "value": "9"}}, "s|9"),
        ({"reference": "Patient/1"}, None),
        ({"type": "Patient", "identifier": {"system": "s", "value": "9"}}, None),
        ({"display": "the family"}, None),
    ],
)
async def test_without_shares_all_is_owed_by_the_recipient(
    hospital: Hospital, recipient: Document, payer: str | None
) -> None:
    await hospital.issued(await hospital.account(), own_line("100"), recipient=recipient)
    (owed,) = [line for line in await hospital.journal() if line.amount > 0]
    assert (owed.account, owed.payer) == (1100 if payer is None else 1110, payer)


async def test_shares_that_make_no_sense_are_refused(hospital: Hospital) -> None:
    account = await hospital.account()
    place = place_of_extension("Invoice", "payer-share")
    for shares, expected in (
        ([share(INSURER, "60"), share(INSURER, "50")], [("shares-exceed-total", place)]),
        ([share(INSURER, "-1")], [("share-amount", f"{place}[0]")]),
        ([share(INSURER, "1", "USD")], [("share-amount", f"{place}[0]")]),
        ([share(INSURER, "1"), share({"display": "somebody"}, "1")], [("share-payer", f"{place}[1]")]),
        ([share({"reference": "Patient/1"}, "1")], [("share-payer", f"{place}[0]")]),
    ):
        refusal = await refused(hospital.issued(account, own_line("100"), extension=shares))
        assert [(code, where) for _, code, where in said(refusal)] == expected


async def test_nothing_is_billed_on_an_account_that_is_entered_in_error(hospital: Hospital) -> None:
    account = await hospital.account()
    charge, other = await hospital.charge(account, "0"), await hospital.charge(account, "0")
    draft = await hospital.draft(account, line_of(other, component("base", "0"), component("surcharge", "5")))
    await hospital.update(account | {"status": "entered-in-error"})
    # A surcharge that is added at issue would post to it; so would the issue of a draft that was made before.
    for line in (line_of(charge), line_of(charge, component("base", "0"), component("surcharge", "5"))):
        refusal = await refused(hospital.issued(account, line))
        assert said(refusal) == [(RULE_BROKEN, "account-not-active", "Invoice.account")]
    refusal = await refused(hospital.issue(draft))
    assert said(refusal) == [(RULE_BROKEN, "account-not-active", "Invoice.account")]
    assert await hospital.journal() == []


async def test_an_account_that_is_closed_takes_its_posted_charges_to_an_invoice_but_no_new_ones(
    hospital: Hospital,
) -> None:
    account = await hospital.account()
    charge = await hospital.charge(account, "100")
    await hospital.update(account | {"status": "inactive"})
    refusal = await refused(hospital.issued(account, line_of(charge), own_line("1")))
    assert said(refusal) == [(RULE_BROKEN, "account-not-active", "Invoice.account")]
    assert (await hospital.issued(account, line_of(charge)))["status"] == "issued"


async def test_a_credit_note_is_not_issued_by_hand(hospital: Hospital) -> None:
    kind = {"coding": [{"system": f"{CANONICAL}/CodeSystem/invoice-type", "code": "credit-note"}]}
    refusal = await refused(hospital.issued(await hospital.account(), own_line("1"), type=kind))
    assert said(refusal) == [(RULE_BROKEN, "credit-note-by-credit", "Invoice.type")]


async def test_lines_keep_their_order_with_and_without_charges(hospital: Hospital) -> None:
    account = await hospital.account()
    charge = await hospital.charge(account, "2")
    invoice = await hospital.issued(account, own_line("1"), line_of(charge), own_line("3"))
    bases = [str(line["priceComponent"][0]["amount"]["value"]) for line in invoice["lineItem"]]
    assert bases == ["1", "2.00", "3"]
    assert invoice["totalGross"] == money("6.00")


async def test_sums_past_the_limit_of_amounts_are_refused(hospital: Hospital) -> None:
    account = await hospital.account()
    lines = [own_line("9000000000000", component("discount", "8000000000000")) for _ in range(2)]
    refusal = await refused(hospital.issued(account, *lines))
    assert said(refusal) == [(RULE_BROKEN, "amount-too-large", "Invoice.totalGross")]
