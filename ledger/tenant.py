"""A tenant: whose books these are, in what currency, and by which settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType

NATIONAL = "national"
"""The reserved tenant of national price lists and tax rules: every tenant reads them, and the operator writes them."""

OPERATORS = "_operators"
"""The reserved tenant of operators' tokens. It has no data, and no tenant can be called so."""

DEFAULT_SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        # Days from issue to due date where the invoice does not say.
        "payment_terms_days": "30",
        # What becomes of a charge that no price is found for: hold (kept, unpriced, not posted) or refuse.
        "unpriced_charge": "hold",
        # Where a price is looked for, the first that has one: levels of price lists, comma-separated.
        "price_lookup_order": "tenant,facility,national",
        # Which of one's requests of the last days count together towards the thresholds of approvals.
        "approval_window_days": "30",
        # The reasons that an adjustment may have, space-separated codes; empty: any text.
        "adjustment_reasons": "",
        # The tax category of what no price list gives one; without it no tax rule applies to that.
        "tax_category": "",
        # By what the codes of charges are validated: off, local (the code table) or server (a terminology server).
        "code_validation": "off",
        # What becomes of them where the server does not answer: open (accepted) or closed (refused for now).
        "code_validation_failure": "open",
        # The code systems that are validated, space-separated; empty: all.
        "code_systems": "",
        # The value set of the server that codes must be in; empty: any code of its system.
        "code_value_set": "",
        # Whether cash is taken in sessions of a drawer: off, optional (counted where one is open) or required.
        "cash_sessions": "off",
        # When revenue is recognised: at capture, or at issue. In force from the first period without captured charges.
        "recognition_point": "capture",
        # Whether unapplied money of an account pays its next invoice: off, or on-issue.
        "auto_allocate": "off",
        # Days that an instalment of a payment plan may be late before the plan is in default.
        "payment_plan_grace_days": "7",
        # Identifier systems that are business keys, space-separated, by resource type.
        "business_keys.ChargeItem": "",
        "business_keys.Account": "",
        "business_keys.Invoice": "",
        "business_keys.PaymentNotice": "",
        # The most requests a second of all clients together; empty: as the server's settings say.
        "requests_per_second": "",
        # Identifier systems, space-separated, whose values may look like card numbers, for they are none.
        "card_number_lookalikes": "",
    }
)

SETTINGS_BY_CURRENCY: Mapping[str, str] = MappingProxyType(
    {
        # Amounts above which a refund or an adjustment needs an approval: set as `refund_approval_above.AFN`. Where
        # nobody has said anything, all do.
        "refund_approval_above": "0",
        "adjustment_approval_above": "0",
        # And above which it needs two, by different people; empty: never.
        "refund_second_approval_above": "",
        "adjustment_second_approval_above": "",
        # The smallest coin, to which what is paid in cash at the counter is rounded; 0: none.
        "smallest_coin": "0",
    }
)


@dataclass(frozen=True, slots=True)
class Tenant:
    id: str
    name: str
    country: str
    currency: str
    timezone: str
    active: bool = True
    settings: Mapping[str, str] = field(default_factory=dict)
    facilities: Mapping[str, str] = field(default_factory=dict)

    def setting(self, key: str) -> str:
        return self.settings.get(key, DEFAULT_SETTINGS[key])

    @property
    def systems_like_cards(self) -> frozenset[str]:
        return _words(self.setting("card_number_lookalikes"))

    def all_settings(self) -> dict[str, str]:
        """Every setting as it holds for this tenant; those by currency for the tenant's own and where they are set."""
        by_currency = {f"{key}.{self.currency}": value for key, value in SETTINGS_BY_CURRENCY.items()}
        return {**DEFAULT_SETTINGS, **by_currency, **self.settings}

    def setting_in(self, key: str, currency: str) -> str:
        """A setting that there is one of for each currency."""
        return self.settings.get(f"{key}.{currency}", SETTINGS_BY_CURRENCY[key])

    def business_key_systems(self, resource_type: str) -> frozenset[str]:
        key = f"business_keys.{resource_type}"
        return _words(self.setting(key)) if key in DEFAULT_SETTINGS else frozenset()


@lru_cache(maxsize=1024)
def _words(setting: str) -> frozenset[str]:
    return frozenset(setting.split())
