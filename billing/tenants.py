"""The tenants: added and changed by the operator, and each its own settings by itself."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from decimal import Decimal
from hashlib import sha256
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from billing.change_recognition import change_recognition
from ledger.errors import Category, Refusal, conflict, invalid, not_found, refuse
from ledger.money import exponent_of, minor_units_of
from ledger.price_list import LEVELS, lookup_order
from ledger.recognition import CAPTURE, ISSUE, SETTING
from ledger.tenant import DEFAULT_SETTINGS, NATIONAL, SETTINGS_BY_CURRENCY, Tenant
from storage import tenants
from storage.transaction import Database, Transaction

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_FACILITY_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_NAME = re.compile(r"(?=.*\S)[^\x00-\x1f\x7f]{1,200}")
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
    SETTING: (CAPTURE, ISSUE),
}


def is_tenant_id(text: str) -> bool:
    """Whether a tenant can be called so: neither a reserved one, nor what could be anything else in a URL."""
    return _ID.fullmatch(text) is not None and text != NATIONAL


async def add_tenant(database: Database, tenant: Tenant) -> None:
    """Register a tenant. Refused where the id is taken or anything about it is not understood."""
    async with database.transaction(tenant.id, _OPERATOR) as tx:
        await register_tenant(tx, tenant)


async def register_tenant(tx: Transaction, tenant: Tenant) -> None:
    """The same, in a transaction of that tenant."""
    if not is_tenant_id(tenant.id):
        raise invalid("tenant-id", "A tenant's id is made of a-z, 0-9 and hyphens, at most 63 of them.")
    refuse_facts(tenant)
    _refuse_settings(tenant.settings)
    if await tenants.read(tx, tenant.id) is not None:
        raise conflict("tenant-exists", f"There is a tenant {tenant.id} already.")
    tenants.insert(tx, tenant, await tx.read_clock())
    await change_recognition(tx, {}, tenant.settings, tenant.timezone)


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
    """Change some of a tenant: settings and facilities that are not given stay."""
    async with database.transaction(tenant_id, _OPERATOR) as tx:
        tenant = await locked_tenant(tx)
        changed = replace(
            tenant,
            name=name or tenant.name,
            timezone=timezone or tenant.timezone,
            active=tenant.active if active is None else active,
            settings={**tenant.settings, **(settings or {})},
            facilities={**tenant.facilities, **(facilities or {})},
        )
        await _write(tx, tenant, changed)
    return changed


async def replace_tenant(
    tx: Transaction, wanted: Tenant, *, versions_required: Collection[int] | None, settings_only: bool
) -> None:
    """Have the tenant exactly so. Its currency stays once it has an account, and its facilities are never removed.

    `settings_only`: everything else is said by the tenant service, and is what it is.
    """
    current = await locked_tenant(tx)
    if versions_required is not None and tenant_version(current) not in versions_required:
        raise _version_mismatch("The tenant is")
    if settings_only and replace(current, settings={}) != replace(wanted, settings={}):
        raise conflict(
            "tenant-led-elsewhere",
            "The platform's tenant service says what this tenant is; change that there, and settings only here.",
        )
    if wanted.currency != current.currency and await tenants.has_accounts(tx):
        raise conflict("currency-in-use", f"The tenant has accounts in {current.currency}, so that stays its currency.")
    gone = sorted(current.facilities.keys() - wanted.facilities.keys())
    if gone:
        raise conflict(
            "facility-stays",
            f"A facility stays, for prices and legal numbers name it; send these too: {', '.join(gone)}.",
        )
    await _write(tx, current, wanted)


async def locked_tenant(tx: Transaction) -> Tenant:
    """The tenant of the transaction, for as long as that lasts; refused where there is none."""
    tenant = await tenants.lock(tx) if is_tenant_id(tx.tenant_id) else None
    if tenant is None:
        raise unknown_tenant(tx.tenant_id)
    return tenant


def unknown_tenant(tenant_id: str) -> Refusal:
    return not_found("tenant-unknown", f"There is no tenant {tenant_id}.")


async def _write(tx: Transaction, current: Tenant, changed: Tenant) -> None:
    refuse_facts(changed)
    _refuse_settings(changed.settings)
    await change_recognition(tx, current.settings, changed.settings, changed.timezone)
    tenants.change(tx, changed)
    tenants.replace_settings(tx, changed.settings)
    for facility_id, name in changed.facilities.items() - current.facilities.items():
        tenants.set_facility(tx, facility_id, name)


def tenant_version(tenant: Tenant) -> int:
    """A number that the tenant does not have when anything about it is otherwise, for ETag and If-Match."""
    facts = {
        "": "\x1f".join((tenant.name, tenant.country, tenant.currency, tenant.timezone, str(tenant.active))),
        **{f"facility\x1f{key}": value for key, value in tenant.facilities.items()},
        **{f"setting\x1f{key}": value for key, value in tenant.settings.items()},
    }
    return settings_version(facts)


def settings_version(settings: Mapping[str, str]) -> int:
    """A number that another set of settings does not have, for ETag and If-Match."""
    said = "\n".join(f"{key}={settings[key]}" for key in sorted(settings))
    # Nine digits, as versions of resources may have.
    return int(sha256(said.encode()).hexdigest()[:7], 16) + 1


async def replace_settings(
    tx: Transaction, settings: Mapping[str, str], *, versions_required: Collection[int] | None, timezone: str
) -> dict[str, str]:
    """Have exactly these settings; what is not among them is at its default. What is in force within two seconds.

    `timezone`: the tenant's, by which a change of the recognition point knows what day it is.
    """
    _refuse_settings(settings)
    current = await tenants.lock_settings(tx)
    if versions_required is not None and settings_version(current) not in versions_required:
        raise _version_mismatch("The settings are")
    await change_recognition(tx, current, settings, timezone)
    tenants.replace_settings(tx, settings)
    return dict(settings)


async def change_settings(
    tx: Transaction, changes: Mapping[str, str | None], *, versions_required: Collection[int] | None, timezone: str
) -> dict[str, str]:
    """The same of some settings; None sets one to its default. The others stay."""
    _refuse_settings({key: _default_of(key) for key, value in changes.items() if value is None})
    current = await tenants.lock_settings(tx)
    changed = {key: value for key, value in (current | dict(changes)).items() if value is not None}
    return await replace_settings(tx, changed, versions_required=versions_required, timezone=timezone)


def _default_of(key: str) -> str:
    return DEFAULT_SETTINGS.get(key) or SETTINGS_BY_CURRENCY.get(key.partition(".")[0], "")


def _version_mismatch(what: str) -> Refusal:
    message = f"{what} not what If-Match says any more; read again, and change that."
    return refuse(Category.PRECONDITION, "version-mismatch", message)


def refuse_facts(tenant: Tenant) -> None:
    """Refuse what cannot be said of a tenant, whoever says it."""
    if not _COUNTRY.fullmatch(tenant.country):
        raise invalid("country", "A country is its ISO 3166 code of two capital letters, such as AF.")
    exponent_of(tenant.currency)
    _refuse_timezone(tenant.timezone)
    for name in (tenant.name, *tenant.facilities.values()):
        if not _NAME.fullmatch(name):
            raise invalid("name-invalid", "A name has 1 to 200 printable characters.")
    for facility_id in tenant.facilities:
        if not _FACILITY_ID.fullmatch(facility_id):
            message = "A facility's id is the id of its Organization: 1 to 64 characters of A-Z, a-z, 0-9, - and dots."
            raise invalid("facility-id", message)


def _refuse_timezone(timezone: str) -> None:
    try:
        ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
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
