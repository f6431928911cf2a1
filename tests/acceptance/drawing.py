"""What clients think of: charges, invoices and payments drawn by Hypothesis, most of them sensible, some not."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from tests.acceptance.fields import component, invoice_of
from tests.acceptance.reference.payments import REMITTED
from tests.acceptance.reference_model import Fields, ReferenceModel

CURRENCIES = ("AFN", "AFN", "JPY", "KWD")
PATIENTS = ("Patient/1", "Patient/2")
PAYERS = ("Organization/insurer", "Organization/ministry")
FACILITIES = (None, "Organization/north", "Organization/south")
NOWHERE = "nowhere"

amounts = st.one_of(st.integers(1, 50), st.integers(100, 20_000), st.sampled_from([0, 1, 999, 10**12]))
parts = st.one_of(st.integers(1, 50), st.integers(100, 20_000), st.sampled_from([-5, 0, 10**12]))
days_ago = st.sampled_from([None, None, 0, 1, 45, 100, 400, -2])
rarely = st.sampled_from([False] * 9 + [True])
often = st.sampled_from([False, True, True])
methods = st.sampled_from(["cash", "cash", "mobile-money", "mobile-money", "card", "bank-transfer", "cheque", "other"])
_charge_statuses = st.sampled_from(
    ["billable"] * 5 + ["planned", "not-billable", "aborted", "entered-in-error", "billed"]
)
_added = st.lists(st.sampled_from(["discount", "surcharge", "deduction", "tax"]), max_size=2, unique=True)


@dataclass(slots=True)
class Drawing:
    data: st.DataObject
    model: ReferenceModel

    def draw(self, strategy: st.SearchStrategy[Any]) -> Any:
        return self.data.draw(strategy)

    def one(self, kept: dict[str, Fields], *, wanted: Callable[[Fields], Any] | None = None) -> str | None:
        """The id of one of them, most often one that is wanted."""
        ids = [id_ for id_, fields in kept.items() if wanted is not None and wanted(fields)]
        if not ids or (len(ids) < len(kept) and self.draw(rarely)):
            ids = list(kept)
        return self._of(ids)

    def _of(self, ids: list[str]) -> str | None:
        # By position, for the ids are others in each run.
        return ids[self.draw(st.integers(0, len(ids) - 1))] if ids else None

    def day(self, ago: int | None) -> dt.date | None:
        return None if ago is None else self.model.today - dt.timedelta(days=ago)

    def date(self, days: st.SearchStrategy[Any]) -> str | None:
        day = self.day(self.draw(days))
        return None if day is None else day.isoformat()

    def charge(self) -> Fields:
        draw = self.draw
        account = None if draw(rarely) or draw(rarely) else self.one(self.model.accounts)
        of = self.model.accounts.get(account or "", {"currency": "AFN", "subject": draw(st.sampled_from(PATIENTS))})
        currency = draw(st.sampled_from(CURRENCIES)) if draw(rarely) else of["currency"]
        amount = -1 if draw(rarely) and draw(rarely) else draw(amounts)
        return {
            "status": draw(_charge_statuses),
            "subject": draw(st.sampled_from(PATIENTS)) if draw(rarely) else of["subject"],
            "account": NOWHERE if draw(rarely) and draw(rarely) else account,
            "price": None if draw(rarely) or (self.model.price_versions and draw(often)) else (amount, currency),
            "reason": not (draw(rarely) and draw(rarely)),
            "on": self.date(days_ago),
            "key": draw(st.sampled_from([None, None, None, "A-1", "A-2", "A-3"])),
            "facility": draw(st.sampled_from(FACILITIES)),
            "quantity": draw(st.sampled_from([None, None, "1", "3", "0.5", "2.25"])),
            "is_poor": draw(rarely),
            "note": draw(st.sampled_from([None, "fasting"])),
        }

    def invoice(self, kept: Fields | None = None) -> Fields | None:
        """An invoice, or what a kept draft is changed to; None where there is no account yet."""
        draw = self.draw
        account = kept["account"] if kept and draw(often) else self.one(self.model.accounts)
        if account is None:
            return None
        currency = self.model.accounts.get(account, {"currency": "AFN"})["currency"]
        lines = self._lines(account, currency)
        due = self.date(st.sampled_from([None, None, 0, 20, 35, 70, 95, 130, -30]))
        fields = invoice_of(account, lines * 2 if draw(rarely) else lines)
        fields.update(
            account=None if draw(rarely) and any(line["charge"] for line in lines) else account,
            patient=draw(st.sampled_from([None, None, None, *PATIENTS])),
            recipient=draw(st.sampled_from([None, None, PATIENTS[0], PAYERS[0]])),
            issuer=draw(st.sampled_from(FACILITIES)),
            on=self.date(days_ago),
            due=due and due[: draw(st.sampled_from([10] * 9 + [7]))],
            note=draw(st.sampled_from([None, "fasting"])),
            extra=self._of_whole(currency) if draw(rarely) else [],
            shares=self._shares(currency) if draw(often) else [],
            net=(draw(amounts), currency) if draw(rarely) else None,
            gross=(draw(amounts), currency) if draw(rarely) else None,
        )
        return fields

    def _lines(self, account: str, currency: str) -> list[Fields]:
        charges = [self._charge_for(account) for _ in range(self.draw(st.integers(0, 3)))]
        lines = [self._line(charge, currency) for charge in dict.fromkeys(charges) if charge is not None]
        if not lines or self.draw(rarely):
            lines.append(self._line(None, currency))
        return lines

    def _of_whole(self, currency: str) -> list[Fields]:
        kinds = st.lists(st.sampled_from(["discount", "surcharge", "tax"]), max_size=2, unique=True)
        return [self._component(kind, currency, "whole") for kind in self.draw(kinds)]

    def _shares(self, currency: str) -> list[tuple[str, int, str]]:
        payers = self.draw(st.lists(st.sampled_from(PAYERS), max_size=2))
        return [(payer, self.draw(parts), "USD" if self.draw(rarely) else currency) for payer in payers]

    def _charge_for(self, account: str) -> str | None:
        """A charge for an invoice of the account, most often one that can be billed there."""
        is_wild = self.draw(rarely)
        return self._of(
            [
                id_
                for id_, charge in self.model.charges.items()
                if is_wild
                or (charge["account"] == account and charge["status"] == "billable" and id_ not in self.model.holds)
            ]
        )

    def _line(self, charge: str | None, currency: str) -> Fields:
        draw = self.draw
        if charge is not None and draw(often):
            return {"charge": charge, "components": []}
        amount = self.model.charges[charge]["amount"] if charge else None
        amount = draw(amounts) if amount is None else amount
        components = [component("base", amount=amount + (1 if draw(rarely) else 0), currency=currency)]
        if charge is not None and draw(st.booleans()):
            components = []
        components += [self._component(kind, currency, f"{kind}-code") for kind in draw(_added)]
        if draw(rarely):
            components.reverse()
        return {"charge": charge, "components": components}

    def rates(self) -> list[Fields]:
        """What is added to a line or taken away by a factor, for the server to work out."""
        rates = st.sampled_from(["0.05", "0.125", "0.333"])
        return [
            component(kind, factor="0.125" if kind == "tax" else self.draw(rates), code=f"{kind}-code")
            for kind in self.draw(_added)
        ]

    def _component(self, kind: str, currency: str, code: str) -> Fields:
        draw = self.draw
        if draw(st.booleans()):
            factor = draw(st.sampled_from(["0.05", "0.1", "0.333", "0.5", "0.125"]))
            return component(kind, factor=factor, code=code)
        is_negative = draw(st.booleans()) if kind in ("discount", "deduction") else draw(rarely)
        amount = draw(st.sampled_from([1, 3, 10, 55, 200])) * (-1 if is_negative else 1)
        return component(kind, amount=amount, currency="USD" if draw(rarely) else currency, code=code)

    def payment(self) -> Fields:
        """A PaymentReconciliation."""
        draw = self.draw
        account = self.one(self.model.accounts)
        currency = self.model.accounts[account]["currency"] if account else "AFN"
        details = [self._detail(account, currency) for _ in range(draw(st.integers(0, 3)))]
        total = sum(
            part if kind == "adjustment" else max(part, 0)
            for kind, _, part, _ in details
            if kind not in ("contractual", "patient-responsibility")
        )
        return {
            "amount": total + draw(st.sampled_from([0, 0, 1, 500])) if draw(often) else draw(parts),
            "currency": currency,
            "on": self.date(days_ago) or self.model.today.isoformat(),
            "status": draw(st.sampled_from(["active"] * 6 + ["draft", "cancelled", "entered-in-error"])),
            "outcome": draw(st.sampled_from([None, "complete", "complete", "partial", "error"])),
            "details": details,
            "issuer": draw(st.sampled_from([None, *PAYERS])),
            "account": account if draw(st.booleans()) else None,
            "method": "promise" if draw(rarely) else draw(st.sampled_from([None, "mobile-money", "card", "cash"])),
            "reference": draw(st.sampled_from([None, "R-1", "R-2", "R-3", "R-4", "R-5"])),
            "note": draw(st.sampled_from([None, "by hand"])),
        }

    def _detail(self, account: str | None, currency: str) -> tuple[str, str, int, str]:
        """(type, what it is about, amount, currency)"""
        draw = self.draw
        kind = draw(st.sampled_from(["payment"] * 6 + ["advance"] * 2 + list(REMITTED)))
        invoice = self.one(self.model.invoices, wanted=lambda i: i["parts"] and i["currency"] == currency)
        target, part = f"Account/{account or NOWHERE}", draw(parts)
        if invoice is not None and draw(often):
            target = f"Invoice/{invoice}"
            due = self.model.due(self.model.invoices[invoice])
            part = min(part, due) if due > 0 and draw(often) else part
            part = -part if kind == "adjustment" and draw(often) else part
        if draw(rarely):
            target = draw(st.sampled_from([f"Invoice/{NOWHERE}", "Claim/7"]))
        return kind, target, part, "USD" if draw(rarely) else currency

    def counter_payment(self) -> tuple[str, Fields] | None:
        """(where, fields) of $post-payment, now and then of exactly what is due; None where there is no account yet."""
        draw = self.draw
        invoice = self.one(self.model.invoices, wanted=lambda i: i["status"] == "issued")
        account = self.one(self.model.accounts)
        is_on_invoice = invoice is not None and draw(st.booleans())
        if invoice is not None and is_on_invoice:
            account = self.model.invoices[invoice]["account"]
        elif account is None:
            return None
        currency = self.model.accounts[account]["currency"] if account else "AFN"
        due = self.model.due(self.model.invoices[invoice]) if invoice is not None else 0
        amount = due if due > 0 and draw(st.booleans()) else draw(parts)
        method = "promise" if draw(rarely) else draw(methods)
        named = draw(st.lists(st.sampled_from(range(-1, len(self.model.invoices))), max_size=2))
        ids = [*self.model.invoices, NOWHERE]
        fields = {
            "amount": amount,
            "currency": "USD" if draw(rarely) else currency,
            "method": method,
            "payer": draw(st.sampled_from([None, None, *PAYERS])),
            "tendered": amount + draw(st.integers(-1, 30)) if draw(rarely) or method == "cash" else None,
            "drawer": draw(st.sampled_from([None, None, "main", "north"])) if method == "cash" else None,
            "on": self.day(draw(days_ago)),
            "invoices": [ids[at] for at in named] if draw(rarely) and not is_on_invoice else [],
        }
        return f"Invoice/{invoice}" if is_on_invoice else f"Account/{account}", fields

    def notice(self) -> Fields | None:
        """A PaymentNotice; None where there is no payment yet."""
        draw = self.draw
        payment = self.one(self.model.payments, wanted=lambda p: p["in_clearing"] or p["asset"] == 1030)
        if payment is None:
            return None
        of = self.model.payments[payment]
        return {
            "payment": payment,
            "amount": of["amount"] + (1 if draw(rarely) else 0),
            "currency": "USD" if draw(rarely) else of["currency"],
            "status": draw(st.sampled_from(["active", "active", "cancelled", "entered-in-error"])),
            "payment_status": draw(st.sampled_from(["paid", "cleared", "cleared"])),
            "on": self.date(days_ago),
        }
