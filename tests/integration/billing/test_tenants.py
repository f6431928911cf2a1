"""Tenants and their settings: what is not understood is refused."""

from __future__ import annotations

import pytest

from billing.tenants import add_tenant, change_tenant
from ledger.tenant import Tenant
from storage.transaction import Database
from tests.integration.billing.hospital import Hospital, refused


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [
        ("payment_terms_days", "soon", "setting-value"),
        ("payment_terms_days", "-1", "setting-value"),
        ("payment_terms_days", "²", "setting-value"),
        ("payment_terms_days", "3651", "setting-value"),
        ("unpriced_charge", "guess", "setting-value"),
        ("code_validation", "on", "setting-value"),
        ("code_validation_failure", "", "setting-value"),
        ("code_value_set", "a b", "setting-value"),
        ("business_keys.Patient", "s", "unknown-setting"),
        ("refund_approval_above", "1", "unknown-currency"),
        ("refund_approval_above.AAA", "1", "unknown-currency"),
        ("refund_approval_above.AFN", "", "setting-value"),
        ("refund_approval_above.AFN", "-1", "setting-value"),
        ("refund_approval_above.AFN", "1e3", "setting-value"),
        ("refund_approval_above.AFN", "1.005", "amount-too-precise"),
        ("adjustment_second_approval_above.JPY", "0.5", "amount-too-precise"),
        ("approval_window_days", "0", "setting-value"),
        ("approval_window_days", "367", "setting-value"),
    ],
)
async def test_settings_that_are_not_understood_are_refused(
    connected: Database, hospital: Hospital, key: str, value: str, code: str
) -> None:
    assert (await refused(change_tenant(connected, hospital.tenant_id, settings={key: value}))).code == code


async def test_settings_of_one_tenant_are_its_own(connected: Database, hospital: Hospital) -> None:
    changed = await change_tenant(connected, hospital.tenant_id, settings={"payment_terms_days": "14"})
    assert changed.setting("payment_terms_days") == "14"
    other = await Hospital.open(connected)
    assert other.context.tenant.setting("payment_terms_days") == "30"


@pytest.mark.parametrize(
    ("tenant", "code"),
    [
        (Tenant("Not An Id", "x", "AF", "AFN", "Asia/Kabul"), "tenant-id"),
        (Tenant("no-currency", "x", "AF", "AAA", "Asia/Kabul"), "unknown-currency"),
        (Tenant("no-zone", "x", "AF", "AFN", "Asia/Nowhere"), "timezone"),
    ],
)
async def test_tenants_that_are_not_understood_are_refused(connected: Database, tenant: Tenant, code: str) -> None:
    assert (await refused(add_tenant(connected, tenant))).code == code


async def test_an_id_is_taken_once(connected: Database, hospital: Hospital) -> None:
    assert (await refused(add_tenant(connected, hospital.context.tenant))).code == "tenant-exists"
