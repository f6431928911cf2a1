"""PaymentReconciliations that come in: what posts, whose the money is, and what it is put to (design section 4.5)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from storage.transaction import Database
from tests.integration.billing.hospital import (
    CANONICAL,
    INVALID,
    RULE_BROKEN,
    Document,
    Hospital,
    detail,
    extension_of,
    money,
    own_extension,
    own_line,
    place_of_extension,
    reference,
    refused,
    said,
    share,
)

INSURER = {"reference": "Organization/insurer"}
RECEIVED, ALLOCATED = "payment-received", "payment-allocated"


def on_account(account: Document) -> list[Document]:
    return [own_extension("payment-account", valueReference=reference(account))]


async def test_a_payment_of_an_invoice_is_received_first_and_then_allocated(hospital: Hospital) -> None:
    account, invoice = await hospital.invoice_of("100")
    await hospital.create(hospital.payment_document("100", detail("payment", invoice, "100")))
    assert await hospital.booked(RECEIVED) == [(1020, 10000), (2100, -10000)]
    assert await hospital.booked(ALLOCATED) == [(2100, 10000), (1100, -10000)]
    paid = await hospital.read(invoice)
    assert (paid["status"], extension_of(paid, "invoice-due")) == ("balanced", money("0.00"))
    balance = await hospital.balance(account)
    assert (balance.unapplied.minor_units, balance.total.minor_units) == (0, 0)
    assert {"billing.payment.posted.v1", "billing.invoice.balanced.v1"} <= set(await hospital.events())


async def test_partly_paid_is_issued_with_what_is_settled_and_due(hospital: Hospital) -> None:
    _, invoice = await hospital.invoice_of("100")
    await hospital.create(hospital.payment_document("30", detail("payment", invoice, "30")))
    partly = await hospital.read(invoice)
    assert partly["status"] == "issued"
    assert extension_of(partly, "invoice-settled") == money("30.00")
    assert extension_of(partly, "invoice-due") == money("70.00")


async def test_several_details_of_one_invoice_add_up(hospital: Hospital) -> None:
    _, invoice = await hospital.invoice_of("100")
    details = detail("payment", invoice, "60"), detail("payment", invoice, "40")
    await hospital.create(hospital.payment_document("100", *details))
    assert (await hospital.read(invoice))["status"] == "balanced"
    _, other = await hospital.invoice_of("50")
    details = detail("payment", other, "30"), detail("payment", other, "30")
    refusal = await refused(hospital.create(hospital.payment_document("60", *details)))
    assert said(refusal) == [(RULE_BROKEN, "over-allocated", "PaymentReconciliation.detail[1].amount")]


@pytest.mark.parametrize(
    ("method", "asset"),
    [
        ("cash", 1010),
        ("bank-transfer", 1020),
        ("card", 1030),
        ("mobile-money", 1030),
        ("cheque", 1030),
        ("other", 1030),
    ],
)
async def test_the_method_says_where_the_money_lies(hospital: Hospital, method: str, asset: int) -> None:
    extensions = [own_extension("payment-method", valueCode=method), *on_account(await hospital.account())]
    await hospital.create(hospital.payment_document("5", extension=extensions))
    assert (await hospital.booked(RECEIVED))[0] == (asset, 500)


async def test_an_unknown_method_is_refused(hospital: Hospital) -> None:
    extensions = [own_extension("payment-method", valueCode="gold"), *on_account(await hospital.account())]
    refusal = await refused(hospital.create(hospital.payment_document("5", extension=extensions)))
    place = place_of_extension("PaymentReconciliation", "payment-method")
    assert said(refusal) == [(RULE_BROKEN, "unknown-method", place)]


@pytest.mark.parametrize(
    "more",
    [
        {"status": "draft"},
        {"status": "cancelled"},
        {"status": "entered-in-error"},
        {"outcome": "queued"},
        {"outcome": "error"},
    ],
)
async def test_other_statuses_and_outcomes_are_kept_and_post_nothing(hospital: Hospital, more: Document) -> None:
    _, invoice = await hospital.invoice_of("100")
    before = await hospital.journal()
    payment = hospital.payment_document("999", detail("payment", invoice, "999"), identifier=None, **more)
    await hospital.create(payment)
    assert await hospital.journal() == before
    assert (await hospital.read(invoice))["status"] == "issued"


@pytest.mark.parametrize("outcome", ["complete", "partial", None])
async def test_complete_partial_and_no_outcome_post(hospital: Hospital, outcome: str | None) -> None:
    document = hospital.payment_document("5", paymentIssuer=INSURER, outcome=outcome)
    await hospital.create(document)
    assert await hospital.booked(RECEIVED) == [(1020, 500), (2110, -500)]


# Every remainder has one owner.


async def test_what_a_payer_leaves_over_is_the_payers(hospital: Hospital) -> None:
    account, invoice = await hospital.invoice_of("100")
    payment = hospital.payment_document(
        "150", detail("payment", invoice, "40"), paymentIssuer=INSURER, extension=on_account(account)
    )
    await hospital.create(payment)
    (unapplied,) = [line for line in await hospital.journal() if line.account == 2110 and line.amount < 0]
    assert (unapplied.amount, unapplied.payer, unapplied.patient_account) == (-15000, "Organization/insurer", None)


async def test_what_a_patient_leaves_over_is_the_accounts_that_the_extension_names(hospital: Hospital) -> None:
    _, invoice = await hospital.invoice_of("100")
    other = await hospital.account()
    payment = hospital.payment_document("150", detail("payment", invoice, "100"), extension=on_account(other))
    await hospital.create(payment)
    assert (await hospital.balance(other)).unapplied.minor_units == 5000


async def test_what_a_patient_leaves_over_is_the_accounts_that_the_details_name(hospital: Hospital) -> None:
    account, invoice = await hospital.invoice_of("100")
    await hospital.create(hospital.payment_document("150", detail("payment", invoice, "100")))
    assert (await hospital.balance(account)).unapplied.minor_units == 5000


async def test_a_remainder_that_nobody_owns_is_refused(hospital: Hospital) -> None:
    _, first = await hospital.invoice_of("100")
    _, second = await hospital.invoice_of("100")
    for payment in (
        hospital.payment_document("5"),
        hospital.payment_document("250", detail("payment", first, "100"), detail("payment", second, "100")),
        hospital.payment_document("5", detail("payment", "Claim/1", "5")),
        hospital.payment_document("5", paymentIssuer={"display": "an insurer"}),
    ):
        refusal = await refused(hospital.create(payment))
        assert said(refusal) == [(RULE_BROKEN, "unapplied-owner", "PaymentReconciliation.detail")]


async def test_an_advance_is_the_accounts_whoever_pays(hospital: Hospital) -> None:
    account = await hospital.account()
    await hospital.create(hospital.payment_document("80", detail("advance", account, "80"), paymentIssuer=INSURER))
    assert await hospital.booked(RECEIVED) == [(1020, 8000), (2100, -8000)]
    assert (await hospital.balance(account)).unapplied.minor_units == 8000


async def test_an_advance_to_an_invoice_lies_on_its_account(hospital: Hospital) -> None:
    account, invoice = await hospital.invoice_of("100")
    await hospital.create(hospital.payment_document("80", detail("advance", invoice, "80")))
    assert (await hospital.balance(account)).unapplied.minor_units == 8000
    assert (await hospital.read(invoice)) == invoice


async def test_details_about_things_elsewhere_stay_unapplied(hospital: Hospital) -> None:
    details = [detail(kind, "Claim/1", amount) for kind, amount in (("payment", "5"), ("adjustment", "-1"))]
    await hospital.create(hospital.payment_document("5", *details, paymentIssuer=INSURER))
    assert await hospital.booked(RECEIVED) == [(1020, 500), (2110, -500)]
    assert await hospital.booked(ALLOCATED) == []


async def test_the_kind_of_a_detail_is_the_coding_that_is_known(hospital: Hospital) -> None:
    _, invoice = await hospital.invoice_of("100")
    known = detail("payment", invoice, "10")
    known["type"]["coding"].insert(0, {"system": "https://bank.example.org", "code": "P"})
    unknown = detail("payment", invoice, "10", system="https://bank.example.org")
    await hospital.create(hospital.payment_document("20", known, unknown, paymentIssuer=INSURER))
    assert extension_of(await hospital.read(invoice), "invoice-settled") == money("10.00")


# Shares.


async def test_a_payer_pays_its_own_share_and_then_the_patients(hospital: Hospital) -> None:
    shares = [share(INSURER, "60"), share({"reference": "Organization/other"}, "20")]
    account, invoice = await hospital.invoice_of("100", extension=shares)
    await hospital.create(hospital.payment_document("75", detail("payment", invoice, "75"), paymentIssuer=INSURER))
    assert await hospital.booked(ALLOCATED) == [(2110, 7500), (1110, -6000), (1100, -1500)]
    balance = await hospital.balance(account)
    assert (balance.billed_patient.minor_units, balance.billed_payer.minor_units) == (500, 2000)
    over = hospital.payment_document("6", detail("payment", invoice, "6"), paymentIssuer=INSURER)
    refusal = await refused(hospital.create(over))
    assert said(refusal) == [(RULE_BROKEN, "over-allocated", "PaymentReconciliation.detail[0].amount")]


async def test_patient_money_pays_the_patients_share_only(hospital: Hospital) -> None:
    _, invoice = await hospital.invoice_of("100", extension=[share(INSURER, "60")])
    refusal = await refused(hospital.create(hospital.payment_document("41", detail("payment", invoice, "41"))))
    assert said(refusal) == [(RULE_BROKEN, "over-allocated", "PaymentReconciliation.detail[0].amount")]
    await hospital.create(hospital.payment_document("40", detail("payment", invoice, "40")))
    assert extension_of(await hospital.read(invoice), "invoice-due") == money("60.00")


@pytest.mark.parametrize(
    ("on_invoice", "on_payment"),
    [
        (INSURER, INSURER),
        (INSURER, {"reference": "https://billing.example.org/fhir/Organization/insurer"}),
        (
            {"reference": "Organization/insurer", "identifier": {"system": "s", "value": "7"}},
            {"identifier": {"system": "s", "value": "7"}},
        ),
        (
            {"type": "Organization", "identifier": {"system": "s", "value": "7"}},
            {"reference": "https://payers.example.org/Organization/1", "identifier": {"system": "s", "value": "7"}},
        ),
    ],
)
async def test_payers_match_by_reference_else_by_identifier(
    hospital: Hospital, on_invoice: Document, on_payment: Document
) -> None:
    _, invoice = await hospital.invoice_of("100", extension=[share(on_invoice, "100")])
    payment = hospital.payment_document("100", detail("payment", invoice, "100"), paymentIssuer=on_payment)
    await hospital.create(payment)
    assert (await hospital.read(invoice))["status"] == "balanced"


async def test_the_recipient_pays_as_the_payer_it_is(hospital: Hospital) -> None:
    recipient = {"type": "Organization", "identifier": {"system": "s", "value": "7"}}
    _, invoice = await hospital.invoice_of("100", recipient=recipient)
    payment = hospital.payment_document("100", detail("payment", invoice, "100"), paymentIssuer=recipient)
    await hospital.create(payment)
    assert (await hospital.read(invoice))["status"] == "balanced"


# What is refused, with nothing written.


async def test_more_than_is_due_or_than_was_received_is_refused(hospital: Hospital) -> None:
    _, invoice = await hospital.invoice_of("100")
    before = await hospital.journal()
    for payment, place in (
        (hospital.payment_document("500", detail("payment", invoice, "101")), "detail[0].amount"),
        (hospital.payment_document("50", detail("payment", invoice, "60")), "paymentAmount"),
    ):
        refusal = await refused(hospital.create(payment))
        assert said(refusal) == [(RULE_BROKEN, "over-allocated", f"PaymentReconciliation.{place}")]
    assert await hospital.journal() == before


async def test_all_that_is_wrong_with_the_details_is_named(hospital: Hospital) -> None:
    account, invoice = await hospital.invoice_of("100")
    dollars = await hospital.account("USD")
    in_dollars = await hospital.issued(dollars, own_line("5", currency="USD"))
    error = await hospital.account(status="entered-in-error")
    draft = await hospital.draft(account, own_line("1"))
    payment = hospital.payment_document(
        "999",
        detail("payment", draft, "1"),
        detail("payment", in_dollars, "1"),
        detail("payment", invoice, "1", "USD"),
        detail("payment", invoice, "0"),
        detail("advance", dollars, "1"),
        detail("advance", error, "1"),
        detail("adjustment", invoice, "-1"),
        detail("contractual", invoice, "1", system=f"{CANONICAL}/CodeSystem/remittance-detail"),
        detail("patient-responsibility", invoice, "1", system=f"{CANONICAL}/CodeSystem/remittance-detail"),
    )
    assert [(code, place.removeprefix("PaymentReconciliation.")) for _, code, place in
            said(await refused(hospital.create(payment)))] == [
        ("invoice-not-issued", "detail[0].request"),
        ("currency-mismatch", "detail[1].request"),
        ("currency-mismatch", "detail[2].amount"),
        ("amount-not-positive", "detail[3].amount"),
        ("currency-mismatch", "detail[4].request"),
        ("account-in-error", "detail[5].request"),
        ("payer-required", "detail[6].type"),
        ("payer-required", "detail[7].type"),
        ("payer-required", "detail[8].type"),
    ]  # fmt: skip


async def test_unknown_invoices_and_accounts_are_refused(hospital: Hospital, connected: Database) -> None:
    _, of_another_tenant = await (await Hospital.open(connected)).invoice_of("100")
    for target in ("Invoice/nowhere", "Account/nowhere", of_another_tenant):
        refusal = await refused(hospital.create(hospital.payment_document("5", detail("payment", target, "5"))))
        assert said(refusal) == [
            (RULE_BROKEN, "reference-not-found", "PaymentReconciliation.detail[0].request.reference")
        ]


async def test_the_account_of_the_extension_is_in_the_payments_currency_and_no_error(hospital: Hospital) -> None:
    place = place_of_extension("PaymentReconciliation", "payment-account")
    for account, code in (
        (await hospital.account("USD"), "currency-mismatch"),
        (await hospital.account(status="entered-in-error"), "account-in-error"),
    ):
        refusal = await refused(hospital.create(hospital.payment_document("5", extension=on_account(account))))
        assert said(refusal) == [(RULE_BROKEN, code, place)]


async def test_a_closed_account_may_be_paid(hospital: Hospital) -> None:
    account, invoice = await hospital.invoice_of("100")
    await hospital.update(account | {"status": "inactive"})
    await hospital.create(hospital.payment_document("100", detail("payment", invoice, "100")))
    assert (await hospital.read(invoice))["status"] == "balanced"


async def test_a_cancelled_invoice_takes_no_money(hospital: Hospital) -> None:
    _, invoice = await hospital.invoice_of("100")
    await hospital.cancel(invoice)
    refusal = await refused(hospital.create(hospital.payment_document("5", detail("payment", invoice, "5"))))
    assert refusal.code == "invoice-not-issued"


@pytest.mark.parametrize(
    ("more", "code", "place"),
    [
        ({"paymentAmount": {"value": 5}}, "amount-required", "paymentAmount"),
        ({"paymentAmount": {"currency": "AFN"}}, "amount-required", "paymentAmount"),
        ({"paymentAmount": money("0")}, "amount-not-positive", "paymentAmount.value"),
        ({"paymentAmount": money("-1")}, "amount-not-positive", "paymentAmount.value"),
        ({"paymentDate": "2026-01"}, "date-partial", "paymentDate"),
    ],
)
async def test_money_that_posts_has_a_positive_amount_a_currency_and_a_day(
    hospital: Hospital, more: Document, code: str, place: str
) -> None:
    document = hospital.payment_document("5", paymentIssuer=INSURER) | more
    refusal = await refused(hospital.create(document))
    assert said(refusal) == [(RULE_BROKEN, code, f"PaymentReconciliation.{place}")]


async def test_a_date_in_the_future_is_refused(hospital: Hospital) -> None:
    tomorrow = (await hospital.today() + timedelta(days=1)).isoformat()
    refusal = await refused(
        hospital.create(hospital.payment_document("5", paymentIssuer=INSURER, paymentDate=tomorrow))
    )
    assert said(refusal) == [(RULE_BROKEN, "date-in-future", "PaymentReconciliation.paymentDate")]


async def test_an_allocation_is_effective_when_both_the_money_and_the_debt_are_there(hospital: Hospital) -> None:
    account = await hospital.account()
    for issued_on, paid_on, expected in (
        ("2026-03-01", "2026-02-01", "2026-03-01"),
        ("2026-03-01", "2026-04-01", "2026-04-01"),
        ("2026-03-01T22:00:00Z", "2026-03-01", "2026-03-02"),
    ):
        invoice = await hospital.issued(account, own_line("1"), date=issued_on)
        payment = hospital.payment_document("1", detail("payment", invoice, "1"), paymentDate=paid_on)
        await hospital.create(payment)
        line = [line for line in await hospital.journal() if line.kind == ALLOCATED][-1]
        assert line.effective_at.isoformat() == expected


# The same money is not posted twice.


async def test_money_that_posts_must_be_identified(hospital: Hospital) -> None:
    anonymous = hospital.payment_document("5", paymentIssuer=INSURER, identifier=None)
    refusal = await refused(hospital.create(anonymous))
    assert said(refusal) == [(INVALID, "payment-not-identified", "PaymentReconciliation.identifier")]
    await hospital.create(anonymous, one_time=True)
    await hospital.create(anonymous | {"paymentIdentifier": {"value": "cheque 7"}})
    await hospital.create(anonymous | {"identifier": [{"value": "7"}]})
    await hospital.create(anonymous | {"status": "draft"})


@pytest.mark.parametrize("element", ["identifier", "paymentIdentifier"])
async def test_an_identifier_of_money_is_unique(hospital: Hospital, element: str) -> None:
    key = {"system": "https://bank.example.org", "value": "TX-1"}
    sent = hospital.payment_document("5", paymentIssuer=INSURER, identifier=None)
    sent[element] = [key] if element == "identifier" else key
    first = await hospital.change_by_create(sent)
    again = await hospital.change_by_create(sent)
    assert (again.outcome, again.id, again.content) == ("existing", first.id, first.content)
    refusal = await refused(hospital.create(sent | {"paymentAmount": money("6")}))
    assert (refusal.category.value, refusal.code) == ("conflict", "business-key-conflict")
    elsewhere = sent | {"identifier": [key], "paymentIdentifier": {"value": "x"}}
    assert (await refused(hospital.create(elsewhere))).code == "business-key-conflict"
    assert len(await hospital.booked(RECEIVED)) == 2


async def test_what_posts_nothing_may_share_an_identifier(hospital: Hospital) -> None:
    sent = hospital.payment_document("5", paymentIssuer=INSURER, status="draft")
    first, second = [await hospital.create(sent) for _ in range(2)]
    assert first["id"] != second["id"]
    await hospital.update(first | {"status": "active"})
    refusal = await refused(hospital.update(second | {"status": "active"}))
    assert (refusal.category.value, refusal.code) == ("conflict", "business-key-conflict")
    assert (await hospital.read(second))["status"] == "draft"
    assert len(await hospital.booked(RECEIVED)) == 2
