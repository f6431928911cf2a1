"""Tokens for a part: of one patient, or of what a search finds. Every way round it is tried and leads nowhere."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.integration.serving import Hospital, Json, body, charge_item, codes_of, draft_invoice

MINE, THEIRS = {"reference": "Patient/p1"}, {"reference": "Patient/p2"}


@dataclass
class Ward:
    """Two patients, each with an account, a charge and an issued invoice."""

    hospital: Hospital
    accounts: list[Json]
    charges: list[Json]
    invoices: list[Json]

    def client(self, scope: str, patient: str = "") -> httpx.AsyncClient:
        token = self.hospital.server.token(self.hospital.tenant_id, scope, patient=patient)
        return self.hospital.server.client(token)


@pytest_asyncio.fixture
async def ward(hospital: Hospital) -> AsyncIterator[Ward]:
    made = Ward(hospital, [], [], [])
    for patient in (MINE, THEIRS):
        account = await hospital.account(subject=[patient], name=f"of-{patient['reference'][-2:]}")
        charge = await hospital.charge(account, subject=patient)
        draft = await hospital.draft(account, charge, subject=patient, recipient=patient)
        issued = await hospital.http.post(f"Invoice/{draft['id']}/$issue")
        assert issued.status_code == 200, issued.text
        made.accounts.append(account)
        made.charges.append(charge)
        made.invoices.append(body(issued))
    yield made


def ids(answer: httpx.Response) -> set[str]:
    assert answer.status_code == 200, answer.text
    entries = body(answer).get("entry", [])
    return {entry["resource"]["id"] for entry in entries if entry["search"]["mode"] != "outcome"}


async def test_a_patient_s_token_finds_the_patient_s_own_by_every_search(ward: Ward) -> None:
    mine = {each[0]["id"] for each in (ward.accounts, ward.charges, ward.invoices)}
    theirs = {each[1]["id"] for each in (ward.accounts, ward.charges, ward.invoices)}
    async with ward.client("patient/*.rs", "p1") as http:
        for url in (
            "Account",
            "ChargeItem?_total=accurate",
            "Invoice?status=issued,draft",
            "Account?subject=Patient/p2",
            f"Invoice?_id={ward.invoices[1]['id']}",
            "Invoice?_include=Invoice:account&_revinclude:iterate=ChargeItem:account",
            "Account?_revinclude=Invoice:account&_revinclude:iterate=ChargeItem:account",
            "?_lastUpdated=gt2000",
            "?_type=Account,Invoice",
            "Patient/p1/*",
            "Patient/p2/*",
            "Patient/p2/Invoice",
            "Invoice?recipient:missing=false",
            "Account?name:missing=false&_sort=-_lastUpdated&_count=1",
        ):
            found = ids(await http.get(url))
            assert not found & theirs, url
            assert found <= mine, url
        assert ids(await http.get("Account")) == {ward.accounts[0]["id"]}
        assert body(await http.get("Account?_summary=count"))["total"] == 1
        assert ids(await http.post("Invoice/_search", data={"subject": "Patient/p2"})) == set()
        assert ids(await http.get("Patient/p1/*")) == mine


async def test_what_is_another_patient_s_is_not_there(ward: Ward) -> None:
    account, charge, invoice = ward.accounts[1], ward.charges[1], ward.invoices[1]
    async with ward.client("patient/*.cruds billing:*", "p1") as http:
        for method, url, content in (
            ("GET", f"Account/{account['id']}", None),
            ("HEAD", f"Account/{account['id']}", None),
            ("GET", f"Account/{account['id']}/_history", None),
            ("GET", f"Account/{account['id']}/_history/1", None),
            ("GET", f"Account/{account['id']}/$meta", None),
            ("GET", f"Account/{account['id']}/$balance", None),
            ("PUT", f"Account/{account['id']}", account),
            ("PUT", f"Account/{account['id']}", {**account, "subject": [MINE]}),
            ("PUT", "Account?name=of-p2", {**account, "subject": [MINE]}),
            ("DELETE", f"ChargeItem/{charge['id']}", None),
            ("DELETE", "ChargeItem?subject=Patient/p2", None),
            ("POST", f"Invoice/{invoice['id']}/$cancel", _reason()),
            ("POST", f"Invoice/{invoice['id']}/$issue", None),
            ("GET", "_history", None),
            ("GET", "Account/_history", None),
            ("GET", "PaymentReconciliation", None),
            ("GET", "PaymentNotice", None),
            ("GET", "Subscription", None),
            ("GET", "AuditEvent", None),
            ("GET", "$meta", None),
            ("GET", "Account/$meta", None),
            ("GET", f"http://127.0.0.1:8080/api/v1/billing/accounts/{account['id']}/balance", None),
            ("GET", "http://127.0.0.1:8080/api/v1/billing/invoices", None),
            ("GET", "http://127.0.0.1:8080/api/v1/billing/settings", None),
        ):
            answer = await http.request(method, url, json=content)
            if (method, url.partition("?")[1]) == ("DELETE", "?"):
                assert answer.status_code == 204
            else:
                assert answer.status_code in {403, 404, 409}, (method, url, answer.text)
            assert "p2" not in answer.text.replace(url, ""), (method, url)
    for each in (account, charge):
        current = await ward.hospital.read(f"{each['resourceType']}/{each['id']}")
        assert "Patient/p2" in str(current["subject"])


async def test_nothing_is_moved_in_out_or_made_outside(ward: Ward) -> None:
    account = ward.accounts[0]
    async with ward.client("patient/*.cruds", "p1") as http:
        for answer in (
            await http.put(f"Account/{account['id']}", json={**account, "subject": [THEIRS]}),
            await http.post("Account", json={"resourceType": "Account", "status": "active", "subject": [THEIRS]}),
            await http.post("Account", json={"resourceType": "Account", "status": "active"}),
            await http.post("ChargeItem", json=charge_item(f"Account/{ward.accounts[1]['id']}")),
            await http.post("Invoice", json=draft_of(ward.accounts[1])),
            await http.post(
                "Account",
                json={"resourceType": "Account", "status": "active", "subject": [THEIRS]},
                headers={"if-none-exist": "name=of-p2"},
            ),
        ):
            assert answer.status_code in {403, 409, 422}, answer.text
        made = await http.post("Account", json={"resourceType": "Account", "status": "active", "subject": [MINE]})
        assert made.status_code == 201, made.text
        changed = await http.put(f"Account/{account['id']}", json={**account, "name": "mine still"})
        assert changed.status_code == 200, changed.text
    assert "Patient/p1" in str(await ward.hospital.read(f"Account/{account['id']}"))


@pytest.mark.parametrize("kind", ["batch", "transaction"])
async def test_bundles_are_no_way_round(ward: Ward, kind: str) -> None:
    account, invoice = ward.accounts[1], ward.invoices[1]
    conditional = charge_item("Account?name=of-p2")
    entries: list[Json] = [
        {"request": {"method": "GET", "url": f"Account/{account['id']}"}},
        {"request": {"method": "GET", "url": f"Account/{account['id']}/$balance"}},
        {"request": {"method": "PUT", "url": f"Account/{account['id']}"}, "resource": {**account, "subject": [MINE]}},
        {"request": {"method": "POST", "url": f"Invoice/{invoice['id']}/$cancel"}, "resource": _reason()},
        {"request": {"method": "GET", "url": "_history"}},
    ]
    if kind == "transaction":
        entries.append({"request": {"method": "POST", "url": "ChargeItem"}, "resource": conditional})
    async with ward.client("patient/*.cruds billing:*", "p1") as http:
        for entry in entries:
            answer = await http.post("", json={"resourceType": "Bundle", "type": kind, "entry": [entry]})
            if kind == "transaction":
                assert answer.status_code in {403, 404, 412}, (entry, answer.text)
            else:
                [one] = body(answer)["entry"]
                assert one["response"]["status"][:3] in {"400", "403", "404", "412", "422"}, (entry, answer.text)
        found = {"resourceType": "Bundle", "type": kind, "entry": [{"request": {"method": "GET", "url": "Account"}}]}
        answer = await http.post("", json=found)
        assert account["id"] not in answer.text
        assert ward.accounts[0]["id"] in answer.text


async def test_chains_and_has_see_no_more_than_searches_do(ward: Ward) -> None:
    """Each asks, by what is found of one's own, whether something is there that is another patient's."""
    (mine, theirs), (charge, other_charge), (_, other_invoice) = ward.accounts, ward.charges, ward.invoices
    # What refers across the two: their charge on my account, and a charge of mine on their account.
    on_mine = await ward.hospital.charge(mine, subject=THEIRS)
    on_theirs = await ward.hospital.charge(theirs, subject=MINE)
    nothing: set[str] = set()
    async with ward.client("patient/*.rs", "p1") as http:
        for url, found in (
            # Of one's own they find what they find for everybody.
            ("Account?_has:ChargeItem:account:_id=" + charge["id"], {mine["id"]}),
            ("ChargeItem?account.name=of-p1", {charge["id"]}),
            ("ChargeItem?account:Account._id=" + mine["id"], {charge["id"]}),
            # And of what is outside, nothing, however it is asked.
            ("Account?_has:ChargeItem:account:_id=" + on_mine["id"], nothing),
            ("Account?_has:ChargeItem:account:subject=Patient/p2", nothing),
            ("Account?_has:Invoice:account:_id=" + other_invoice["id"], nothing),
            ("ChargeItem?account.name=of-p2", nothing),
            ("ChargeItem?account.name=of", {charge["id"]}),
            ("ChargeItem?account.name:missing=true", nothing),
            ("ChargeItem?account.status:not=inactive", {charge["id"]}),
            ("ChargeItem?account._has:Invoice:account:status=issued", {charge["id"]}),
            ("ChargeItem?account._has:ChargeItem:account:_id=" + on_mine["id"], nothing),
            ("ChargeItem?account._has:ChargeItem:account:_id=" + other_charge["id"], nothing),
            ("Account?_has:ChargeItem:account:account.name=of-p2", nothing),
            ("Account?_has:Invoice:account:account._has:ChargeItem:account:subject=Patient/p2", nothing),
            ("Patient/p1/ChargeItem?account.name=of-p2", nothing),
            ("Patient/p2/ChargeItem?account.name=of-p2", nothing),
            ("?_type=ChargeItem,Invoice&account.name=of-p2", nothing),
        ):
            assert ids(await http.get(url)) == found, url
        posted = await http.post("ChargeItem/_search", data={"account.name": "of-p2"})
        assert ids(posted) == nothing
        entry = {"request": {"method": "GET", "url": "ChargeItem?account.name=of-p2"}}
        batch = await http.post("", json={"resourceType": "Bundle", "type": "batch", "entry": [entry]})
        assert on_theirs["id"] not in batch.text
        # What is of no patient is not asked about at all.
        for url in ("Invoice?_has:PaymentReconciliation:request:_id=1", "Account?_has:Subscription:x:_id=1"):
            assert (await http.get(url)).status_code in {400, 403}, url
    # For whoever may see all, the same questions have answers: it is the narrowing that has none.
    seen = await ward.hospital.read("ChargeItem?account.name=of-p2")
    assert {each["resource"]["id"] for each in seen["entry"]} == {other_charge["id"], on_theirs["id"]}


async def test_a_chain_to_a_type_without_permission_is_refused(ward: Ward) -> None:
    async with ward.client("system/Account.rs system/Invoice.r?status=draft") as http:
        for url in ("Account?_has:Invoice:account:status=draft", "Account?_has:ChargeItem:account:status=billed"):
            answer = await http.get(url)
            assert (answer.status_code, codes_of(body(answer))) == (403, ["insufficient-scope"])


async def test_each_step_of_a_chain_is_held_to_its_own_part(ward: Ward) -> None:
    """Two types with a search each: a step through what is outside of either leads nowhere."""
    mine, theirs = ward.accounts
    draft = await ward.hospital.draft(theirs, await ward.hospital.charge(theirs, subject=THEIRS), subject=THEIRS)
    narrow = f"system/Account.rs?_id={mine['id']} system/Invoice.rs?status=draft system/ChargeItem.rs"
    async with ward.client(narrow) as http:
        for url in (
            f"ChargeItem?account._id={theirs['id']}",
            "ChargeItem?account.name=of-p2",
            f"ChargeItem?account._has:Invoice:account:_id={draft['id']}",
            "ChargeItem?account._has:Invoice:account:status=issued",
            f"Invoice?account._id={theirs['id']}",
            f"Account?_has:Invoice:account:account._id={theirs['id']}",
        ):
            assert ids(await http.get(url)) == set(), url
        assert ids(await http.get(f"ChargeItem?account._id={mine['id']}")) == {ward.charges[0]["id"]}
        assert ids(await http.get("Invoice")) == {draft["id"]}


@pytest.mark.parametrize(
    ("scope", "patient"),
    [
        ("patient/*.cruds", "p1"),
        ("system/Subscription.cruds system/Invoice.rs?status=draft", ""),
        ("system/Subscription.cruds?status=off system/Invoice.rs", ""),
    ],
)
async def test_a_subscription_is_no_way_to_hear_more(ward: Ward, scope: str, patient: str) -> None:
    """Neither a new one, nor one of somebody else that is changed, nor what an old one has told."""
    hook = {"type": "rest-hook", "endpoint": "https://claims.example.org/hook", "payload": "application/fhir+json"}
    wanted = {
        "resourceType": "Subscription",
        "status": "requested",
        "reason": "to hear more",
        "criteria": "Invoice?status=issued",
        "channel": hook,
    }
    theirs = await ward.hospital.create(wanted)
    async with ward.client(scope, patient) as http:
        for method, url, content in (
            ("POST", "Subscription", wanted),
            ("PUT", f"Subscription/{theirs['id']}", {**theirs, "criteria": "Invoice?subject=Patient/p2"}),
            ("GET", f"Subscription/{theirs['id']}/$events?content=full-resource", None),
            ("GET", f"Subscription/{theirs['id']}/$get-ws-binding-token", None),
        ):
            answer = await http.request(method, url, json=content)
            if "$events" in url and answer.status_code == 200:
                # There is none yet, and so nothing that it may not see.
                assert "Invoice/" not in answer.text
            else:
                assert answer.status_code in {403, 404, 422}, (method, url, answer.text)
    assert (await ward.hospital.read(f"Subscription/{theirs['id']}"))["criteria"] == wanted["criteria"]


async def test_wider_scopes_beside_a_patient_s_open_nothing_more(ward: Ward) -> None:
    async with ward.client("patient/Account.rs system/*.cruds user/*.cruds", "p1") as http:
        assert ids(await http.get("Invoice")) == {ward.invoices[0]["id"]}
        assert (await http.get(f"Invoice/{ward.invoices[1]['id']}")).status_code == 404


async def test_patient_scopes_without_a_patient_are_refused(ward: Ward) -> None:
    async with ward.client("patient/*.rs system/*.rs") as http:
        answer = await http.get("Account")
    assert (answer.status_code, codes_of(body(answer))) == (403, ["patient-missing"])


async def test_older_versions_of_another_patient_are_not_shown(ward: Ward) -> None:
    account = await ward.hospital.account(subject=[THEIRS])
    changed = await ward.hospital.http.put(f"Account/{account['id']}", json={**account, "subject": [MINE]})
    assert changed.status_code == 200, changed.text
    async with ward.client("patient/*.rs", "p1") as http:
        assert (await http.get(f"Account/{account['id']}")).status_code == 200
        assert (await http.get(f"Account/{account['id']}/_history/2")).status_code == 200
        assert (await http.get(f"Account/{account['id']}/_history/1")).status_code == 403
        assert (await http.get(f"Account/{account['id']}/_history")).status_code == 403
        own = ward.accounts[0]["id"]
        assert (await http.get(f"Account/{own}/_history")).status_code == 200


async def test_a_scope_with_a_search_is_for_what_it_finds(ward: Ward) -> None:
    draft = await ward.hospital.draft(ward.accounts[0], await ward.hospital.charge(ward.accounts[0]))
    issued = ward.invoices[0]
    async with ward.client("system/Invoice.cruds?status=draft system/Account.rs") as http:
        assert ids(await http.get("Invoice")) == {draft["id"]}
        assert ids(await http.get("Invoice?status=issued")) == set()
        assert (await http.get(f"Invoice/{draft['id']}")).status_code == 200
        assert (await http.get(f"Invoice/{issued['id']}")).status_code == 404
        assert ids(await http.get("Account?_revinclude=Invoice:account")) & {issued["id"], draft["id"]} == {draft["id"]}
        # Both accounts have an issued invoice, which is not seen; the draft is.
        assert ids(await http.get("Account?_has:Invoice:account:status=issued")) == set()
        assert ids(await http.get("Account?_has:Invoice:account:status=draft")) == {ward.accounts[0]["id"]}
        assert (await http.get(f"Invoice/{draft['id']}/_history")).status_code == 403
        assert (await http.get("Invoice/_history")).status_code == 403
        assert (await http.post(f"Invoice/{issued['id']}/$cancel", json=_reason())).status_code in {403, 404}
        # What it would make is outside of what it may write.
        assert (await http.post(f"Invoice/{draft['id']}/$issue")).status_code == 403
        changed = await http.put(f"Invoice/{draft['id']}", json={**draft, "note": [{"text": "seen"}]})
        assert changed.status_code == 200, changed.text
        validated = await http.post("Invoice/$validate?mode=create", json=draft_of({"id": "1"}))
        assert validated.status_code == 403
    again = await ward.hospital.read(f"Invoice/{draft['id']}")
    assert again["status"] == "draft"


async def test_several_scopes_with_searches_add_up(ward: Ward) -> None:
    await ward.hospital.create(draft_of(ward.accounts[0]))
    scope = f"system/Invoice.rs?status=draft system/Invoice.rs?_id={ward.invoices[1]['id']}"
    async with ward.client(scope) as http:
        found = ids(await http.get("Invoice"))
        assert ward.invoices[1]["id"] in found
        assert ward.invoices[0]["id"] not in found
        assert len(found) == 2
    async with ward.client(f"{scope} system/Invoice.s") as http:
        assert ward.invoices[0]["id"] in ids(await http.get("Invoice"))
        assert (await http.get(f"Invoice/{ward.invoices[0]['id']}")).status_code == 404


@pytest.mark.parametrize(
    "query",
    [
        "nothing=known",
        "_sort=date",
        "account.name=x",
        "status=no-such%20code%00",
        "_include=Invoice:account",
        "_count=1",
    ],
)
async def test_a_scope_with_a_search_that_is_not_understood_is_for_nothing(ward: Ward, query: str) -> None:
    async with ward.client(f"system/Invoice.rs?{query}") as http:
        assert ids(await http.get("Invoice")) == set()
        assert (await http.get(f"Invoice/{ward.invoices[0]['id']}")).status_code == 404


def draft_of(account: Json) -> Json:
    draft = draft_invoice(f"Account/{account['id']}")
    del draft["lineItem"]
    return draft


def _reason() -> dict[str, Any]:
    return {"resourceType": "Parameters", "parameter": [{"name": "reason", "valueString": "mine"}]}
