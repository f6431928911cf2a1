"""Changing payments: what is posted stays, what is not may still be posted (design section 4.5)."""

from __future__ import annotations

import pytest

from tests.integration.billing.hospital import (
    CONFLICT,
    INVALID,
    RULE_BROKEN,
    Hospital,
    detail,
    money,
    own_extension,
    place_of_extension,
    refused,
    said,
)

INSURER = {"reference": "Organization/insurer"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("paymentAmount", money("6")),
        ("paymentDate", "2026-02-02"),
        ("paymentIssuer", {"reference": "Organization/other"}),
        ("outcome", "partial"),
        ("detail", [detail("payment", "Claim/2", "1")]),
        ("paymentIdentifier", {"value": "another"}),
        ("extension", [own_extension("payment-method", valueCode="cash")]),
        ("created", "2026-02-01T11:00:00Z"),
    ],
)
async def test_a_posted_payment_does_not_change(hospital: Hospital, name: str, value: object) -> None:
    payment = await hospital.create(hospital.payment_document("5", paymentIssuer=INSURER))
    refusal = await refused(hospital.update(payment | {name: value}))
    assert said(refusal) == [(RULE_BROKEN, "payment-immutable", f"PaymentReconciliation.{name}")]


@pytest.mark.parametrize("status", ["cancelled", "draft", "entered-in-error"])
async def test_a_posted_payment_is_not_taken_back_by_a_status(hospital: Hospital, status: str) -> None:
    payment = await hospital.create(hospital.payment_document("5", paymentIssuer=INSURER))
    refusal = await refused(hospital.update(payment | {"status": status}))
    assert said(refusal) == [(CONFLICT, "posted", "PaymentReconciliation.status")]


async def test_notes_and_identifiers_of_a_posted_payment_may_change(hospital: Hospital) -> None:
    sent = hospital.payment_document("5.00", paymentIssuer=INSURER)
    payment = await hospital.create(sent)
    ours = {"system": "https://ledger.example.org", "value": "J-1"}
    notes = {"processNote": [{"text": "checked"}], "identifier": [ours], "disposition": "fine"}
    changed = await hospital.update(payment | notes | {"paymentAmount": money("5")})
    assert [changed[name] for name in notes] == list(notes.values())
    assert str(changed["paymentAmount"]["value"]) == "5.00"
    # The key that it came with is still its own: the same money does not come again.
    assert (await refused(hospital.create(sent))).code == "business-key-conflict"
    other = hospital.payment_document("7", paymentIssuer=INSURER, identifier=[ours])
    assert (await refused(hospital.create(other))).code == "business-key-conflict"


async def test_an_identifier_of_other_money_is_refused_on_an_update(hospital: Hospital) -> None:
    first, second = [await hospital.create(hospital.payment_document("5", paymentIssuer=INSURER)) for _ in range(2)]
    refusal = await refused(hospital.update(second | {"identifier": first["identifier"]}))
    assert (refusal.category, refusal.code) == (CONFLICT, "business-key-conflict")


async def test_a_draft_is_posted_when_it_says_that_the_money_is_there(hospital: Hospital) -> None:
    _, invoice = await hospital.invoice_of("100")
    draft = await hospital.create(hospital.payment_document("100", detail("payment", invoice, "100"), status="draft"))
    await hospital.update(draft | {"status": "active"})
    assert (await hospital.read(invoice))["status"] == "balanced"


async def test_posting_by_an_update_must_be_identified_too(hospital: Hospital) -> None:
    document = hospital.payment_document("5", paymentIssuer=INSURER, identifier=None, status="draft")
    draft = await hospital.create(document)
    refusal = await refused(hospital.update(draft | {"status": "active"}))
    assert said(refusal) == [(INVALID, "payment-not-identified", "PaymentReconciliation.identifier")]
    await hospital.update(draft | {"status": "active"}, one_time=True)


async def test_the_rules_of_posting_hold_on_an_update(hospital: Hospital) -> None:
    _, invoice = await hospital.invoice_of("100")
    draft = await hospital.create(hospital.payment_document("200", detail("payment", invoice, "101"), outcome="queued"))
    refusal = await refused(hospital.update(draft | {"outcome": "complete"}))
    assert said(refusal) == [(RULE_BROKEN, "over-allocated", "PaymentReconciliation.detail[0].amount")]


async def test_entered_in_error_is_final(hospital: Hospital) -> None:
    document = hospital.payment_document("5", paymentIssuer=INSURER, status="entered-in-error")
    payment = await hospital.create(document)
    for status in ("active", "draft", "cancelled"):
        refusal = await refused(hospital.update(payment | {"status": status}))
        assert said(refusal) == [(CONFLICT, "invalid-state", "PaymentReconciliation.status")]


async def test_a_client_cannot_say_what_was_refunded(hospital: Hospital) -> None:
    refunded = own_extension("payment-refunded", valueMoney=money("1"))
    document = hospital.payment_document("5", paymentIssuer=INSURER)
    place = place_of_extension("PaymentReconciliation", "payment-refunded")
    payment = await hospital.create(document)
    for attempt in (
        hospital.create(document | {"extension": [refunded]}),
        hospital.update(payment | {"extension": [refunded]}),
    ):
        assert said(await refused(attempt)) == [(RULE_BROKEN, "server-owned", place)]


async def test_the_same_again_makes_no_version(hospital: Hospital) -> None:
    payment = await hospital.create(hospital.payment_document("5", paymentIssuer=INSURER))
    assert (await hospital.change_by_update(payment)).outcome == "unchanged"
