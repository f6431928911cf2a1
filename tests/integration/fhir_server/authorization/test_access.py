"""Who comes in, and as which tenant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.serving import ALL_SCOPES, PATIENT, Hospital, Server, body, codes_of, row_counts

ACCOUNT = {"resourceType": "Account", "status": "active", "subject": [PATIENT]}


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Basic YTpi", "Bearer nonsense", "Bearer a.b.c"])
async def test_without_a_valid_token_nothing_is_answered(hospital: Hospital, authorization: str | None) -> None:
    created = await hospital.account()
    before = row_counts(hospital.server.access)
    headers = {} if authorization is None else {"authorization": authorization}
    async with hospital.server.client(None, **headers) as http:
        for answer in (
            await http.get(f"Account/{created['id']}"),
            await http.get("Account"),
            await http.post("Account", json=ACCOUNT),
            await http.delete(f"Account/{created['id']}"),
            await http.post("", json={"resourceType": "Bundle", "type": "batch"}),
        ):
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"].startswith("Bearer ")
            assert body(answer)["issue"][0]["code"] == "login"
    assert row_counts(hospital.server.access) == before


async def test_an_expired_token_is_401(hospital: Hospital) -> None:
    token = hospital.server.token(hospital.tenant_id, now=datetime.now(UTC) - timedelta(hours=2))
    async with hospital.server.client(token) as http:
        answer = await http.get("Account")
    assert (answer.status_code, codes_of(body(answer))) == (401, ["token-invalid"])
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


async def test_a_token_in_the_url_is_not_taken(hospital: Hospital) -> None:
    async with hospital.server.client(None) as http:
        answer = await http.get(f"Account?access_token={hospital.server.token(hospital.tenant_id)}")
    assert answer.status_code == 401


async def test_a_tenant_that_nobody_knows_is_403(server: Server) -> None:
    async with server.client(server.token("nobody")) as http:
        answer = await http.get("Account")
    assert (answer.status_code, codes_of(body(answer))) == (403, ["unknown-tenant"])


async def test_a_tenant_without_a_licence_is_403_before_any_data_is_looked_at(server: Server) -> None:
    tenant_id = await server.add_tenant(active=False)
    async with server.client(server.token(tenant_id)) as http:
        for answer in (await http.get("Account/nothing"), await http.post("Account", content=b"not even JSON")):
            assert (answer.status_code, codes_of(body(answer))) == (403, ["MODULE_NOT_ACTIVE"])


async def test_a_token_bound_to_a_patient_that_it_does_not_name_gets_nothing(hospital: Hospital) -> None:
    token = hospital.server.token(hospital.tenant_id, "patient/*.cruds system/*.cruds")
    async with hospital.server.client(token) as http:
        answer = await http.get("Account")
    assert (answer.status_code, codes_of(body(answer))) == (403, ["patient-missing"])


CALLS = {
    "c": ("POST", "Account"),
    "r": ("GET", "Account/{id}"),
    "u": ("PUT", "Account/{id}"),
    "d": ("DELETE", "Account/{id}"),
    "s": ("GET", "Account"),
}


@pytest.mark.parametrize(
    ("scope", "letters"),
    [
        ("system/Account.c", "c"),
        ("system/Account.r", "r"),
        ("system/Account.u", "u"),
        ("system/Account.d", "d"),
        ("system/Account.s", "s"),
        ("system/Account.read", "rs"),
        ("system/*.write", "cud"),
        ("user/Account.cruds", "cruds"),
        ("system/Invoice.cruds", ""),
        ("billing:*", ""),
        ("", ""),
    ],
)
async def test_a_scope_opens_what_it_names_and_nothing_else(hospital: Hospital, scope: str, letters: str) -> None:
    created = await hospital.account()
    async with hospital.server.client(hospital.server.token(hospital.tenant_id, scope)) as http:
        for letter, (method, url) in CALLS.items():
            content = created if method == "PUT" else ACCOUNT if method == "POST" else None
            answer = await http.request(method, url.format(id=created["id"]), json=content)
            if letter in letters:
                assert answer.status_code < 300, (letter, answer.text)
            else:
                assert (answer.status_code, codes_of(body(answer))) == (403, ["insufficient-scope"]), letter
                assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]
            if letter == "d" and letter in letters:
                created = await hospital.account()


async def test_history_needs_to_be_allowed_to_read(hospital: Hospital) -> None:
    created = await hospital.account()
    async with hospital.server.client(hospital.server.token(hospital.tenant_id, "system/Account.cuds")) as http:
        for url in (f"Account/{created['id']}/_history", f"Account/{created['id']}/_history/1"):
            assert (await http.get(url)).status_code == 403
        assert (await http.get(f"Account/{created['id']}/$balance")).status_code == 403


@pytest.mark.parametrize("url", ["metadata", ".well-known/smart-configuration"])
async def test_what_says_how_to_come_in_is_open(server: Server, url: str) -> None:
    async with server.client(None) as http:
        assert (await http.get(url)).status_code == 200


async def test_the_tenant_is_the_token_s_whatever_the_request_says(server: Server, hospital: Hospital) -> None:
    other = await server.add_tenant()
    created = await hospital.account()
    async with server.client(server.token(other, ALL_SCOPES), **{"x-tenant-id": hospital.tenant_id}) as http:
        assert (await http.get(f"Account/{created['id']}?tenant={hospital.tenant_id}")).status_code == 404
        assert (await http.post("Account", json=ACCOUNT)).status_code == 201
    assert (await hospital.read("Account?_total=accurate"))["total"] == 1
