"""SMART scopes of both versions, and business scopes."""

from __future__ import annotations

import re

import pytest

from fhir_server.authorization.smart_scopes import BUSINESS_SCOPES, Permission, granted, scopes_of
from ledger.errors import Category, Refusal
from tests.checkout import CHECKOUT

ALL = "cruds"


def allowed(scope: str, resource_type: str) -> str:
    letters: list[Permission] = ["c", "r", "u", "d", "s"]
    return "".join(letter for letter in letters if scopes_of(scope).allow(resource_type, letter))


@pytest.mark.parametrize(
    ("scope", "letters"),
    [
        ("system/*.cruds", "cruds"),
        ("system/Invoice.cruds", "cruds"),
        ("system/Invoice.rs", "rs"),
        ("system/Invoice.c", "c"),
        ("user/Invoice.cu", "cu"),
        ("system/Invoice.read", "rs"),
        ("system/Invoice.write", "cud"),
        ("system/*.read", "rs"),
        ("system/*.*", "cruds"),
        ("system/Invoice.*", "cruds"),
        ("system/Invoice.r system/Invoice.s system/*.c", "crs"),
    ],
)
def test_a_scope_allows_what_it_says(scope: str, letters: str) -> None:
    assert allowed(scope, "Invoice") == letters


@pytest.mark.parametrize(
    "scope",
    [
        "",
        "system/ChargeItem.cruds",
        "system/Invoice.sr",
        "system/Invoice.",
        "system/Invoice.crudsx",
        "system/Invoice",
        "Invoice.read",
        "system/*",
        "launch/Invoice.cruds",
        "openid profile",
        "billing:*",
    ],
)
def test_what_is_not_said_is_not_allowed(scope: str) -> None:
    assert allowed(scope, "Invoice") == ""


def test_a_scope_with_a_search_is_for_some_and_not_for_all() -> None:
    scopes = scopes_of("system/Invoice.rs?status=issued system/*.c?_tag=x system/Account.r")
    assert scopes.is_narrowed
    assert scopes.allow("Invoice", "r")
    assert not scopes.allow_whole("Invoice", "r")
    assert scopes.queries("Invoice", "s") == ("status=issued",)
    assert scopes.queries("Invoice", "c") == ("_tag=x",)
    assert scopes.allow_whole("Account", "r")
    with pytest.raises(Refusal):
        scopes.require_all("Invoice", "r")


def test_a_token_of_a_patient_is_for_types_that_patients_have_and_never_for_all_of_one() -> None:
    scopes = scopes_of("patient/*.rs system/*.cruds")
    assert scopes.allow("Invoice", "r")
    assert not scopes.allow_whole("Invoice", "r")
    assert not scopes.allow("PaymentReconciliation", "r")


@pytest.mark.parametrize(
    ("requested", "registered", "expected"),
    [
        ("", "system/*.rs billing:payment:post", "system/*.rs billing:payment:post"),
        ("system/Invoice.r", "system/*.rs", "system/Invoice.r"),
        ("system/*.rs", "system/Invoice.rs", ""),
        ("system/Invoice.cruds", "system/Invoice.rs", ""),
        ("system/Invoice.rs?status=issued", "system/Invoice.rs", "system/Invoice.rs?status=issued"),
        ("system/Invoice.rs", "system/Invoice.rs?status=issued", ""),
        ("system/Invoice.rs?status=issued", "system/Invoice.rs?status=issued", "system/Invoice.rs?status=issued"),
        ("billing:refund:pay", "billing:*", "billing:refund:pay"),
        ("billing:*", "billing:refund:pay", ""),
        ("patient/*.rs openid", "system/*.cruds", ""),
    ],
)
def test_of_what_is_asked_for_that_is_granted_which_is_registered(
    requested: str, registered: str, expected: str
) -> None:
    assert granted(requested, registered) == expected


def test_a_patient_scope_is_noticed() -> None:
    assert scopes_of("system/*.cruds patient/*.rs").bound_to_patient


def test_billing_star_is_every_business_scope() -> None:
    assert scopes_of("billing:*").allow_business("billing:payment:post")
    assert scopes_of("billing:payment:post").allow_business("billing:payment:post")
    assert not scopes_of("billing:payment:post").allow_business("billing:refund:approve")
    assert not scopes_of("system/*.cruds").allow_business("billing:payment:post")


def test_what_is_missing_is_named() -> None:
    with pytest.raises(Refusal, match=r"system/Invoice\.u") as refused:
        scopes_of("system/Invoice.r").require("Invoice", "u")
    assert refused.value.category is Category.NOT_ALLOWED
    with pytest.raises(Refusal, match="billing:payment:post"):
        scopes_of("").require_business("billing:payment:post")


def test_every_business_scope_is_documented_and_no_other_is_asked_for() -> None:
    page = (CHECKOUT / "docs" / "security.md").read_text(encoding="utf-8")
    assert [scope for scope, lets in BUSINESS_SCOPES.items() if f"| `{scope}` | {lets} |" not in page] == []
    source = "".join(file.read_text(encoding="utf-8") for file in (CHECKOUT / "fhir_server").rglob("*.py"))
    assert set(re.findall(r'"(billing:[a-z]+:[a-z]+)"', source)) <= set(BUSINESS_SCOPES)
