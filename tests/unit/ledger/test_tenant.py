"""A tenant's settings: what was set, else the default, by currency where there is one for each."""

from __future__ import annotations

import pytest

from ledger.tenant import DEFAULT_SETTINGS, Tenant

SETTINGS = {
    "payment_terms_days": "0",
    "smallest_coin.AED": "0.25",
    "business_keys.ChargeItem": "urn:a  urn:b",
    "card_number_lookalikes": "urn:file urn:visit",
}
TENANT = Tenant("t", "Hospital", "AE", "AED", "Asia/Dubai", settings=SETTINGS)


def test_a_setting_is_what_was_set_else_its_default() -> None:
    assert TENANT.setting("payment_terms_days") == "0"
    assert TENANT.setting("unpriced_charge") == "hold"
    with pytest.raises(KeyError):
        TENANT.setting("nothing")


def test_settings_by_currency_have_a_default_too() -> None:
    assert TENANT.setting_in("smallest_coin", "AED") == "0.25"
    assert TENANT.setting_in("smallest_coin", "USD") == "0"
    assert TENANT.setting_in("refund_second_approval_above", "AED") == ""


def test_all_settings_are_shown_as_they_hold() -> None:
    shown = TENANT.all_settings()
    assert shown["payment_terms_days"] == "0"
    assert shown["smallest_coin.AED"] == "0.25"
    assert shown["refund_approval_above.AED"] == "0"
    by_currency = {key for key in shown if key.endswith(".AED")}
    assert shown.keys() == DEFAULT_SETTINGS.keys() | by_currency
    assert len(by_currency) == 5


def test_lists_of_systems_are_words() -> None:
    assert TENANT.business_key_systems("ChargeItem") == {"urn:a", "urn:b"}
    assert TENANT.business_key_systems("Account") == frozenset()
    assert TENANT.business_key_systems("PaymentReconciliation") == frozenset()
    assert TENANT.systems_like_cards == {"urn:file", "urn:visit"}
