"""Draft invoices: what the server fills in, and what belongs on one invoice (design section 4.4)."""

from __future__ import annotations

import asyncio

from ledger.errors import Refusal
from storage.transaction import Database
from tests.integration.billing.hospital import (
    CANONICAL,
    RULE_BROKEN,
    Hospital,
    component,
    line_of,
    money,
    own_extension,
    own_line,
    place_of_extension,
    refused,
    said,
)

CHARGE_0 = "Invoice.lineItem[0].chargeItem"


async def test_a_draft_books_nothing(hospital: Hospital) -> None:
    account = await hospital.account()
    await hospital.draft(account, own_line("100"))
    assert await hospital.journal() == []


async def test_the_account_the_base_and_the_totals_are_filled_in_from_the_charges(hospital: Hospital) -> None:
    account = await hospital.account()
    charges = [await hospital.charge(account, price) for price in ("100.50", "50")]
    draft = await hospital.draft(None, *map(line_of, charges))
    assert draft["account"] == {"reference": f"Account/{account['id']}"}
    assert [line["priceComponent"] for line in draft["lineItem"]] == [
        [{"type": "base", "amount": money("100.50")}],
        [{"type": "base", "amount": money("50.00")}],
    ]
    assert (draft["totalNet"], draft["totalGross"]) == (money("150.50"), money("150.50"))


async def test_an_account_that_is_named_by_its_identifier_is_found(hospital: Hospital) -> None:
    identifier = {"system": "https://his.example.org/accounts", "value": "A-1"}
    account = await hospital.account(identifier=[identifier])
    charge = await hospital.charge(await hospital.account(), "1")
    draft = await hospital.draft(None, own_line("1"), account={"identifier": identifier})
    assert draft["account"] == {"reference": f"Account/{account['id']}", "identifier": identifier}
    for named in (identifier, identifier | {"value": "unknown"}):
        refusal = await refused(hospital.draft(None, line_of(charge), account={"identifier": named}))
        assert said(refusal) == [(RULE_BROKEN, "charge-other-account", CHARGE_0)]


async def test_a_base_is_filled_in_before_the_components_that_are_sent(hospital: Hospital) -> None:
    account = await hospital.account()
    charge = await hospital.charge(account, "200")
    draft = await hospital.draft(account, line_of(charge, component("tax", factor="0.05", code="VAT")))
    assert draft["lineItem"][0]["priceComponent"][0] == {"type": "base", "amount": money("200.00")}
    assert draft["lineItem"][0]["priceComponent"][1]["amount"] == money("10.00")
    assert (draft["totalNet"], draft["totalGross"]) == (money("200.00"), money("210.00"))


async def test_what_the_client_says_stays_as_it_said_it(hospital: Hospital) -> None:
    draft = await hospital.draft(await hospital.account(), own_line("100"), totalNet=money("7"), totalGross=money("8"))
    assert (draft["totalNet"], draft["totalGross"]) == (money("7"), money("8"))


async def test_a_draft_may_have_gaps(hospital: Hospital) -> None:
    draft = await hospital.draft(None)
    assert "totalNet" not in draft
    account = await hospital.account()
    unpriced = await hospital.draft(account, line_of(await hospital.charge(account, None)))
    assert "priceComponent" not in unpriced["lineItem"][0]
    assert "totalGross" not in unpriced


async def test_an_amount_without_currency_is_no_base_of_a_factor(hospital: Hospital) -> None:
    line = {
        "chargeItemCodeableConcept": {"text": "visit"},
        "priceComponent": [{"type": "base", "amount": {"value": 100}}, component("tax", factor="0.05")],
    }
    draft = await hospital.draft(await hospital.account(), line)
    assert "amount" not in draft["lineItem"][0]["priceComponent"][1]
    assert "totalNet" not in draft


