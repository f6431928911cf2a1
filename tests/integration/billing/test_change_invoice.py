"""Changing invoices: drafts freely, what is issued only in what says nothing about money (design section 4.4)."""

from __future__ import annotations

from decimal import Decimal

import pytest

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
    reference,
    refused,
    said,
    share,
)


async def test_a_draft_may_change_in_everything(hospital: Hospital) -> None:
    account = await hospital.account()
    first, second = await hospital.charge(account, "1"), await hospital.charge(account, "2")
    draft = await hospital.draft(account, line_of(first))
    changed = hospital.invoice_document(account, line_of(second), own_line("3")) | {"id": draft["id"]}
    assert (await hospital.update(changed))["totalGross"] == money("5.00")
    await hospital.issued(account, line_of(first))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("totalGross", money("1")),
        ("totalNet", money("1")),
        ("lineItem", [own_line("1")]),
        ("totalPriceComponent", [component("discount", "1")]),
        ("date", "2026-01-11"),
        ("subject", {"reference": "Patient/other"}),
        ("recipient", {"reference": "Organization/insurer"}),
        ("issuer", {"reference": "Organization/herat"}),
        ("paymentTerms", "at once"),
        ("cancelledReason", "none"),
        ("type", {"text": "another"}),
        ("participant", [{"actor": {"reference": "Practitioner/1"}}]),
        ("_date", {"extension": [{"url": "https://his.example.org/e", "valueString": "x"}]}),
    ],
)
async def test_what_is_issued_does_not_change(hospital: Hospital, name: str, value: object) -> None:
    _, invoice = await hospital.invoice_of("100")
    refusal = await refused(hospital.update(invoice | {name: value}))
    assert said(refusal) == [(RULE_BROKEN, "invoice-immutable", f"Invoice.{name.lstrip('_')}")]


async def test_every_changed_element_is_named_and_leaving_one_out_is_a_change(hospital: Hospital) -> None:
    _, invoice = await hospital.invoice_of("100", issuer={"reference": "Organization/kabul"})
    del invoice["issuer"]
    refusal = await refused(hospital.update(invoice | {"totalNet": money("1")}))
    assert {place for _, _, place in said(refusal)} == {"Invoice.issuer", "Invoice.totalNet"}


async def test_the_account_of_an_issued_invoice_does_not_change(hospital: Hospital) -> None:
    _, invoice = await hospital.invoice_of("100")
    refusal = await refused(hospital.update(invoice | {"account": reference(await hospital.account())}))
    assert said(refusal) == [(RULE_BROKEN, "invoice-immutable", "Invoice.account")]


async def test_shares_and_the_due_date_of_an_issued_invoice_do_not_change(hospital: Hospital) -> None:
    _, invoice = await hospital.invoice_of("100")
    kept = [each for each in invoice["extension"] if not each["url"].endswith("invoice-due-date")]
    for added in (
        [*invoice["extension"], share({"reference": "Organization/insurer"}, "5")],
        [*kept, own_extension("invoice-due-date", valueDate="2030-01-01")],
    ):
        refusal = await refused(hospital.update(invoice | {"extension": added}))
        assert said(refusal) == [(RULE_BROKEN, "invoice-immutable", "Invoice.extension")]


async def test_notes_tags_and_narrative_may_change_for_ever(hospital: Hospital) -> None:
    _, invoice = await hospital.invoice_of("100")
    notes: Document = {
        "note": [{"text": "called the family"}],
        "meta": {"tag": [{"system": "s", "code": "c"}]},
        "text": {"status": "additional", "div": '<div xmlns="http://www.w3.org/1999/xhtml">Invoice</div>'},
        "language": "fa",
    }
    changed = await hospital.update(invoice | notes)
    assert [changed[name] for name in ("note", "text", "language")] == [notes["note"], notes["text"], "fa"]
    assert changed["totalGross"] == invoice["totalGross"]
    assert len(await hospital.booked("invoice-issued")) == 2
    cancelled = await hospital.cancel(changed)
    assert (await hospital.update(cancelled | {"note": [{"text": "sorry"}]}))["note"] == [{"text": "sorry"}]


async def test_a_client_that_drops_zeros_and_what_the_server_owns_may_still_add_a_note(hospital: Hospital) -> None:
    account = await hospital.account()
    sent = hospital.invoice_document(account, own_line("100.50"), status="issued", date="2026-03-01")
    invoice = await hospital.create(sent)
    without = sent | {
        "id": invoice["id"],
        "lineItem": [own_line("100.5")],
        "totalNet": money("100.5"),
        "totalGross": money("100.5"),
        "note": [{"text": "from a JavaScript client"}],
    }
    changed = await hospital.update(without)
    assert changed["note"] == without["note"]
    assert legal_number(changed) == legal_number(invoice)
    assert {**changed, "meta": {}, "note": []} == {**invoice, "meta": {}, "note": []}
    assert str(changed["totalGross"]["value"]) == "100.50"


