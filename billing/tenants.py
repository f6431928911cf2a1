"""The tenants: read often, so kept for a moment; added and changed by the operator."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from decimal import Decimal
from hashlib import sha256
from time import monotonic
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ledger.errors import Category, conflict, invalid, not_found, refuse
from ledger.money import exponent_of, minor_units_of
from ledger.price_list import LEVELS, lookup_order
from ledger.tenant import DEFAULT_SETTINGS, SETTINGS_BY_CURRENCY, Tenant
from storage import tenants
from storage.transaction import Database, Transaction

_KEPT_SECONDS = 2.0
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_CATEGORY = re.compile(r"\S{1,64}")
_DAYS = re.compile(r"[0-9]{1,4}")
_AMOUNT = re.compile(r"[0-9]{1,18}(\.[0-9]{1,4})?")
_URL = re.compile(r"\S{1,500}")
_OPERATOR = "operator"

_CHOICES = {
    "unpriced_charge": ("hold", "refuse"),
    "code_validation": ("off", "local", "server"),
    "code_validation_failure": ("open", "closed"),
    "cash_sessions": ("off", "optional", "required"),
    "auto_allocate": ("off", "on-issue"),
}


class TenantDirectory:
    """Tenants by id. A change reaches every process within two seconds."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: dict[str, tuple[float, Tenant | None]] = {}

    async def get(self, tenant_id: str) -> Tenant | None:
        kept = self._kept.get(tenant_id)
        if kept is not None and monotonic() - kept[0] < _KEPT_SECONDS:
            return kept[1]
        tenant = await tenants.read(self._database, tenant_id)
        if len(self._kept) > 10_000:
            self._kept.clear()
        self._kept[tenant_id] = (monotonic(), tenant)
        return tenant


async def add_tenant(database: Database, tenant: Tenant) -> None:
    """Register a tenant. Refused where the id is taken or anything about it is not understood."""
    if not _ID.fullmatch(tenant.id):
        raise invalid("tenant-id", "A tenant's id is made of a-z, 0-9 and hyphens, at most 63 of them.")
    exponent_of(tenant.currency)
    _refuse_timezone(tenant.timezone)
    _refuse_settings(tenant.settings)
    if await tenants.read(database, tenant.id) is not None:
        raise conflict("tenant-exists", f"There is a tenant {tenant.id} already.")
    async with database.transaction(tenant.id, _OPERATOR) as tx:
        tenants.insert(tx, tenant, await tx.read_clock())


async def change_tenant(
    database: Database,
    tenant_id: str,
    *,
    settings: Mapping[str, str] | None = None,
    facilities: Mapping[str, str] | None = None,
    name: str | None = None,
    timezone: str | None = None,
    active: bool | None = None,
) -> Tenant:
    """Change what may change of a tenant: not its currency, which its accounts were opened in."""
    tenant = await tenants.read(database, tenant_id)
    if tenant is None:
        raise not_found("tenant-unknown", f"There is no tenant {tenant_id}.")
    _refuse_settings(settings or {})
    if timezone is not None:
        _refuse_timezone(timezone)
    changed = replace(
        tenant,
        name=name or tenant.name,
        timezone=timezone or tenant.timezone,
        active=tenant.active if active is None else active,
    )
    async with database.transaction(tenant_id, _OPERATOR) as tx:
        tenants.change(tx, changed)
        tenants.set_settings(tx, settings or {})
        for facility_id, facility_name in (facilities or {}).items():
            tenants.set_facility(tx, facility_id, facility_name)
    after = await tenants.read(database, tenant_id)
    assert after is not None
    return after


def settings_version(settings: Mapping[str, str]) -> int:
    """A number that another set of settings does not have, for ETag and If-Match."""
    said = "\n".join(f"{key}={settings[key]}" for key in sorted(settings))
    # Nine digits, as versions of resources may have.
    return int(sha256(said.encode()).hexdigest()[:7], 16) + 1


async def replace_settings(
    tx: Transaction, settings: Mapping[str, str], *, versions_required: Collection[int] | None
) -> dict[str, str]:
    """Have exactly these settings; what is not among them is at its default. What is in force within two seconds."""
    _refuse_settings(settings)
    current = await tenants.lock_settings(tx)
    if versions_required is not None and settings_version(current) not in versions_required:
        raise refuse(
            Category.PRECONDITION,
            "version-mismatch",
            "The settings are not what If-Match says any more; read them again, and change those.",
        )
    tenants.replace_settings(tx, settings)
    return dict(settings)


def _refuse_timezone(timezone: str) -> None:
    try:
        ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError):
        raise invalid("timezone", f"{timezone!r} is not a time zone such as Asia/Kabul.") from None


def _is_lookup_order(value: str) -> bool:
    levels = lookup_order(value)
    return bool(levels) and set(levels) <= set(LEVELS) and len(set(levels)) == len(levels)


def _refuse_limit(key: str, name: str, currency: str, value: str) -> None:
    if not value and not SETTINGS_BY_CURRENCY[name]:
        return
    exponent_of(currency)
    if not _AMOUNT.fullmatch(value):
        raise invalid("setting-value", f"{key} is an amount in {currency}, such as 1000 or 1000.50.")
    minor_units_of(Decimal(value), currency)


def _refuse_settings(settings: Mapping[str, str]) -> None:
    for key, value in settings.items():
        name, _, currency = key.partition(".")
        if name in SETTINGS_BY_CURRENCY:
            _refuse_limit(key, name, currency, value)
            continue
        if key not in DEFAULT_SETTINGS:
            known = [*DEFAULT_SETTINGS, *(f"{each}.CURRENCY" for each in SETTINGS_BY_CURRENCY)]
            raise invalid("unknown-setting", f"There is no setting {key}; there are {', '.join(sorted(known))}.")
        if key in _CHOICES and value not in _CHOICES[key]:
            raise invalid("setting-value", f"{key} is one of {', '.join(_CHOICES[key])}.")
        if key == "code_value_set" and value and not _URL.fullmatch(value):
            raise invalid("setting-value", "code_value_set is the URL of a value set, or nothing.")
        if key == "payment_terms_days" and not (_DAYS.fullmatch(value) and int(value) <= 3650):
            raise invalid("setting-value", "payment_terms_days is a number of days from 0 to 3650.")
        if key == "payment_plan_grace_days" and not (_DAYS.fullmatch(value) and int(value) <= 366):
            raise invalid("setting-value", "payment_plan_grace_days is a number of days from 0 to 366.")
        if key == "price_lookup_order" and not _is_lookup_order(value):
            raise invalid(
                "setting-value", f"price_lookup_order names levels of price lists once each: {', '.join(LEVELS)}."
            )
        if key == "approval_window_days" and not (_DAYS.fullmatch(value) and 1 <= int(value) <= 366):
            raise invalid("setting-value", "approval_window_days is a number of days from 1 to 366.")
        if key == "tax_category" and value and not _CATEGORY.fullmatch(value):
            raise invalid("setting-value", "tax_category is one word, as tax rules have it.")
        if key == "requests_per_second" and value and not (_DAYS.fullmatch(value) and int(value) > 0):
            raise invalid("setting-value", "requests_per_second is a number from 1 to 9999, or nothing.")
