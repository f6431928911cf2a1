"""Payments through a gateway in the model: written down, asked for, and posted once when they were captured."""

from __future__ import annotations

from typing import Any

from tests.acceptance.reference.books import Fields, refuse_if
from tests.acceptance.reference.payments import Payments


class Gateway(Payments):
    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.asked: dict[str, Fields] = {}

    def ask_gateway(self, id_: str, account: str, fields: Fields) -> None:
        refuse_if(not_found=account not in self.accounts)
        refuse_if(invalid_state=self.accounts[account]["status"] == "entered-in-error")
        currency, _ = fields["amount"]
        refuse_if(currency_mismatch=currency != self.accounts[account]["currency"])
        known = [self.invoices[each] for each in fields["invoices"] if each in self.invoices]
        refuse_if(
            reference_not_found=len(known) < len(fields["invoices"]),
            invoice_other_account=any(invoice["account"] != account for invoice in known),
            invoice_not_issued=any(invoice["status"] != "issued" for invoice in known),
        )
        self.asked[id_] = {**fields, "account": account, "status": "unknown"}

    def gateway_said(self, id_: str, status: str, notice_id: str) -> None:
        """What became of it. The money is here, so invoices that take none any more refuse nothing."""
        asked = self.asked[id_]
        if asked["status"] != "unknown" or status == "unknown":
            return
        asked["status"] = status
        if status == "captured":
            currency, amount = asked["amount"]
            fields = {
                "amount": amount,
                "currency": currency,
                "method": asked["method"],
                "payer": asked["payer"],
                "tendered": None,
                "on": None,
                "drawer": None,
                "invoices": [each for each in asked["invoices"] if self.invoices[each]["status"] == "issued"],
            }
            self.post_payment(id_, notice_id, f"Account/{asked['account']}", fields)

    def change_account(self, id_: str, fields: Fields) -> None:
        waits = any((each["account"], each["status"]) == (id_, "unknown") for each in self.asked.values())
        refuse_if(
            gateway_payment_unresolved=waits
            and fields["status"] == "entered-in-error" != self.accounts[id_]["status"]
            and fields["currency"] == self.accounts[id_]["currency"]
            and not self.is_posted_to(id_)
        )
        super().change_account(id_, fields)

    def delete_account(self, id_: str) -> None:
        refuse_if(
            posted=self.is_posted_to(id_),
            still_referenced=any(each["account"] == id_ for each in self.asked.values()),
        )
        super().delete_account(id_)