async def test_the_order_of_extensions_says_nothing(hospital: Hospital) -> None:
    due = own_extension("invoice-due-date", valueDate="2026-12-31")
    other = {"url": "https://his.example.org/ward", "valueString": "7"}
    account = await hospital.account()
    invoice = await hospital.issued(account, own_line("1"), extension=[due, other])
    changed = await hospital.update(invoice | {"extension": [other], "note": [{"text": "round the ward"}]})
    assert changed["extension"] == invoice["extension"]


async def test_other_zeros_in_a_draft_are_kept_on_its_lines(hospital: Hospital) -> None:
    account = await hospital.account()
    draft = await hospital.draft(account, own_line("100", component("tax", factor="0.05")))
    draft["lineItem"][0]["priceComponent"][1]["factor"] = Decimal("0.050")
    await hospital.update(draft)
    issued = await hospital.issue(draft)
    assert str(issued["lineItem"][0]["priceComponent"][1]["factor"]) == "0.050"


async def test_other_systems_may_number_an_issued_invoice_later(hospital: Hospital) -> None:
    _, invoice = await hospital.invoice_of("100")
    theirs = {"system": "https://claims.example.org", "value": "C-9"}
    changed = await hospital.update(invoice | {"identifier": [theirs]})
    assert changed["identifier"][0] == theirs
    assert legal_number(changed) == legal_number(invoice)
    ours = {"system": f"{CANONICAL}/NamingSystem/invoice-number/x/main", "value": "INV-2026-000009"}
    refusal = await refused(hospital.update(changed | {"identifier": [ours]}))
    assert said(refusal) == [(RULE_BROKEN, "server-owned", "Invoice.identifier[0]")]


async def test_the_same_again_makes_no_version(hospital: Hospital) -> None:
    account, invoice = await hospital.invoice_of("100", type={"coding": [{"code": "patient"}, {"code": "x"}]})
    assert (await hospital.change_by_update(invoice)).outcome == "unchanged"
    draft = await hospital.draft(account, own_line("1"), participant=[{"actor": {"reference": "Practitioner/1"}}])
    assert (await hospital.change_by_update(draft)).outcome == "unchanged"


async def test_a_client_cannot_pay_an_invoice_by_its_status(hospital: Hospital) -> None:
    account, invoice = await hospital.invoice_of("100")
    for current in (invoice, await hospital.draft(account, own_line("1"))):
        refusal = await refused(hospital.update(current | {"status": "balanced"}))
        assert said(refusal) == [(RULE_BROKEN, "server-owned", "Invoice.status")]


async def test_issued_is_stale_once_the_invoice_is_balanced(hospital: Hospital) -> None:
    _, invoice = await hospital.invoice_of("100")
    await hospital.pay(invoice, "100")
    refusal = await refused(hospital.update(invoice | {"note": [{"text": "late"}]}))
    assert said(refusal)[0][:2] == (CONFLICT, "stale")
    balanced = await hospital.read(invoice)
    assert (await hospital.update(balanced | {"note": [{"text": "late"}]}))["status"] == "balanced"


async def test_a_settlement_that_was_true_once_is_stale_and_one_that_never_was_is_made_up(hospital: Hospital) -> None:
    _, invoice = await hospital.invoice_of("100")
    await hospital.pay(invoice, "30")
    place = place_of_extension("Invoice", "invoice-settled")
    assert said(await refused(hospital.update(invoice))) == [(CONFLICT, "stale", place)]
    current = await hospital.read(invoice)
    made_up = [
        each | {"valueMoney": money("99")} if each["url"].endswith("settled") else each for each in current["extension"]
    ]
    refusal = await refused(hospital.update(current | {"extension": made_up}))
    assert said(refusal) == [(RULE_BROKEN, "server-owned", place)]
    assert extension_of(await hospital.read(invoice), "invoice-settled") == money("30.00")


@pytest.mark.parametrize("status", ["draft", "entered-in-error"])
async def test_an_issued_invoice_is_cancelled_or_credited_only(hospital: Hospital, status: str) -> None:
    _, invoice = await hospital.invoice_of("100")
    refusal = await refused(hospital.update(invoice | {"status": status}))
    assert said(refusal) == [(CONFLICT, "invalid-state", "Invoice.status")]


@pytest.mark.parametrize("final", ["cancelled", "entered-in-error"])
async def test_what_is_void_stays_void(hospital: Hospital, final: str) -> None:
    draft = await hospital.draft(await hospital.account(), own_line("1"))
    void = await hospital.update(draft | {"status": final, "cancelledReason": "a mistake"})
    for status in {"draft", "issued", "balanced", "cancelled", "entered-in-error"} - {final}:
        refusal = await refused(hospital.update(void | {"status": status}))
        assert said(refusal) == [(CONFLICT, "invalid-state", "Invoice.status")]
    refusal = await refused(hospital.update(void | {"totalNet": money("2")}))
    assert said(refusal) == [(RULE_BROKEN, "invoice-immutable", "Invoice.totalNet")]
