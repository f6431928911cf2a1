"""Price lists in the model: one list of the tenant for the one service that the tests charge for."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction

from tests.acceptance.reference.books import TENANT_CURRENCY, Fields, refuse_if
from tests.acceptance.reference.recognition import Recognition


class Prices(Recognition):
    def publish(self, version: Fields) -> None:
        """A version comes into force: from, to, prices by currency, and percents that are taken off."""
        start, end = version["from"], version["to"]
        superseded = next((v for v in self.price_versions if v["to"] is None and v["from"] < start), None)
        others = [v for v in self.price_versions if v is not superseded]
        refuse_if(
            price_list_invalid=end is not None and end < start,
            price_list_overlap=any(
                (end is None or v["from"] <= end) and (v["to"] is None or start <= v["to"]) for v in others
            ),
        )
        if superseded is not None:
            superseded["to"] = start - timedelta(days=1)
        self.price_versions.append(dict(version))

    def end_prices(self, number: int, last: date) -> None:
        refuse_if(price_list_unknown=not 1 <= number <= len(self.price_versions))
        version = self.price_versions[number - 1]
        is_later = version["to"] is not None and last > version["to"]
        refuse_if(price_list_invalid=is_later or last < version["from"] - timedelta(days=1))
        version["to"] = last

    def list_price(self, charge: Fields) -> Fields | None:
        """What a charge costs by the list: amount, discount, exemption; None where it has no price."""
        account = self.accounts.get(charge["account"] or "")
        currency = account["currency"] if account else TENANT_CURRENCY
        posted = charge["posted"]
        day = date.fromisoformat(charge["on"]) if charge["on"] else posted[3] if posted else self.today
        for version in self.price_versions:
            if version["from"] <= day and (version["to"] is None or day <= version["to"]):
                unit = version["prices"].get(currency)
                return None if unit is None else _reduced(unit, currency, charge, version)
        return None


def _reduced(unit: int, currency: str, charge: Fields, version: Fields) -> Fields:
    base = half_away(Fraction(unit) * Fraction(charge["quantity"] or 1))
    discount = half_away(Fraction(base * version["discount"], 100))
    exempt = version["exemption"] if charge["is_poor"] else 0
    exemption = half_away(Fraction((base - discount) * exempt, 100))
    return {
        "amount": base - discount - exemption,
        "currency": currency,
        "discount": discount,
        "exemption": exemption,
        "unpriced": False,
    }


def half_away(exact: Fraction) -> int:
    """Rounded half away from zero, of what is not negative."""
    return int(exact + Fraction(1, 2))
