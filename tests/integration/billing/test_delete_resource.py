"""Deleting: only what the journal never knew (design sections 4.1 and 4.7)."""

from __future__ import annotations

from tests.integration.billing.hospital import CONFLICT, Hospital, line_of, own_line, refused


async def test_what_was_ever_posted_is_not_deleted(hospital: Hospital) -> None:
    account, invoice = await hospital.invoice_of("100")
    charge = await hospital.charge(account, "5")
    reversed_ = await hospital.update(await hospital.charge(account, "5") | {"status": "aborted"})
    payment = await hospital.create(hospital.payment_document("1", paymentIssuer={"reference": "Organization/i"}))
    paid = await hospital.pay(account, "1", method="card")
    notice = await hospital.create(hospital.notice_document(paid.payment))
    for resource in (account, invoice, charge, reversed_, payment, paid.payment, notice):
        refusal = await refused(hospital.delete(resource))
        assert (refusal.category, refusal.code) == (CONFLICT, "posted"), resource["resourceType"]


async def test_an_issued_invoice_of_nothing_is_not_deleted_for_it_has_a_number(hospital: Hospital) -> None:
    account = await hospital.account()
    invoice = await hospital.issued(account, line_of(await hospital.charge(account, "0")))
    assert await hospital.journal() == []
    for current in (invoice, await hospital.cancel(invoice)):
        assert (await refused(hospital.delete(current))).code == "posted"


async def test_what_posted_nothing_is_deleted(hospital: Hospital) -> None:
    account = await hospital.account()
    charge = await hospital.charge(account, None)
    draft = await hospital.draft(account, own_line("1"))
    payment = await hospital.create(hospital.payment_document("1", status="draft"))
    notice = await hospital.create(hospital.notice_document(payment, code="paid"))
    for resource in (notice, payment, draft, charge, account):
        deleted = await hospital.delete(resource)
        assert deleted is not None
        assert (deleted.outcome, deleted.version) == ("deleted", 2)
        assert await hospital.delete(resource) is None


async def test_what_others_refer_to_is_not_deleted(hospital: Hospital) -> None:
    account = await hospital.account()
    charge = await hospital.charge(account, None)
    await hospital.draft(account, line_of(charge))
    for resource in (account, charge):
        refusal = await refused(hospital.delete(resource))
        assert (refusal.category, refusal.code) == (CONFLICT, "still-referenced")


async def test_what_is_deleted_may_be_created_again_under_its_id(hospital: Hospital) -> None:
    account = await hospital.account()
    await hospital.delete(account)
    again = await hospital.update(hospital.account_document() | {"id": account["id"]})
    assert again["meta"]["versionId"] == "3"
    await hospital.charge(again, "1")
