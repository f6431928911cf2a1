"""Charges in the model: captured once a key, posted while they are billable, reversed and posted anew when changed."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

from tests.acceptance.reference.books import Fields, Refused, refuse_if
from tests.acceptance.reference.prices import Prices, half_away


class Charges(Prices):
    def capture(self, id_: str, fields: Fields) -> str:
        """The id of the charge: that of an earlier one, where its key said the same."""
        owner = self.charge_keys.get(fields["key"])
        if owner is not None:
            refuse_if(business_key_conflict=owner[1] != fields)
            return owner[0]
        refuse_if(
            server_owned=fields["status"] == "billed",
            reference_not_found=fields["account"] is not None and fields["account"] not in self.accounts,
        )
        charge = {
            **fields,
            "amount": None,
            "currency": None,
            "unpriced": False,
            "discount": 0,
            "exemption": 0,
            "posted": None,
            "booked_on": None,
            "deferred": False,
            "recognised_on": None,
            "ever_posted": False,
            "ever_billed": False,
        }
        if fields["status"] == "billable":
            self._price(charge, anew=True)
            self._place(charge)
            self._refuse_account(charge)
        self._post_charge(id_, charge)
        if fields["key"]:
            self.charge_keys[fields["key"]] = (id_, fields)
        return id_

    def change_charge(self, id_: str, sent: Fields) -> None:
        before, fields = self.charges.get(id_), sent
        if before is None:
            refuse_if(business_key_conflict=fields["key"] in self.charge_keys)
            self.capture(id_, fields)
            return
        status, was = fields["status"], before["status"]
        refuse_if(
            reference_not_found=fields["account"] is not None and fields["account"] not in self.accounts,
            invalid_state=was == "entered-in-error" != status,
            charge_billed=was == "billed" != status,
            server_owned=status == "billed" != was and not before["ever_billed"],
            stale=status == "billed" != was and before["ever_billed"],
        )
        fields = dict(fields)
        if fields["account"] is None and fields["subject"] == before["subject"]:
            fields["account"] = before["account"]
        priced_by = ("price", "on", "facility", "quantity", "is_poor")
        anew = was not in ("billable", "billed") or any(fields[name] != before[name] for name in priced_by)
        moved = any(fields[name] != before[name] for name in ("account", "subject"))
        refuse_if(charge_billed=status == "billed" and (anew or moved))
        charge = {**before, **fields}
        if status == "billable":
            self._price(charge, anew=anew, was_unpriced=before["unpriced"])
            self._place(charge)
            if was != "billable" or self._posting(charge) != before["posted"] or charge["account"] != before["account"]:
                self._refuse_account(charge)
            refuse_if(currency_mismatch=self._is_in_other_currency(charge))
        elif status != "billed":
            charge.update(amount=None, currency=None, unpriced=False, discount=0, exemption=0)
        owner = self.charge_keys.get(sent["key"])
        refuse_if(business_key_conflict=owner is not None and owner[0] != id_)
        if charge == before:
            return
        self._post_charge(id_, charge)
        # What came once under a key does not come again because an update left the key out.
        keys = [key for key, owner in self.charge_keys.items() if owner[0] == id_]
        self.charge_keys.update((key, (id_, sent)) for key in [*keys, sent["key"]] if key)

    def delete_charge(self, id_: str) -> None:
        if id_ not in self.charges:
            return
        on_lines = any(line["charge"] == id_ for invoice in self.invoices.values() for line in invoice["lines"])
        refuse_if(posted=self.charges[id_]["ever_posted"], still_referenced=on_lines)
        del self.charges[id_]
        self.charge_keys = {key: owner for key, owner in self.charge_keys.items() if owner[0] != id_}

    def is_waiting(self, id_: str) -> bool:
        """Whether sending it again may get it a price or an account."""
        charge = self.charges[id_]
        return bool(charge["unpriced"] or (charge["account"] is None and charge["status"] == "billable"))

    def settle_unpriced(self) -> None:
        for id_, charge in sorted(self.charges.items()):
            if charge["unpriced"] and self.list_price(charge) is not None:
                self._settle(id_, charge)

    def settle_without_account(self) -> None:
        for id_, charge in sorted(self.charges.items()):
            if charge["account"] is None and charge["status"] == "billable":
                self._settle(id_, charge)

    def _settle(self, id_: str, before: Fields) -> None:
        charge = dict(before)
        try:
            self._price(charge, anew=False, was_unpriced=before["unpriced"])
            self._place(charge)
            if self._posting(charge) != before["posted"] or charge["account"] != before["account"]:
                self._refuse_account(charge)
        except Refused:
            return
        if charge != before:
            self._post_charge(id_, charge)

    def _price(self, charge: Fields, *, anew: bool, was_unpriced: bool = False) -> None:
        price = charge["price"]
        if price is not None:
            refuse_if(negative_amount=price[0] < 0, override_reason_required=not charge["reason"])
            net = self._net_of_tax(price[0], charge)
            charge.update(amount=net, currency=price[1], unpriced=False, discount=0, exemption=0)
        elif anew or was_unpriced or self._is_in_other_currency(charge):
            found = self.list_price(charge)
            refuse_if(price_not_found=found is None and not self.holds_unpriced and (anew or not was_unpriced))
            charge.update(amount=None, currency=None, unpriced=True, discount=0, exemption=0)
            charge.update(found or {})

    def rules_on(self, day: date, facility: str | None) -> list[Fields]:
        """The tax rules of a day: those of the facility, where it has any; by their code."""
        held = [rule for rule in self.tax_rules if rule["first"] <= day <= rule["last"]]
        of_place = [rule for rule in held if rule["facility"] is not None and rule["facility"] == facility]
        return sorted(of_place or [rule for rule in held if rule["facility"] is None], key=lambda rule: rule["code"])

    def _net_of_tax(self, price: int, charge: Fields) -> int:
        """What a price is without the taxes that are in it."""
        day = date.fromisoformat(charge["on"]) if charge["on"] else self.today
        rules = self.rules_on(day, charge["facility"])
        inside = sum((Fraction(rule["factor"]) for rule in rules if rule["inclusive"]), Fraction(0))
        return half_away(price / (1 + inside))

    def _place(self, charge: Fields) -> None:
        if charge["account"] is not None:
            return
        fitting = [
            id_
            for id_, account in self.accounts.items()
            if account["status"] == "active"
            and account["subject"] == charge["subject"]
            and account["currency"] == charge["currency"]
        ]
        charge["account"] = fitting[0] if len(fitting) == 1 else None

    def _refuse_account(self, charge: Fields) -> None:
        account = self.accounts.get(charge["account"], {"status": "active"})
        refuse_if(
            account_not_active=account["status"] != "active", currency_mismatch=self._is_in_other_currency(charge)
        )

    def _is_in_other_currency(self, charge: Fields) -> bool:
        if charge["account"] is None or charge["currency"] is None:
            return False
        return bool(self.accounts[charge["account"]]["currency"] != charge["currency"])

    def _posting(self, charge: Fields) -> tuple[str, str, int, date, str | None, int, int] | None:
        """What is booked for a charge: (account, currency, amount, day, facility, discount, exemption)."""
        if charge["status"] not in ("billable", "billed") or not charge["account"] or charge["amount"] is None:
            return None
        if charge["amount"] + charge["discount"] + charge["exemption"] == 0:
            return None
        before = charge["posted"]
        day = date.fromisoformat(charge["on"]) if charge["on"] else before[3] if before else self.today
        figures = (charge["amount"], day, charge["facility"], charge["discount"], charge["exemption"])
        return (charge["account"], charge["currency"], *figures)

    def _post_charge(self, id_: str, charge: Fields) -> None:
        before, after = charge["posted"], self._posting(charge)
        booked_on, deferred = charge["booked_on"], charge["deferred"]
        if before != after:
            for posting, sign in ((before, -1), (after, 1)):
                if posting:
                    account, currency, amount, day, _, discount, exemption = posting
                    # What is taken back counts on the day on which it counted.
                    day = booked_on = self.counts_on(booked_on if sign < 0 else day)
                    if sign > 0:
                        deferred = self.is_deferred_on(day)
                        self.captured_on.append(day)
                    gross = amount + discount + exemption
                    income = [
                        (4000, -sign * gross, None),
                        (4110, sign * discount, None),
                        (4120, sign * exemption, None),
                    ]
                    if deferred:
                        income = [(2400, -sign * amount, None)]
                    self.book(day, currency, (1150, sign * amount, account), *income)
        self.charges[id_] = {
            **charge,
            "posted": after,
            "booked_on": booked_on,
            "deferred": deferred and after is not None,
            "ever_posted": charge["ever_posted"] or after is not None,
        }
