"""Extensions that columns own: where they stand, what they may hold, and what is refused."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from ledger.charge_item import ChargeItem
from ledger.errors import Category, Refusal
from ledger.invoice import Invoice, PayerShare
from ledger.resource import DecimalMoney
from mappers import extensions, mapper_for
from mappers.r4.json_text import canonical, decode, encode

BASE = "https://billing.example/fhir"
FOREIGN = {"url": "http://example.org/x", "valueString": "x"}
OTHER = {"url": "http://example.org/y", "valueString": "y"}


def amount(url: str, value: str, currency: str = "AFN") -> dict[str, Any]:
    return {"url": url, "valueMoney": {"value": Decimal(value), "currency": currency}}


AMOUNT = amount(extensions.CHARGE_AMOUNT, "10.50")
UNPRICED = {"url": extensions.CHARGE_UNPRICED, "valueBoolean": True}


def resource(resource_type: str, *sent: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": resource_type, "id": "x", "status": "active", "extension": list(sent)}


def parse(document: dict[str, Any]) -> Any:
    mapper = mapper_for(document["resourceType"])
    return mapper.parse(decode(encode(document)), id=document["id"], base_url=BASE)


def rendered_extensions(record: Any) -> list[dict[str, Any]]:
    rendered: list[dict[str, Any]] = mapper_for(type(record).__name__).render_document(record).get("extension", [])
    return rendered


def refusal_of(*sent: dict[str, Any], resource_type: str = "ChargeItem") -> list[tuple[Category, str, str]]:
    with pytest.raises(Refusal) as refused:
        parse(resource(resource_type, *sent))
    return [(problem.category, problem.code, problem.expression) for problem in refused.value.problems]


@pytest.mark.parametrize(
    "sent",
    [
        [AMOUNT],
        [AMOUNT, UNPRICED],
        [UNPRICED, AMOUNT],
        [AMOUNT, FOREIGN, UNPRICED],
        [FOREIGN, UNPRICED, OTHER, AMOUNT],
        [UNPRICED, FOREIGN],
    ],
)
def test_extensions_keep_their_places(sent: list[dict[str, Any]]) -> None:
    record = parse(resource("ChargeItem", *sent))

    assert rendered_extensions(record) == sent


def test_extensions_as_the_server_appends_them_leave_nothing_in_the_residue() -> None:
    assert parse(resource("ChargeItem", AMOUNT, UNPRICED)).residue == b"{}"


def test_a_marker_keeps_the_place_among_others_without_the_value() -> None:
    record = parse(resource("ChargeItem", AMOUNT, FOREIGN))

    assert decode(record.residue) == {"extension": [{"url": extensions.CHARGE_AMOUNT}, FOREIGN]}
    assert record.amount_minor == 1050


def test_a_marker_whose_field_is_cleared_is_not_rendered() -> None:
    record = parse(resource("ChargeItem", AMOUNT, FOREIGN))
    record.amount_minor = record.amount_currency = None

    assert rendered_extensions(record) == [FOREIGN]


def test_what_the_server_adds_is_appended_behind_what_was_sent() -> None:
    record = parse(resource("ChargeItem", FOREIGN))
    record.amount_minor, record.amount_currency = 10, "JPY"

    assert rendered_extensions(record) == [FOREIGN, amount(extensions.CHARGE_AMOUNT, "10", "JPY")]


def test_a_charge_made_by_the_server_shows_its_extensions() -> None:
    record = ChargeItem(id="x", status="billable", amount_minor=1500, amount_currency="KWD", unpriced=True)

    assert rendered_extensions(record) == [amount(extensions.CHARGE_AMOUNT, "1.500", "KWD"), UNPRICED]
    assert parse(decode(mapper_for("ChargeItem").render(record))) == record


def test_the_zeros_of_an_amount_that_the_server_owns_become_those_of_the_currency() -> None:
    record = parse(resource("ChargeItem", amount(extensions.CHARGE_AMOUNT, "10.5")))

    assert canonical(rendered_extensions(record)) == canonical([AMOUNT])


def test_an_explicit_false_stays_until_the_server_says_true() -> None:
    record = parse(resource("ChargeItem", {"url": extensions.CHARGE_UNPRICED, "valueBoolean": False}))

    assert not record.unpriced
    assert rendered_extensions(record) == [{"url": extensions.CHARGE_UNPRICED, "valueBoolean": False}]

    record.unpriced = True
    assert rendered_extensions(record) == [UNPRICED]


def test_a_value_that_is_only_an_extension_stays_whole() -> None:
    sent = {"url": extensions.PAYMENT_METHOD, "_valueCode": {"extension": [FOREIGN]}}
    record = parse(resource("PaymentReconciliation", sent))

    assert record.method is None
    assert rendered_extensions(record) == [sent]


def test_a_reference_to_elsewhere_stays_whole() -> None:
    sent = {"url": extensions.CREDIT_OF, "valueReference": {"reference": "http://elsewhere.example/fhir/Invoice/1"}}
    record = parse(resource("Invoice", sent))

    assert record.credit_of_id is None
    assert rendered_extensions(record) == [sent]


def test_extensions_of_the_wrong_kind_and_extensions_sent_twice_are_refused_together() -> None:
    wrong = {"url": extensions.CHARGE_UNPRICED, "valueString": "yes"}

    assert refusal_of(FOREIGN, AMOUNT, AMOUNT, wrong) == [
        (Category.INVALID, "extension-malformed", "ChargeItem.extension[2]"),
        (Category.INVALID, "extension-malformed", "ChargeItem.extension[3]"),
    ]


@pytest.mark.parametrize("money", [{"value": 1}, {"currency": "AFN"}])
def test_an_amount_that_the_server_owns_needs_value_and_currency(money: dict[str, Any]) -> None:
    assert refusal_of({"url": extensions.CHARGE_AMOUNT, "valueMoney": money}) == [
        (Category.INVALID, "extension-malformed", "ChargeItem.extension[0].valueMoney")
    ]


def test_an_amount_finer_than_its_currency_is_refused_where_it_stands() -> None:
    assert refusal_of(FOREIGN, amount(extensions.CHARGE_AMOUNT, "10.5", "JPY")) == [
        (Category.RULE_BROKEN, "amount-too-precise", "ChargeItem.extension[1].valueMoney")
    ]


def test_what_is_invalid_is_said_before_what_a_rule_forbids() -> None:
    too_precise = amount(extensions.CHARGE_AMOUNT, "10.5", "JPY")
    wrong = {"url": extensions.CHARGE_UNPRICED, "valueString": "yes"}

    assert [category for category, _, _ in refusal_of(too_precise, wrong)] == [Category.INVALID]


def test_settled_and_due_are_of_one_currency() -> None:
    settled, due = amount(extensions.INVOICE_SETTLED, "1.00"), amount(extensions.INVOICE_DUE, "1.00", "AED")

    assert refusal_of(settled, due, resource_type="Invoice") == [
        (Category.INVALID, "extension-malformed", "Invoice.extension[1].valueMoney.currency")
    ]


# Account currency


def currency(*codings: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"url": extensions.ACCOUNT_CURRENCY, "valueCodeableConcept": {"coding": list(codings), **more}}


AFGHANI = {"system": extensions.ISO_4217, "code": "AFN"}


@pytest.mark.parametrize(
    "sent",
    [
        currency(AFGHANI),
        currency(AFGHANI, text="Afghani"),
        currency({**AFGHANI, "display": "Afghani"}),
        currency({"code": "AFN"}, AFGHANI),
        currency(AFGHANI, {"code": "AFN"}),
    ],
)
def test_the_currency_of_an_account_is_one_coding_among_others(sent: dict[str, Any]) -> None:
    record = parse(resource("Account", sent, FOREIGN))

    assert record.currency == "AFN"
    assert b"AFN" not in record.residue or {"code": "AFN"} in sent["valueCodeableConcept"]["coding"]
    assert rendered_extensions(record) == [sent, FOREIGN]

    record.currency = "AED"
    codes = [coding["code"] for coding in rendered_extensions(record)[0]["valueCodeableConcept"]["coding"]]
    assert "AED" in codes


def test_the_currency_that_the_tenant_gives_is_shown() -> None:
    record = parse({"resourceType": "Account", "id": "x", "status": "active"})
    assert rendered_extensions(record) == []

    record.currency = "AFN"
    assert rendered_extensions(record) == [currency(AFGHANI)]


@pytest.mark.parametrize("codings", [[], [{"code": "AFN"}], [AFGHANI, AFGHANI], [{"system": extensions.ISO_4217}]])
def test_a_currency_that_is_not_one_iso_4217_coding_is_refused(codings: list[dict[str, Any]]) -> None:
    sent = {"url": extensions.ACCOUNT_CURRENCY, "valueCodeableConcept": {"text": "Afghani", "coding": codings}}
    if not codings:
        del sent["valueCodeableConcept"]["coding"]  # type: ignore[attr-defined]

    assert refusal_of(sent, resource_type="Account") == [
        (Category.INVALID, "extension-malformed", "Account.extension[0].valueCodeableConcept.coding")
    ]


def test_a_currency_that_iso_4217_does_not_know_is_refused() -> None:
    sent = currency({"code": "x"}, {"system": extensions.ISO_4217, "code": "ABC"})

    assert refusal_of(sent, resource_type="Account") == [
        (Category.RULE_BROKEN, "unknown-currency", "Account.extension[0].valueCodeableConcept.coding[1].code")
    ]


# Payer shares


def share(payer: dict[str, Any], value: str = "5.00") -> dict[str, Any]:
    parts = [{"url": "payer", "valueReference": payer}, amount("amount", value)]
    return {"url": extensions.PAYER_SHARE, "extension": parts}


def test_payer_shares_repeat_and_keep_their_places() -> None:
    first = share({"reference": "Organization/1"}, "5.0")
    second = share({"identifier": {"system": "urn:p", "value": "2", "use": "official"}, "display": "Second"})
    sent = [first, FOREIGN, second, OTHER]

    record = parse(resource("Invoice", *sent))

    assert record.shares[0] == PayerShare(payer="Organization/1", amount=DecimalMoney(500, "AFN", 1))
    assert (record.shares[1].payer_system, record.shares[1].payer_value) == ("urn:p", "2")
    assert canonical(rendered_extensions(record)) == canonical(sent)


def test_shares_may_become_more_or_fewer_than_the_places_kept() -> None:
    record = parse(resource("Invoice", share({"reference": "Organization/1"}), FOREIGN))
    record.shares.append(PayerShare(payer="Organization/2", amount=DecimalMoney(500, "AFN", 2)))
    assert rendered_extensions(record) == [
        share({"reference": "Organization/1"}),
        FOREIGN,
        share({"reference": "Organization/2"}),
    ]

    record.shares.clear()
    assert rendered_extensions(record) == [FOREIGN]


def test_an_invoice_made_by_the_server_shows_its_extensions() -> None:
    record = Invoice(
        id="x",
        status="issued",
        settled_minor=0,
        due_minor=1050,
        settlement_currency="AFN",
        due_date="2026-12-31",
        credit_of_id="i0",
        shares=[PayerShare(payer="Organization/1", amount=DecimalMoney(1050, "AFN", 2))],
    )

    assert canonical(rendered_extensions(record)) == canonical(
        [
            {"url": extensions.CREDIT_OF, "valueReference": {"reference": "Invoice/i0"}},
            {"url": extensions.INVOICE_DUE_DATE, "valueDate": "2026-12-31"},
            share({"reference": "Organization/1"}, "10.50"),
            amount(extensions.INVOICE_SETTLED, "0.00"),
            amount(extensions.INVOICE_DUE, "10.50"),
        ]
    )
    assert parse(decode(mapper_for("Invoice").render(record))) == record


def test_a_share_whose_parts_are_malformed_is_refused_with_the_place() -> None:
    twice = share({"reference": "Organization/1"})
    twice["extension"].append({"url": "amount", "valueMoney": {"value": 1, "currency": "AFN"}})
    wrong_part = {"url": extensions.PAYER_SHARE, "extension": [{"url": "payer", "valueString": "x"}]}
    without_parts = {"url": extensions.PAYER_SHARE, "valueString": "x"}

    assert refusal_of(twice, wrong_part, without_parts, resource_type="Invoice") == [
        (Category.INVALID, "extension-malformed", "Invoice.extension[0].extension[2]"),
        (Category.INVALID, "extension-malformed", "Invoice.extension[1].extension[0]"),
        (Category.INVALID, "extension-malformed", "Invoice.extension[2]"),
    ]