async def test_a_charge_that_another_live_invoice_holds_is_refused_at_once(hospital: Hospital) -> None:
    account = await hospital.account()
    charge = await hospital.charge(account, "100")
    first = await hospital.draft(account, line_of(charge))
    for _ in range(2):
        refusal = await refused(hospital.draft(account, line_of(charge)))
        assert said(refusal) == [(RULE_BROKEN, "charge-on-other-invoice", CHARGE_0)]
        first = await hospital.read(first)
        if first["status"] == "draft":
            await hospital.issue(first)


async def test_of_two_drafts_at_once_one_gets_the_charge(hospital: Hospital) -> None:
    for account in (await hospital.account(), None):
        charge = await hospital.charge(account, "100", subject={"reference": "Patient/nobody-knows"})
        done = await asyncio.gather(
            *(hospital.draft(account, line_of(charge)) for _ in range(4)), return_exceptions=True
        )
        refusals = [each for each in done if isinstance(each, Refusal)]
        assert [refusal.code for refusal in refusals] == ["charge-on-other-invoice"] * 3


async def test_a_charge_is_free_again_when_its_draft_is_given_up_or_leaves_it_out(hospital: Hospital) -> None:
    account = await hospital.account()
    charge = await hospital.charge(account, "100")
    for give_up in (
        lambda draft: hospital.cancel(draft),
        lambda draft: hospital.delete(draft),
        lambda draft: hospital.update(draft | {"status": "entered-in-error"}),
        lambda draft: hospital.update(hospital.invoice_document(account, own_line("1")) | {"id": draft["id"]}),
    ):
        await give_up(await hospital.draft(account, line_of(charge)))
    assert (await hospital.issued(account, line_of(charge)))["status"] == "issued"


async def test_a_charge_stands_on_one_line_only(hospital: Hospital) -> None:
    account = await hospital.account()
    charge = await hospital.charge(account, "100")
    refusal = await refused(hospital.draft(account, line_of(charge), own_line("1"), line_of(charge)))
    assert said(refusal) == [
        (RULE_BROKEN, "charge-twice", CHARGE_0),
        (RULE_BROKEN, "charge-twice", "Invoice.lineItem[2].chargeItem"),
    ]


async def test_lines_share_account_and_subject_with_the_invoice(hospital: Hospital) -> None:
    account, other = await hospital.account(), await hospital.account()
    elsewhere = await hospital.charge(other, "1")
    of_other = await hospital.charge(account, "1", subject={"reference": "Patient/other"})
    mine = await hospital.charge(account, "1")
    refusal = await refused(hospital.draft(account, line_of(mine), line_of(elsewhere), line_of(of_other)))
    assert said(refusal) == [
        (RULE_BROKEN, "charge-other-account", "Invoice.lineItem[1].chargeItem"),
        (RULE_BROKEN, "charge-other-subject", "Invoice.lineItem[2].chargeItem"),
    ]
    refusal = await refused(hospital.draft(account, line_of(mine), subject={"reference": "Patient/other"}))
    assert said(refusal) == [(RULE_BROKEN, "charge-other-subject", CHARGE_0)]


async def test_held_charges_in_another_currency_are_not_taken_for_the_tenants(hospital: Hospital) -> None:
    held = await hospital.charge(None, "5", currency="USD")
    refusal = await refused(hospital.draft(None, line_of(held)))
    assert said(refusal) == [(RULE_BROKEN, "currency-mismatch", CHARGE_0)]


async def test_a_charge_that_does_not_exist_is_refused(hospital: Hospital) -> None:
    missing = {"resourceType": "ChargeItem", "id": "nowhere"}
    refusal = await refused(hospital.draft(await hospital.account(), line_of(missing)))
    assert said(refusal) == [(RULE_BROKEN, "reference-not-found", "Invoice.lineItem[0].chargeItemReference.reference")]


