"""Ids that a transaction chooses for what it creates."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_server.interactions.temporary_ids import temporary_ids
from ledger.errors import Refusal

BASE = "https://billing.example.org/fhir"
TEMPORARY = "urn:uuid:00000000-0000-4000-8000-000000000001"


def entry(full_url: str | None, method: str, url: str) -> dict[str, Any]:
    request = {"request": {"method": method, "url": url}}
    return request if full_url is None else {"fullUrl": full_url, **request}


def test_what_is_created_gets_an_id_and_what_is_updated_has_one() -> None:
    ids = temporary_ids([entry(TEMPORARY, "POST", "Account"), entry("urn:uuid:2", "PUT", "Invoice/a")], BASE)
    assert list(ids.assigned) == [0]
    assert ids.by_full_url == {TEMPORARY: f"Account/{ids.assigned[0]}", "urn:uuid:2": "Invoice/a"}


def test_reads_deletions_and_operations_make_nothing() -> None:
    given = [
        entry(None, "GET", "Account/1"),
        entry(None, "DELETE", "Account/1"),
        entry(None, "POST", "Invoice/1/$issue"),
    ]
    ids = temporary_ids(given, BASE)
    assert not ids.assigned
    assert not ids.by_full_url


def test_a_temporary_id_in_a_url_is_replaced() -> None:
    ids = temporary_ids([entry(TEMPORARY, "POST", "Invoice")], BASE)
    assert ids.in_url(f"Invoice/{TEMPORARY}/$issue") == f"Invoice/{ids.assigned[0]}/$issue"
    assert ids.in_url(TEMPORARY) == f"Invoice/{ids.assigned[0]}"
    assert ids.in_url(f"Account/{TEMPORARY}/$balance") == f"Account/{TEMPORARY}/$balance"
    assert ids.in_url("Invoice/urn:uuid:unknown/$issue") == "Invoice/urn:uuid:unknown/$issue"


def test_a_relative_reference_means_the_server_of_its_own_entry() -> None:
    ids = temporary_ids([entry("https://his.example.org/Account/7", "POST", "Account")], BASE)
    actual = f"Account/{ids.assigned[0]}"
    assert ids.replacements_for("https://his.example.org/Invoice/1")["Account/7"] == actual
    assert "Account/7" not in ids.replacements_for("https://other.example.org/Invoice/1")
    assert "Account/7" not in ids.replacements_for(TEMPORARY)
    assert ids.replacements_for(TEMPORARY)["https://his.example.org/Account/7"] == actual


def test_references_to_what_has_its_id_already_stay_as_they_are() -> None:
    assert not temporary_ids([entry(f"{BASE}/Account/7", "PUT", "Account/7")], BASE).by_full_url


def test_a_full_url_names_one_entry() -> None:
    with pytest.raises(Refusal) as refused:
        temporary_ids([entry(TEMPORARY, "POST", "Account"), entry(TEMPORARY, "POST", "Invoice")], BASE)
    assert refused.value.problems[0].expression == "Bundle.entry[1].fullUrl"
