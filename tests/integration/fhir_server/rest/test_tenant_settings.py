"""`/settings`: the tenant's own, read and replaced."""

from __future__ import annotations

from tests.integration.rest_client import problem_codes, rest_client
from tests.integration.serving import Hospital, Server, body


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
