"""SMART scopes of both versions, and business scopes."""

from __future__ import annotations

import pytest

from fhir_server.authorization.smart_scopes import Permission, scopes_of
from ledger.errors import Category, Refusal

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


@pytest.mark.parametrize("scope", ["system/Invoice.rs?status=issued", "system/*.cruds?_security=x"])
def test_a_scope_that_a_search_narrows_grants_nothing(scope: str) -> None:
    assert allowed(scope, "Invoice") == ""


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
