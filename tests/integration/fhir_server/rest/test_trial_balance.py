"""`/trial-balance`: every ledger account, and in every currency as much debit as credit."""

from __future__ import annotations

import pytest

from tests.integration.rest_client import amount, problem_codes, rest_client
from tests.integration.serving import Hospital, Server, body


async def test_it_says_what_each_ledger_account_was_debited_and_credited(server: Server, hospital: Hospital) -> None:
    await hospital.issued(120)
    async with rest_client(server, hospital.tenant_id) as http:
        balance = body(await http.get("trial-balance"))
        before = body(await http.get("trial-balance?date=2020-01-01"))
    assert balance["items"] == [
        {
            "ledger_account": code,
            "name": name,
            "currency": "AFN",
            "debit": amount(debit),
            "credit": amount(credit),
            "balance": amount(debit - credit),
        }
        for code, name, debit, credit in (
            (1100, "Receivable patient", 12000, 0),
            (1150, "Unbilled receivable", 12000, 12000),
            (4000, "Patient revenue", 0, 12000),
        )
    ]
    assert before == {"date": "2020-01-01", "items": []}


async def test_it_needs_the_scope_of_who_checks_the_books(server: Server, hospital: Hospital) -> None:
    async with rest_client(server, hospital.tenant_id, "system/*.cruds billing:payment:post") as http:
        answer = await http.get("trial-balance")
    assert (answer.status_code, problem_codes(answer)) == (403, ["insufficient-scope"])
    async with rest_client(server, hospital.tenant_id, "billing:check:read") as http:
        answer = await http.get("trial-balance?recorded=2999-01-01T00:00:00Z")
    assert (answer.status_code, problem_codes(answer)) == (422, ["recorded-in-future"])


@pytest.mark.parametrize(
    "recorded",
    ["0.5", "1790000000", "2026-01-01", "2026-01-01T00:00:00", "0001-01-01T00:00:00%2B14:00", "2026-01-01T25:00Z"],
)
async def test_a_moment_is_a_date_with_its_time_and_zone(server: Server, hospital: Hospital, recorded: str) -> None:
    async with rest_client(server, hospital.tenant_id, "billing:check:read") as http:
        answer = await http.get(f"trial-balance?recorded={recorded}")
    assert (answer.status_code, problem_codes(answer)) == (400, ["parameter-invalid"])
