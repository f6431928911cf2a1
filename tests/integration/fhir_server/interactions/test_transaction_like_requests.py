"""What a transaction leaves behind is what the same requests leave behind that are sent one by one: in every table."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Sequence

import psycopg
import pytest
from psycopg import sql

from fhir_server.demo_tariff import publish_tariff
from ledger.price_list import Price
from ledger.tenant import Tenant
from storage.transaction import Database
from tests.database_server import DatabaseAccess
from tests.integration.serving import Hospital, Json, Server, body, charge_item, draft_invoice, hospital_of

CODES = "urn:example:tariff"
ACCOUNTS = ("a-1", "a-2", "a-3")
MODIFIER = "https://billing.ghasi.example/fhir/StructureDefinition/charge-modifier"

_RESOURCE_NAME = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
_MOMENT = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(?:Z|\+00:00)")


def charges(draw: random.Random) -> list[Json]:
    """Charges of every sort, in any order, of which some have the same identifier or nothing but what is needed."""

    def of_list(number: int) -> Json:
        found = charge_item(
            f"Account/{draw.choice(ACCOUNTS)}",
            code={"coding": [{"system": CODES, "code": f"service-{number % 4}", "display": "A service"}]},
            quantity={"value": draw.choice([1, 2, 3])},
            performingOrganization={"reference": "Organization/main"},
            identifier=[{"system": "urn:example:his:line", "value": f"line-{number % 7}"}],
            occurrenceDateTime=f"2026-01-{10 + number % 9}T22:30:00+04:30",
        )
        del found["priceOverride"], found["overrideReason"]
        return found

    made = [of_list(number) for number in range(12)]
    made[0]["extension"] = [{"url": MODIFIER, "valueCodeableConcept": {"coding": [{"code": "STAFF"}]}}]
    made[1]["code"] = {"coding": [{"system": CODES, "code": "nobody-prices-it"}]}
    made[2]["account"][0]["display"] = "the account"
    made[3]["performer"] = [{"actor": {"reference": "Practitioner/1"}}, {"actor": {"reference": "Practitioner/2"}}]
    # The account of the one is found by its patient, of the other there is none.
    for charge, patient in ((made[4], "of-a-1"), (made[5], "of-no-account")):
        charge["subject"] = {"reference": f"Patient/{patient}"}
        del charge["account"]
    made += [charge_item(f"Account/{draw.choice(ACCOUNTS)}", amount) for amount in (0, 1, 250)]
    made += [charge_item("Account/a-1", status=status) for status in ("planned", "not-billable", "unknown")]
    made.append(
        charge_item(
            "Account/a-2",
            contained=[{"resourceType": "Patient", "id": "p", "name": [{"text": "گل"}]}],
            subject={"reference": "#p"},
            note=[{"text": 'a \\ "note" with {braces}, NULL and\nlines'}],
            occurrencePeriod={"start": "2026-01-03", "end": "2026-01-04"},
        )
    )
    del made[-1]["occurrenceDateTime"]
    draw.shuffle(made)
    return made


async def hospital_with_accounts(server: Server, hospital: Hospital) -> None:
    for account_id in ACCOUNTS:
        patient = {"reference": f"Patient/of-{account_id}"}
        account = {"resourceType": "Account", "id": account_id, "status": "active", "subject": [patient]}
        answer = await hospital.http.put(f"Account/{account_id}", json=account)
        assert answer.status_code == 201, answer.text
    database = Database(server.access.app)
    await database.open()
    try:
        tenant = Tenant(hospital.tenant_id, "A hospital", "AF", "AFN", "Asia/Kabul")
        prices = [Price(system=CODES, code=f"service-{at}", currency="AFN", amount_minor=1005 + at) for at in range(4)]
        await publish_tariff(database, tenant, prices, "tester")
    finally:
        await database.close()


def left_behind(access: DatabaseAccess, tenant_id: str, names: Sequence[str]) -> dict[str, Counter[str]]:
    """The rows of a tenant by table, with ids and moments named by what they are."""
    by_name = {resource_id: f"resource {at}" for at, resource_id in enumerate(names)}
    by_name[tenant_id] = "the tenant"
    any_name = re.compile("|".join(map(re.escape, by_name)))
    found = {}
    with psycopg.connect(access.superuser) as connection:
        tables = connection.execute(
            "SELECT table_name FROM information_schema.columns WHERE table_schema = 'billing'"
            " AND column_name = 'tenant_id' ORDER BY table_name"
        ).fetchall()
        for (table,) in tables:
            rows = connection.execute(
                sql.SQL("SELECT to_jsonb(t) FROM billing.{} AS t WHERE tenant_id = %s").format(sql.Identifier(table)),
                (tenant_id,),
            ).fetchall()
            # Numbered for all tenants together: the outbox.
            differing = {"request_id": ""} | ({"position": 0} if table == "outbox" else {})
            said = (json.dumps({**row, **differing}, sort_keys=True, ensure_ascii=False) for (row,) in rows)
            named = (any_name.sub(lambda match: by_name[match[0]], text) for text in said)
            found[table] = Counter(_RESOURCE_NAME.sub("an id", _MOMENT.sub("a moment", text)) for text in named)
    return found


def resources(answers: Sequence[Json]) -> list[Json]:
    """The same without what differs from one to the next."""
    return [{**each, "id": "", "meta": {**each["meta"], "lastUpdated": ""}} for each in answers]


@pytest.mark.parametrize("seed", range(3))
async def test_charges_in_one_bundle_are_kept_priced_and_booked_as_one_by_one(server: Server, seed: int) -> None:
    draw = random.Random(seed)
    sent = charges(draw)
    async with hospital_of(server) as alone, hospital_of(server) as together:
        await hospital_with_accounts(server, alone)
        await hospital_with_accounts(server, together)
        one_by_one = [await alone.create(charge) for charge in sent]
        entries = [{"resource": charge, "request": {"method": "POST", "url": "ChargeItem"}} for charge in sent]
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        answer = await together.http.post("", json=bundle)
        assert answer.status_code == 200, answer.text
        at_once = [item["resource"] for item in body(answer)["entry"]]

        assert json.dumps(resources(at_once)) == json.dumps(resources(one_by_one))
        assert left_behind(server.access, together.tenant_id, [each["id"] for each in at_once]) == left_behind(
            server.access, alone.tenant_id, [each["id"] for each in one_by_one]
        )


async def test_what_changes_in_one_bundle_is_as_one_by_one(server: Server) -> None:
    """Charges under ids of the client's, changed, drafted and issued, with the bundle's order kept."""
    first = [charge_item(f"Account/{account}", 100 + at, id=f"c-{at}") for at, account in enumerate(ACCOUNTS * 2)]
    second = [{**charge, "note": [{"text": "changed"}]} for charge in first[:2]]
    second += [charge_item("Account/a-1", 7, id="c-0-moved"), {**first[3], "status": "aborted"}]
    invoice = draft_invoice("Account/a-2", "c-1", "c-4", id="i-1", status="issued", date="2026-03-02")
    steps = [first, [*second, invoice]]
    async with hospital_of(server) as alone, hospital_of(server) as together:
        for hospital in (alone, together):
            await hospital_with_accounts(server, hospital)
        answers: list[Json] = []
        for step in steps:
            for resource in step:
                url = f"{resource['resourceType']}/{resource['id']}"
                single = await alone.http.put(url, json=resource)
                assert single.status_code in {200, 201}, single.text
                answers.append(body(single))
            entries = [
                {"resource": each, "request": {"method": "PUT", "url": f"{each['resourceType']}/{each['id']}"}}
                for each in step
            ]
            bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
            answer = await together.http.post("", json=bundle)
            assert answer.status_code == 200, answer.text
            sent = answers[-len(step) :]
            at_once = json.dumps(resources([item["resource"] for item in body(answer)["entry"]]))
            # Legal numbers are of a tenant.
            assert at_once.replace(together.tenant_id, alone.tenant_id) == json.dumps(resources(sent))
        assert left_behind(server.access, together.tenant_id, []) == left_behind(server.access, alone.tenant_id, [])
