"""Invoices in the model: drafted, completed, issued under the next number, cancelled."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, timedelta
from fractions import Fraction

from tests.acceptance.reference.books import TENANT_CURRENCY, Fields, refuse_if
from tests.acceptance.reference.charges import Charges


def half_away(value: Fraction) -> int:
    whole = int(abs(value) + Fraction(1, 2))
    return whole if value >= 0 else -whole


class Invoices(Charges):
    def draft(self, id_: str, fields: Fields) -> None:
        refuse_if(
            server_owned=fields["status"] == "balanced",
            reference_not_found=self._refers_nowhere(fields),
        )
        invoice = {**fields, "parts": {}, "paid": {}, "number": None}
        if fields["status"] in ("draft", "issued"):
            invoice = self._filled(id_, invoice, self._day(fields["on"]) or self.today)
        if fields["status"] == "issued":
            self._issue(invoice, self._day(fields["on"]))
        self._keep(id_, invoice)
        if fields["status"] == "issued":
            self._issued(id_)

    def change_draft(self, id_: str, fields: Fields) -> None:
        if id_ not in self.invoices:
            return self.draft(id_, fields)
        assert self.invoices[id_]["status"] == "draft"
        refuse_if(reason_required=fields["status"] == "cancelled" and not fields["reason"])
        return self.draft(id_, fields)

    def issue(self, id_: str, on: date | None) -> None:
        refuse_if(not_found=id_ not in self.invoices)
        invoice = self.invoices[id_]
        refuse_if(invalid_state=invoice["status"] != "draft")
        came_to = self._sums(invoice)
        if invoice["gross"] == (came_to["net"] + came_to["tax"], invoice["currency"]):
            # It follows the taxes, where these are others by now.
            invoice = {**invoice, "gross": None}
        invoice = self._filled(id_, {**invoice, "status": "issued"}, on or self.today)
        self._issue(invoice, on)
        self._keep(id_, invoice)
        self._issued(id_)

    def _issued(self, id_: str) -> None:
        """What follows when an invoice was issued."""

    def cancel(self, id_: str, note: str | None = None) -> None:
        refuse_if(not_found=id_ not in self.invoices)
        invoice = self.invoices[id_]
        refuse_if(
            invalid_state=invoice["status"] not in ("draft", "issued", "balanced"),
            invoice_settled=sum(invoice["paid"].values()) > 0,
        )
        if invoice["status"] != "draft":
            reversed_ = [(code, -amount, account) for code, amount, account in invoice["entry"]]
            self.book(self.today, invoice["currency"], *reversed_)
            for line in invoice["lines"]:
                if line["charge"] and self.charges[line["charge"]]["status"] == "billed":
                    self.charges[line["charge"]]["status"] = "billable"
                    self.defer_again(line["charge"], self.today)
        note = invoice["note"] if note is None else note
        self.invoices[id_] = {**invoice, "status": "cancelled", "parts": {}, "paid": {}, "note": note}
        self._release(id_)

    def delete_invoice(self, id_: str) -> None:
        if id_ not in self.invoices:
            return
        refuse_if(posted=self.invoices[id_]["number"] is not None)
        del self.invoices[id_]
        self._release(id_)

    def _refers_nowhere(self, fields: Fields) -> bool:
        return (fields["account"] is not None and fields["account"] not in self.accounts) or any(
            line["charge"] is not None and line["charge"] not in self.charges for line in fields["lines"]
        )

    def _keep(self, id_: str, invoice: Fields) -> None:
        self.invoices[id_] = invoice
        self._release(id_)
        if invoice["status"] in ("draft", "issued", "balanced"):
            self.holds.update((line["charge"], id_) for line in invoice["lines"] if line["charge"])

    def _release(self, id_: str) -> None:
        self.holds = {charge: holder for charge, holder in self.holds.items() if holder != id_}

    def _filled(self, id_: str, invoice: Fields, on: date) -> Fields:
        """The invoice with what the server fills in; refused where its charges do not belong together."""
        ids = [line["charge"] for line in invoice["lines"] if line["charge"]]
        charges = [self.charges[charge] for charge in ids]
        account = invoice["account"]
        if account is None and len({charge["account"] for charge in charges}) == 1:
            account = charges[0]["account"]
        currency = self.accounts[account]["currency"] if account else TENANT_CURRENCY
        patients = {charge["subject"] for charge in charges} | ({invoice["patient"]} - {None})
        refuse_if(
            charge_twice=len(set(ids)) < len(ids),
            charge_other_account=any(charge["account"] != account for charge in charges),
            charge_other_subject=len(patients) > 1,
            charge_on_other_invoice=any(self.holds.get(charge, id_) != id_ for charge in ids),
            currency_mismatch=any(charge["currency"] not in (None, currency) for charge in charges),
        )
        lines = [self._filled_line(line, currency) for line in self._taxed(invoice, on)]
        self._fill_taxes(lines, currency)
        filled = {**invoice, "account": account, "currency": currency, "lines": lines}
        if lines and all(self._is_priced(line["components"], currency) for line in lines):
            filled["extra"] = self._filled_extra(filled)
            sums = self._sums(filled)
            filled["net"] = filled["net"] or (sums["net"], currency)
            filled["gross"] = filled["gross"] or (sums["net"] + sums["tax"], currency)
        return filled

    def _taxed(self, invoice: Fields, on: date) -> list[Fields]:
        """The lines with a tax by the rule of the day, where neither line nor invoice has one of its own."""
        lines = []
        for line in invoice["lines"]:
            components = [each for each in line["components"] if "rule" not in each]
            has_tax = any(each["kind"] == "tax" for each in [*components, *invoice["extra"]])
            for rule in () if has_tax else self.rules_on(on, invoice["issuer"]):
                is_exempt = rule["treatment"] == "exempt"
                tax = {"kind": "informational" if is_exempt else "tax", "amount": None, "currency": None}
                components.append({**tax, "factor": rule["factor"], "code": rule["code"], "rule": rule["id"]})
            lines.append({**line, "components": components})
        return lines

    def _filled_line(self, line: Fields, currency: str) -> Fields:
        components = [dict(component) for component in line["components"]]
        amount = self.charges[line["charge"]]["amount"] if line["charge"] else None
        bases = [component["amount"] or 0 for component in components if component["kind"] == "base"]
        if not bases and amount is not None:
            bases = [amount]
            components.append({"kind": "base", "amount": amount, "currency": currency, "factor": None, "code": None})
        if bases:
            self._fill_products(components, sum(bases), currency)
        return {**line, "components": components}

    @staticmethod
    def _fill_products(components: list[Fields], base: int, currency: str) -> None:
        for component in components:
            if component["kind"] in ("surcharge", "discount", "deduction") and component["amount"] is None:
                value = half_away(base * Fraction(component["factor"]))
                component["amount"] = value if component["kind"] == "surcharge" else -abs(value)
                component["currency"] = currency

    def _fill_taxes(self, lines: list[Fields], currency: str) -> None:
        """A tax is rounded in total; its lines share that by largest remainder, the earlier first."""
        by_rate: defaultdict[tuple[str, str], list[tuple[Fields, Fraction]]] = defaultdict(list)
        for line in lines:
            untaxed = [component for component in line["components"] if component["kind"] != "tax"]
            if self._is_priced(untaxed, currency):
                for component in line["components"]:
                    if component["kind"] == "tax" and component["amount"] is None:
                        exact = self._net(untaxed) * Fraction(component["factor"])
                        by_rate[component["code"], component["factor"]].append((component, exact))
        for taxes in by_rate.values():
            missing = half_away(sum((exact for _, exact in taxes), Fraction(0))) - sum(int(exact) for _, exact in taxes)
            for component, exact in sorted(taxes, key=lambda tax: int(tax[1]) - tax[1]):
                component.update(amount=int(exact) + (1 if missing > 0 else 0), currency=currency)
                missing -= 1

    def _filled_extra(self, invoice: Fields) -> list[Fields]:
        extra = [dict(component) for component in invoice["extra"]]
        on_lines = [component for line in invoice["lines"] for component in line["components"]]
        base = sum(component["amount"] for component in on_lines if component["kind"] == "base")
        self._fill_products(extra, base, invoice["currency"])
        net = self._net([*on_lines, *extra])
        for component in extra:
            if component["kind"] == "tax" and component["amount"] is None:
                amount = half_away(net * Fraction(component["factor"]))
                component.update(amount=amount, currency=invoice["currency"])
        return extra

    @staticmethod
    def _is_priced(components: list[Fields], currency: str) -> bool:
        return any(component["kind"] == "base" for component in components) and all(
            component["amount"] is not None and component["currency"] == currency
            for component in components
            if component["kind"] != "informational"
        )

    @staticmethod
    def _net(components: Iterable[Fields]) -> int:
        net = 0
        for component in components:
            if component["kind"] in ("base", "surcharge"):
                net += component["amount"] or 0
            elif component["kind"] in ("discount", "deduction"):
                net -= abs(component["amount"] or 0)
        return net

    def _sums(self, invoice: Fields) -> dict[str, int]:
        every = [c for line in invoice["lines"] for c in line["components"]] + invoice["extra"]
        own = [c for line in invoice["lines"] if line["charge"] is None for c in line["components"]]
        return {
            "net": self._net(every),
            "tax": sum(c["amount"] or 0 for c in every if c["kind"] == "tax"),
            "surcharges": sum(c["amount"] or 0 for c in every if c["kind"] == "surcharge"),
            "reductions": sum(abs(c["amount"] or 0) for c in every if c["kind"] in ("discount", "deduction")),
            "own": sum(c["amount"] or 0 for c in own if c["kind"] == "base"),
        }

    def _issue(self, invoice: Fields, on: date | None) -> None:
        """Number a filled invoice and book it; refused where anything about it is not right."""
        on = on or self.today
        sums = self._sums(invoice)
        gross = sums["net"] + sums["tax"]
        parts = self._parts(invoice, gross)
        self._refuse_issue(invoice, sums, parts, on)
        account, currency = invoice["account"], invoice["currency"]
        entry = [
            (1150, sums["own"] + sums["surcharges"], account),
            (4000, -sums["own"] - sums["surcharges"], None),
            (4110, sums["reductions"], None),
            (1150, -sums["reductions"] - sums["net"], account),
            *((1100 if payer is None else 1110, amount, account) for payer, amount in parts.items()),
            (2200, -sums["tax"], None),
        ]
        self.book(on, currency, *entry)
        facility = (invoice["issuer"] or "Organization/main").removeprefix("Organization/")
        number = self.series.get((facility, on.year), 0) + 1
        self.series[facility, on.year] = number
        invoice.update(
            status="issued" if gross else "balanced",
            entry=entry,
            parts=parts,
            paid={},
            number=f"INV-{on.year}-{number:06}",
            on=on.isoformat(),
            due=invoice["due"] or (on + timedelta(days=self.terms_days)).isoformat(),
        )
        for line in invoice["lines"]:
            if line["charge"]:
                self.charges[line["charge"]].update(status="billed", ever_billed=True)
                self.recognise(line["charge"], on)

    def _refuse_issue(self, invoice: Fields, sums: dict[str, int], parts: dict[str | None, int], on: date) -> None:
        currency, lines = invoice["currency"], invoice["lines"]
        charges = [(self.charges[line["charge"]], line) for line in lines if line["charge"]]
        every = [c for line in lines for c in line["components"] if c["kind"] != "informational"] + invoice["extra"]
        account = self.accounts.get(invoice["account"], {"status": "active"})
        bases = [[c["amount"] or 0 for c in line["components"] if c["kind"] == "base"] for line in lines]
        refuse_if(
            date_in_future=on > self.today,
            period_closed=on < self.first_open_day,
            issued_before_charge=any(c["on"] is not None and date.fromisoformat(c["on"]) > on for c, _ in charges),
            account_required=invoice["account"] is None,
            account_not_active=account["status"] == "entered-in-error"
            or (account["status"] != "active" and sums["own"] != 0),
            date_partial=invoice["due"] is not None and len(invoice["due"]) < 10,
            no_lines=not lines,
            base_required=not all(bases),
            charge_not_billable=any(c["status"] != "billable" for c, _ in charges),
            charge_unpriced=any(c["amount"] is None for c, _ in charges),
            line_charge_mismatch=any(
                c["amount"] != sum(x["amount"] or 0 for x in line["components"] if x["kind"] == "base")
                for c, line in charges
            ),
            amount_required=any(c["amount"] is None for c in every),
            currency_mismatch=any(c["currency"] != currency for c in every)
            or any(total is not None and total[1] != currency for total in (invoice["net"], invoice["gross"])),
            negative_amount=any((c["amount"] or 0) < 0 for c in every if c["kind"] in ("base", "surcharge", "tax")),
            total_mismatch=invoice["net"] not in (None, (sums["net"], currency))
            or invoice["gross"] not in (None, (sums["net"] + sums["tax"], currency)),
            negative_total=sums["net"] < 0 or any(self._net(line["components"]) < 0 for line in lines),
            share_amount=any(amount < 0 or of != currency for _, amount, of in invoice["shares"]),
            shares_exceed_total=parts.get(None, 0) < 0,
        )

    @staticmethod
    def _parts(invoice: Fields, gross: int) -> dict[str | None, int]:
        parts: dict[str | None, int] = {None: gross}
        recipient = invoice["recipient"] or ""
        shares = [(payer, amount) for payer, amount, _ in invoice["shares"]]
        if not shares and recipient.startswith("Organization/"):
            shares = [(recipient, gross)]
        for payer, amount in shares:
            parts[payer] = parts.get(payer, 0) + amount
            parts[None] -= amount
        return parts

    def _day(self, text: str | None) -> date | None:
        return None if text is None else date.fromisoformat(text)
