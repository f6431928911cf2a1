"""Every row of the table of statuses, tried: what it refuses is refused so, and what it does not refuse is done."""

from __future__ import annotations

import itertools

import pytest

from billing.status_rules import CLEARED, DELETED, NEW, POSTED, REVERSED, STATUS_RULES, StatusRule
from billing.subscription_status import tell_status
from tests.integration.billing.hospital import CANONICAL, Document, Hospital, line_of, own_line, refused
from tests.integration.billing.payment_commands import reverse

PAYLOAD_CONTENT = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-payload-content"
STEPS = [
    pytest.param(resource_type, before, sent, rule, id=f"{resource_type}: {before} -> {sent}")
    for resource_type, rules in STATUS_RULES.items()
    for rule in rules
    for before, sent in itertools.product(rule.before, rule.sent)
    if sent != DELETED
]


@pytest.mark.parametrize(("resource_type", "before", "sent", "rule"), STEPS)
async def test_a_step(hospital: Hospital, resource_type: str, before: str, sent: str, rule: StatusRule) -> None:
    if before == NEW:
        action = hospital.create(await document_of(hospital, resource_type, sent))
    else:
        current = await (
            subscription_in(hospital, before, sent=sent)
            if resource_type == "Subscription"
            else resource_in(hospital, resource_type, before)
        )
        change = {"status": sent}
        if (resource_type, sent) == ("Invoice", "cancelled"):
            change["cancelledReason"] = current.get("cancelledReason", "tried")
        action = hospital.update(current | change)
    if rule.refusal is not None and not rule.refusal.when:
        refusal = await refused(action)
        assert (refusal.category, refusal.code) == (rule.refusal.category, rule.refusal.code)
        assert refusal.problems[0].expression == f"{resource_type}.status"
    elif (resource_type, before, sent) == ("Subscription", "requested", "active"):
        assert (await action)["status"] == "requested", "only its endpoint makes it active"
    else:
        assert (await action)["status"] == sent


async def document_of(hospital: Hospital, resource_type: str, status: str) -> Document:
    """A new resource that posts nothing by itself where it can help it."""
    match resource_type:
        case "Account":
            return hospital.account_document(status=status)
        case "ChargeItem":
            return hospital.charge_document(await hospital.account(), "100", status=status)
        case "Invoice":
            return hospital.invoice_document(await hospital.account(), own_line("100"), status=status)
        case "PaymentReconciliation":
            return hospital.payment_document("5", status=status, outcome="queued")
        case "Subscription":
            return subscription_document(status, needs_handshake=status == "requested")
        case _:
            payment = await hospital.create(hospital.payment_document("5", status="draft"))
            return hospital.notice_document(payment, code="paid", status=status)


def subscription_document(status: str, *, needs_handshake: bool) -> Document:
    """To what is told by a topic, which needs a handshake, or by a search, which needs none."""
    return {
        "resourceType": "Subscription",
        "status": status,
        "reason": "Claims",
        "criteria": f"{CANONICAL}/SubscriptionTopic/invoice-issued" if needs_handshake else "Invoice?status=issued",
        "channel": {
            "type": "rest-hook",
            "endpoint": "https://claims.example.org/notify",
            "payload": "application/fhir+json",
            "_payload": {"extension": [{"url": PAYLOAD_CONTENT, "valueCode": "id-only"}]},
        },
    }


async def subscription_in(hospital: Hospital, status: str, *, sent: str) -> Document:
    needs_handshake = "requested" in (status, sent)
    subscription = await hospital.create(subscription_document("requested", needs_handshake=needs_handshake))
    if subscription["status"] != status:
        await hospital.run(lambda tx: tell_status(tx, subscription["id"], status, reason="tried"))
    return await hospital.read(subscription)


async def resource_in(hospital: Hospital, resource_type: str, status: str) -> Document:
    account = await hospital.account()
    if (resource_type, status) == ("ChargeItem", "billed"):
        charge = await hospital.charge(account, "100")
        await hospital.issued(account, line_of(charge))
        return await hospital.read(charge)
    if (resource_type, status) == ("Invoice", "balanced"):
        return await hospital.issued(account, line_of(await hospital.charge(account, "0")))
    if status in (POSTED, REVERSED):
        document = hospital.payment_document("5", paymentIssuer={"reference": "Organization/i"})
        payment = await hospital.create(document)
        return payment if status == POSTED else await reverse(hospital, payment)
    if status == CLEARED:
        payment = (await hospital.pay(account, "5", method="card")).payment
        return await hospital.create(hospital.notice_document(payment))
    document = await document_of(hospital, resource_type, status)
    if (resource_type, status) == ("Invoice", "cancelled"):
        document["cancelledReason"] = "void from the start"
    return await hospital.create(document)
