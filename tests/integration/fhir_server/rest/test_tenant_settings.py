"""`/settings`: the tenant's own, read and replaced."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from tests.integration.rest_client import problem_codes, rest_client
from tests.integration.serving import Hospital, Json, Server, body, charge_item


async def test_settings_are_replaced_as_a_whole(server: Server, hospital: Hospital) -> None:
    async with rest_client(server, hospital.tenant_id, "billing:tenant:admin") as http:
        first = body(await http.get("settings"))
        assert (first["tenant"], first["settings"]) == (hospital.tenant_id, {})
        assert first["defaults"]["payment_terms_days"] == "30"
        changed = await http.put("settings", json={"settings": {"payment_terms_days": "14"}})
        assert body(changed)["settings"] == {"payment_terms_days": "14"}
        again = await http.put("settings", json={"settings": {"unpriced_charge": "refuse"}})
        assert body(await http.get("settings"))["settings"] == {"unpriced_charge": "refuse"} == body(again)["settings"]


async def test_some_settings_are_changed_and_the_others_stay(server: Server, hospital: Hospital) -> None:
    async with rest_client(server, hospital.tenant_id) as http:
        await http.put("settings", json={"settings": {"payment_terms_days": "14", "unpriced_charge": "refuse"}})
        etag = (await http.get("settings")).headers["etag"]
        changes = {"settings": {"payment_terms_days": None, "auto_allocate": "on-issue"}}
        changed = await http.patch("settings", json=changes, headers={"if-match": etag})
        assert body(changed)["settings"] == {"unpriced_charge": "refuse", "auto_allocate": "on-issue"}
        late = await http.patch("settings", json=changes, headers={"if-match": etag})
        assert (late.status_code, problem_codes(late)) == (412, ["version-mismatch"])
        for settings, status, code in (
            ({"payment_terms": None}, 400, "unknown-setting"),
            ({"unpriced_charge": "x"}, 400, "setting-value"),
            ({"refund_approval_above.XXY": None}, 422, "unknown-currency"),
        ):
            answer = await http.patch("settings", json={"settings": settings})
            assert (answer.status_code, problem_codes(answer)) == (status, [code])
        assert body(await http.get("settings"))["settings"] == body(changed)["settings"]


async def test_if_match_stops_who_has_read_other_settings(server: Server, hospital: Hospital) -> None:
    async with rest_client(server, hospital.tenant_id) as http:
        etag = (await http.get("settings")).headers["etag"]
        sent = {"settings": {"payment_terms_days": "14"}}
        assert (await http.put("settings", json=sent, headers={"if-match": etag})).status_code == 200
        late = await http.put("settings", json={"settings": {}}, headers={"if-match": etag})
        assert (late.status_code, problem_codes(late)) == (412, ["version-mismatch"])
        assert body(await http.get("settings"))["settings"] == sent["settings"]


async def test_a_setting_that_is_not_understood_changes_nothing(server: Server, hospital: Hospital) -> None:
    async with rest_client(server, hospital.tenant_id) as http:
        for settings, code in (
            ({"payment_terms": "1"}, "unknown-setting"),
            ({"unpriced_charge": "x"}, "setting-value"),
        ):
            answer = await http.put("settings", json={"settings": settings})
            assert (answer.status_code, problem_codes(answer)) == (400, [code])
        assert body(await http.get("settings"))["settings"] == {}


async def test_the_settings_of_another_tenant_stay(server: Server, hospital: Hospital) -> None:
    other = await server.add_tenant(settings={"payment_terms_days": "7"})
    async with rest_client(server, hospital.tenant_id) as http:
        await http.put("settings", json={"settings": {}})
    async with rest_client(server, other) as http:
        assert body(await http.get("settings"))["settings"] == {"payment_terms_days": "7"}


async def test_the_recognition_point_says_from_when_on_it_is_in_force(server: Server, hospital: Hospital) -> None:
    account = await hospital.account()
    today = dt.datetime.now(dt.UTC).astimezone(ZoneInfo("Asia/Kabul")).date()
    next_month = (today.replace(day=1) + dt.timedelta(days=32)).replace(day=1)
    async with rest_client(server, hospital.tenant_id) as http:
        for settings, status, code in (
            ({"recognition_point": "payment"}, 400, "setting-value"),
            ({"recognition_points": "issue"}, 400, "unknown-setting"),
        ):
            answer = await http.patch("settings", json={"settings": settings})
            assert (answer.status_code, problem_codes(answer)) == (status, [code])
        read = body(await http.get("settings"))
        assert (read["defaults"]["recognition_point"], read["recognition"]) == ("capture", [])
        await post_charge(server, hospital, account, today)
        changed = body(await http.patch("settings", json={"settings": {"recognition_point": "issue"}}))
        assert changed["settings"] == {"recognition_point": "issue"}
        assert changed["recognition"] == [{"first_day": next_month.isoformat(), "point": "issue"}]
        assert body(await http.get("settings")) == changed
        back = body(await http.put("settings", json={"settings": {}}))
        assert [each["point"] for each in back["recognition"]] == ["issue", "capture"]
        await post_charge(server, hospital, account, next_month)
        refused = await http.patch("settings", json={"settings": {"recognition_point": "issue"}})
        assert (refused.status_code, problem_codes(refused)) == (409, ["recognition-point-in-use"])
        assert body(await http.get("settings")) == back


async def post_charge(server: Server, hospital: Hospital, account: Json, day: dt.date) -> None:
    document = charge_item(f"Account/{account['id']}", 10, occurrenceDateTime=day.isoformat())
    async with server.client(server.token(hospital.tenant_id)) as client:
        answer = await client.post("ChargeItem", json=document)
    assert answer.status_code == 201, answer.text
