"""Credit notes in the model: what a line is worth, how a part of it splits, who owes less, what payments come back."""

from __future__ import annotations

from copy import deepcopy
from datetime import date
from fractions import Fraction
from typing import Any

from tests.acceptance.reference.books import Fields, Refused, refuse_if
from tests.acceptance.reference.payments import Payments

Worth = dict[str, Any]
"""A line with its part of the whole: base, surcharges, reductions, and taxes by code."""


def net_of(worth: Worth) -> int:
    net: int = worth["base"] + worth["surcharges"] - worth["reductions"]
    return net


def gross_of(worth: Worth) -> int:
    gross: int = net_of(worth) + sum(worth["taxes"].values())
    return gross


def largest_remainder(amount: int, weights: list[int]) -> list[int]:
    whole = sum(weights)
    if whole == 0:
        return [amount, *(0 for _ in weights[1:])]
    exact = [Fraction(amount * weight, whole) for weight in weights]
    parts = [int(value) for value in exact]
    order = sorted(range(len(parts)), key=lambda at: parts[at] - exact[at])
    for at in order[: amount - sum(parts)]:
        parts[at] += 1
    return parts


def by_claims(amount: int, weights: list[int]) -> list[int]:
    """Unit by unit, each to the part that is entitled to it most; the first ones all at once."""
    whole = sum(weights)
    parts = [max(amount * weight // whole - 3, 0) if whole else 0 for weight in weights]
    while sum(parts) < amount:
        claims = [Fraction(weight, 2 * part + 1) for weight, part in zip(weights, parts, strict=True)]
        parts[claims.index(max(claims))] += 1
    return parts


class Credits(Payments):
    def cancel(self, id_: str, note: str | None = None) -> None:
        of = self.invoices.get(id_, {})
        refuse_if(invalid_state=of.get("credit_of") is not None, invoice_settled=bool(of.get("credited")))
        super().cancel(id_, note)

    def credit(self, note_id: str, id_: str, fields: Fields) -> None:
        kept = deepcopy(self.__dict__)
        try:
            self._credit(note_id, id_, fields)
        except Refused:
            self.__dict__ = kept
            raise

    def credit_charge(self, note_id: str, id_: str, reason: str) -> None:
        refuse_if(not_found=id_ not in self.charges)
        charge = self.charges[id_]
        refuse_if(invalid_state=charge["status"] in ("aborted", "entered-in-error"))
        if charge["status"] == "billed":
            invoice = self.invoices[self.holds[id_]]
            number = [line["charge"] for line in invoice["lines"]].index(id_) + 1
            fields = {"lines": [(number, None, "")], "rebill": False}
            return self.credit(note_id, self.holds[id_], fields)
        changed = {**charge, "status": "aborted", "note": reason, "amount": None, "currency": None, "unpriced": False}
        return self._post_charge(id_, {**changed, "discount": 0, "exemption": 0})

    def worth_of(self, invoice: Fields) -> list[Worth]:
        lines = [self._worth(line["components"]) for line in invoice["lines"]]
        whole = self._worth(invoice["extra"])
        for name in ("surcharges", "reductions"):
            for line, part in zip(lines, largest_remainder(whole[name], [net_of(x) for x in lines]), strict=True):
                line[name] += part
        for code, amount in whole["taxes"].items():
            for line, part in zip(lines, largest_remainder(amount, [net_of(x) for x in lines]), strict=True):
                line["taxes"][code] = line["taxes"].get(code, 0) + part
        return lines

    @staticmethod
    def _worth(components: list[Fields]) -> Worth:
        worth: Worth = {"base": 0, "surcharges": 0, "reductions": 0, "taxes": {}}
        for component in components:
            amount = component["amount"]
            if component["kind"] == "informational":
                continue
            match component["kind"]:
                case "base":
                    worth["base"] += amount
                case "surcharge":
                    worth["surcharges"] += amount
                case "tax":
                    worth["taxes"][component["code"]] = worth["taxes"].get(component["code"], 0) + amount
                case _:
                    worth["reductions"] += abs(amount)
        return worth

    def _credit(self, note_id: str, id_: str, fields: Fields) -> None:
        refuse_if(not_found=id_ not in self.invoices)
        invoice = self.invoices[id_]
        refuse_if(invalid_state=invoice.get("credit_of") is not None or invoice["status"] not in ("issued", "balanced"))
        worth, so_far = self.worth_of(invoice), invoice.setdefault("credited", {})
        numbers = [number for number, _, _ in fields["lines"]]
        refuse_if(
            line_unknown=any(not 1 <= number <= len(worth) for number in numbers),
            line_twice=len(set(numbers)) < len(numbers),
        )
        choose = self._rebilled if fields["rebill"] else self._credited
        named = fields["lines"]
        if fields.get("amount") is not None:
            left = [gross_of(each) - so_far.get(at, 0) for at, each in enumerate(worth)]
            shared = enumerate(largest_remainder(fields["amount"], left), 1)
            named = [(number, part, invoice["currency"]) for number, part in shared if part]
        chosen = choose(named, worth, so_far, invoice["currency"])
        refuse_if(invalid_state=not chosen)
        gross = sum(gross_of(part) for part in chosen.values())
        lowered = self._lowered(id_, gross)
        self._book_credit(invoice, chosen, lowered, rebill=fields["rebill"], against=fields.get("against", 4000))
        for share, amount in lowered.items():
            invoice["paid"][share] = invoice["paid"].get(share, 0) + amount
        for at, part in chosen.items():
            so_far[at] = so_far.get(at, 0) + gross_of(part)
        if fields["rebill"]:
            self._free(invoice, list(chosen))
        self._take_off_excess(id_)
        self._show_status(invoice)
        self._keep_note(note_id, id_, chosen, gross, rebill=fields["rebill"])

    @staticmethod
    def _credited(
        lines: list[tuple[int, int | None, str]], worth: list[Worth], so_far: dict[int, int], currency: str
    ) -> dict[int, Worth]:
        left = [gross_of(each) - so_far.get(at, 0) for at, each in enumerate(worth)]
        wanted = {number - 1: (amount, of) for number, amount, of in lines}
        if not lines:
            wanted = dict.fromkeys(range(len(worth)), (None, ""))
        refuse_if(
            currency_mismatch=any(amount is not None and of != currency for amount, of in wanted.values()),
            amount_not_positive=any(amount is not None and amount <= 0 for amount, _ in wanted.values()),
            credit_exceeds_line=any(amount is not None and amount > left[at] for at, (amount, _) in wanted.items()),
        )
        chosen = {}
        for at, (amount, _) in sorted(wanted.items()):
            part, before = left[at] if amount is None else amount, so_far.get(at, 0)
            if part:
                weights = [net_of(worth[at]), *worth[at]["taxes"].values()]
                split = [
                    then - already
                    for then, already in zip(by_claims(before + part, weights), by_claims(before, weights), strict=True)
                ]
                taxes = dict(zip(worth[at]["taxes"], split[1:], strict=True))
                chosen[at] = {"base": split[0], "surcharges": 0, "reductions": 0, "taxes": taxes}
        return chosen

    @staticmethod
    def _rebilled(
        lines: list[tuple[int, int | None, str]], worth: list[Worth], so_far: dict[int, int], _currency: str
    ) -> dict[int, Worth]:
        named = {number - 1: amount for number, amount, _ in lines}
        chosen = sorted(named) or range(len(worth))
        refuse_if(
            rebill_of_part=any(
                named.get(at) not in (None, gross_of(worth[at])) or (at in so_far and so_far[at] < gross_of(worth[at]))
                for at in chosen
            )
        )
        return {at: worth[at] for at in chosen if at not in so_far}

    def _lowered(self, id_: str, amount: int) -> dict[str | None, int]:
        invoice = self.invoices[id_]
        opened = {share: part - invoice["paid"].get(share, 0) for share, part in invoice["parts"].items()}
        paid: dict[str | None, int] = {}
        for allocation in self.allocations:
            if allocation["invoice"] == id_ and amount > sum(opened.values()):
                for share, part in allocation["parts"]:
                    paid[share] = paid.get(share, 0) + part
        lowered: dict[str | None, int] = {}
        for there in (opened, paid):
            for share in invoice["parts"]:
                part = min(max(there.get(share, 0), 0), amount)
                lowered[share] = lowered.get(share, 0) + part
                amount -= part
        refuse_if(credit_exceeds_invoice=amount > 0)
        return lowered

    def _book_credit(
        self, invoice: Fields, chosen: dict[int, Worth], lowered: dict[str | None, int], *, rebill: bool, against: int
    ) -> None:
        on, account = max(self.today, date.fromisoformat(invoice["on"])), invoice["account"]
        lines = [(1100 if share is None else 1110, -part, account) for share, part in lowered.items()]
        for at, part in chosen.items():
            own = 0 if invoice["lines"][at]["charge"] else part["base"]
            revenue = own + part["surcharges"] if rebill else net_of(part)
            lines += [(4000 if rebill else against, revenue, None), (2200, sum(part["taxes"].values()), None)]
            if rebill:
                lines += [(1150, part["base"] - own, account), (4110, -part["reductions"], None)]
        self.book(on, invoice["currency"], *lines)

    def _free(self, invoice: Fields, positions: list[int]) -> None:
        for at in positions:
            charge = invoice["lines"][at]["charge"]
            if charge:
                self.charges[charge]["status"] = "billable"
                self.defer_again(charge, max(self.today, date.fromisoformat(invoice["on"])))
                del self.holds[charge]

    def _take_off_excess(self, id_: str) -> None:
        """What is settled beyond a share is taken off the allocations as they stand, the latest first."""
        invoice = self.invoices[id_]
        standing = [each for each in self.allocations if each["invoice"] == id_]
        undone: list[tuple[Fields, dict[str | None, int]]] = []
        for share in [None, *sorted(each for each in invoice["parts"] if each is not None)]:
            excess = invoice["paid"].get(share, 0) - invoice["parts"].get(share, 0)
            for allocation in reversed(standing):
                part = min(dict(allocation["parts"]).get(share, 0), max(excess, 0))
                if part:
                    excess -= part
                    of = next((parts for each, parts in undone if each is allocation), None)
                    if of is None:
                        undone.append((allocation, {share: part}))
                    else:
                        of[share] = part
            refuse_if(settled_otherwise=excess > 0)
        for allocation, parts in undone:
            self._undo(allocation, parts)
        if undone:
            self._refuse_taken_back({id_})

    def _keep_note(self, note_id: str, id_: str, chosen: dict[int, Worth], gross: int, *, rebill: bool) -> None:
        invoice = self.invoices[id_]
        on = max(self.today, date.fromisoformat(invoice["on"]))
        facility = (invoice["issuer"] or "Organization/main").removeprefix("Organization/")
        number = self.note_series.get((facility, on.year), 0) + 1
        self.note_series[facility, on.year] = number
        lines = []
        for at, part in chosen.items():
            figures = [("base", -(part["base"] if rebill else net_of(part)))]
            figures += [("surcharge", -part["surcharges"]), ("discount", part["reductions"])] if rebill else []
            figures += [("tax", -tax) for tax in part["taxes"].values()]
            lines.append(
                {
                    "charge": invoice["lines"][at]["charge"],
                    "components": [
                        {"kind": kind, "amount": amount, "currency": invoice["currency"], "factor": None, "code": None}
                        for kind, amount in figures
                        if amount or kind == "base"
                    ],
                }
            )
        self.invoices[note_id] = {
            **invoice,
            "status": "balanced",
            "credit_of": id_,
            "credited": {},
            "lines": lines,
            "extra": [],
            "parts": {None: -gross},
            "paid": {None: -gross},
            "number": f"CN-{on.year}-{number:06}",
            "on": on.isoformat(),
            "due": on.isoformat(),
            "entry": [],
        }