async def test_only_the_server_says_balanced_a_legal_number_or_a_settlement(hospital: Hospital) -> None:
    account = await hospital.account()
    number = {"system": f"{CANONICAL}/NamingSystem/invoice-number/x/main", "value": "INV-2026-000001"}
    paid = own_extension("invoice-settled", valueMoney=money("5"))
    credited = own_extension("credit-of", valueReference={"reference": f"Invoice/{(await hospital.draft(None))['id']}"})
    for more, place in (
        ({"status": "balanced"}, "Invoice.status"),
        ({"identifier": [number]}, "Invoice.identifier[0]"),
        ({"extension": [paid]}, place_of_extension("Invoice", "invoice-settled")),
        ({"extension": [credited]}, place_of_extension("Invoice", "credit-of")),
    ):
        document = hospital.invoice_document(account, own_line("5")) | more
        assert said(await refused(hospital.create(document))) == [(RULE_BROKEN, "server-owned", place)]


async def test_an_invoice_may_come_void(hospital: Hospital) -> None:
    account = await hospital.account()
    charge = await hospital.charge(account, "5")
    for status in ("cancelled", "entered-in-error"):
        assert (await hospital.draft(account, line_of(charge), status=status))["status"] == status
    assert (await hospital.issued(account, line_of(charge)))["status"] == "issued"


async def test_taxes_of_one_code_are_rounded_in_total_and_the_lines_sum_to_it(hospital: Hospital) -> None:
    account = await hospital.account()
    lines = [own_line("0.30", component("tax", factor="0.05", code="VAT")) for _ in range(3)]
    draft = await hospital.draft(account, *lines)
    taxes = [line["priceComponent"][1]["amount"]["value"] for line in draft["lineItem"]]
    # 0.015 each, 0.045 together: 0.05, though each by itself would come to 0.02.
    assert [str(tax) for tax in taxes] == ["0.02", "0.02", "0.01"]
    assert draft["totalGross"] == money("0.95")


async def test_discounts_of_the_server_are_negative(hospital: Hospital) -> None:
    draft = await hospital.draft(await hospital.account(), own_line("80", component("discount", factor="0.25")))
    assert draft["lineItem"][0]["priceComponent"][1]["amount"] == money("-20.00")
    assert draft["totalNet"] == money("60.00")


async def test_components_of_the_whole_invoice_are_completed(hospital: Hospital) -> None:
    draft = await hospital.draft(
        await hospital.account(),
        own_line("100", component("surcharge", "10", code="NIGHT")),
        own_line("100"),
        totalPriceComponent=[
            component("base"),
            component("surcharge", code="NIGHT"),
            component("discount", factor="0.10", code="STAFF"),
            component("tax", factor="0.05", code="VAT"),
        ],
    )
    amounts = [str(each["amount"]["value"]) for each in draft["totalPriceComponent"]]
    assert amounts == ["200.00", "10.00", "-20.00", "9.50"]
    assert (draft["totalNet"], draft["totalGross"]) == (money("190.00"), money("199.50"))


async def test_a_total_tax_without_a_code_says_again_what_the_lines_say(hospital: Hospital) -> None:
    draft = await hospital.draft(
        await hospital.account(),
        own_line("100", component("tax", "5", code="VAT")),
        totalPriceComponent=[component("tax", "5")],
    )
    assert draft["totalGross"] == money("105.00")


async def test_a_product_past_the_limit_of_amounts_is_refused(hospital: Hospital) -> None:
    line = own_line("10000000000000", component("surcharge", factor="2"))
    refusal = await refused(hospital.draft(await hospital.account(), line))
    place = "Invoice.lineItem[0].priceComponent[1].amount"
    assert said(refusal) == [(RULE_BROKEN, "amount-too-large", place)]
    refusal = await refused(hospital.draft(await hospital.account(), *[own_line("9000000000000")] * 2))
    assert said(refusal) == [(RULE_BROKEN, "amount-too-large", "Invoice.totalNet")]


async def test_a_draft_in_a_currency_without_decimals(connected: Database) -> None:
    hospital = await Hospital.open(connected, currency="JPY")
    line = own_line("99", component("tax", factor="0.10"), currency="JPY")
    draft = await hospital.draft(await hospital.account(), line)
    assert draft["totalGross"] == money("109", "JPY")
