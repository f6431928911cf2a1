"""A tenant: whose books these are, in what currency, and by which settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

NATIONAL = "national"
"""The reserved tenant of national price lists and tax rules: every tenant reads them, and the operator writes them."""

DEFAULT_SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        # Days from issue to due date where the invoice does not say.
        "payment_terms_days": "30",
        # What becomes of a charge that no price is found for: hold (kept, unpriced, not posted) or refuse.
        "unpriced_charge": "hold",
        # Where a price is looked for, the first that has one: levels of price lists, comma-separated.
        "price_lookup_order": "tenant,facility,national",
        # Identifier systems that are business keys, space-separated, by resource type.
        "business_keys.ChargeItem": "",
        "business_keys.Account": "",
        "business_keys.Invoice": "",
        "business_keys.PaymentNotice": "",
        # Identifier systems, space-separated, whose values may look like card numbers, for they are none.
        "card_number_lookalikes": "",
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
        return frozenset(self.setting("card_number_lookalikes").split())

    def business_key_systems(self, resource_type: str) -> frozenset[str]:
        key = f"business_keys.{resource_type}"
        return frozenset(self.setting(key).split()) if key in DEFAULT_SETTINGS else frozenset()
