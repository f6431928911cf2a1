"""What payments are put to in the model: allocations, undone the latest first, and what payers say of their shares."""

from __future__ import annotations

from copy import deepcopy
from datetime import date
from typing import Any

from tests.acceptance.reference.books import Fields, Refused, refuse_if
from tests.acceptance.reference.cash import Cash


class Allocations(Cash):
    def __init__(self, *, auto_allocates: bool = False, **settings: Any) -> None:
        super().__init__(**settings)
        self.auto_allocates = auto_allocates
        self.allocations: list[Fields] = []
        self.remitted: list[Fields] = []

    def _put_to(self, invoice: Fields, amount: int, payer: str | None) -> int:
        """Pay an invoice as far as the payer's money may and the amount reaches; how much found something due."""
        paid = 0
        for part in [payer, None] if payer is not None else [None]:
            due = invoice["parts"].get(part, 0) - invoice["paid"].get(part, 0)
            amount_here = min(max(due, 0), amount - paid)
            if amount_here:
                invoice["paid"][part] = invoice["paid"].get(part, 0) + amount_here
                paid += amount_here
        return paid

    def _pay_invoice(self, payment_id: str, invoice_id: str, amount: int, payer: str | None, on: date) -> int:
        """Put money to an invoice as far as something is due, and book it."""
        invoice = self.invoices[invoice_id]
        before = dict(invoice["paid"])
        paid = self._put_to(invoice, amount, payer)
        order = [payer, None] if payer is not None else [None]
        parts = [(part, invoice["paid"].get(part, 0) - before.get(part, 0)) for part in order]
        if paid:
            effective = self.counts_on(max(on, date.fromisoformat(invoice["on"]), invoice.get("since", on)))
            self._keep_allocation(payment_id, invoice_id, payer, [each for each in parts if each[1]], effective)
        return paid

    def _keep_allocation(
        self, payment_id: str, invoice_id: str, payer: str | None, parts: list[tuple[str | None, int]], on: date
    ) -> None:
        allocation = {"payment": payment_id, "invoice": invoice_id, "payer": payer, "parts": parts, "on": on}
        self._book_allocation(allocation, 1, on)
        self.allocations.append(allocation)

    def _book_allocation(self, allocation: Fields, sign: int, on: date) -> None:
        invoice = self.invoices[allocation["invoice"]]
        account, payer = invoice["account"], allocation["payer"]
        lines = []
        for part, amount in allocation["parts"]:
            lines.append((1100 if part is None else 1110, -sign * amount, account))
            lines.append((2110, sign * amount, None) if payer is not None else (2100, sign * amount, account))
        self.book(on, invoice["currency"], *lines, payment=allocation["payment"])
        self._show_status(invoice)

    def _show_status(self, invoice: Fields) -> None:
        invoice["status"] = "issued" if self.due(invoice) else "balanced"

    def _undo(self, allocation: Fields, undone: dict[str | None, int]) -> None:
        """Undo parts of an allocation: reverse it, and put what remains anew."""
        on = self.counts_on(max(self.today, allocation["on"]))
        invoice, payment = self.invoices[allocation["invoice"]], self.payments[allocation["payment"]]
        for part, amount in undone.items():
            invoice["paid"][part] -= amount
        self._book_allocation(allocation, -1, on)
        # By identity: two allocations may say the same.
        self.allocations = [each for each in self.allocations if each is not allocation]
        kept = [(part, amount - undone.get(part, 0)) for part, amount in allocation["parts"]]
        kept = [each for each in kept if each[1]]
        owner = allocation["payer"] or invoice["account"]
        payment["rest"][owner] = payment["rest"].get(owner, 0) + sum(undone.values())
        payment["fields"] = None
        payment["since"][owner] = invoice["since"] = on
        if kept:
            self._keep_allocation(allocation["payment"], allocation["invoice"], allocation["payer"], kept, on)

    def _undo_latest(self, standing: list[Fields], amount: int | None, *shares: str | None) -> int:
        """Undo up to an amount (None: all), of some shares or of any; how much was undone."""
        whole = 0
        for allocation in reversed(standing):
            undone: dict[str | None, int] = {}
            for part, there in reversed(allocation["parts"]):
                taken = there if amount is None else min(there, amount - whole)
                if taken and (not shares or part in shares):
                    undone[part] = taken
                    whole += taken
            if undone:
                self._undo(allocation, undone)
        return whole

    def _refuse_taken_back(self, invoice_ids: set[str]) -> None:
        refuse_if(settled_otherwise=any(self._paid_of_share(id_, payer) < 0 for id_ in invoice_ids
                                        for payer in self.invoices[id_]["parts"] if payer is not None))  # fmt: skip

    def _paid_of_share(self, invoice_id: str, payer: str) -> int:
        """What a payer's share was paid by money of payers, less what was taken back."""
        paid: int = sum(
            amount
            for each in self.allocations
            if each["invoice"] == invoice_id
            for part, amount in each["parts"]
            if part == payer
        )
        taken_back: int = sum(
            each["amount"]
            for each in self.remitted
            if (each["invoice"], each["payer"], each["kind"]) == (invoice_id, payer, "adjustment")
        )
        return paid - taken_back

    def _remit(self, payment_id: str, kind: str, invoice_id: str, amount: int, payer: str, on: date) -> None:
        invoice = self.invoices[invoice_id]
        effective = self.counts_on(max(on, date.fromisoformat(invoice["on"]), invoice.get("since", on)))
        said = {"payment": payment_id, "invoice": invoice_id, "kind": kind, "amount": amount, "payer": payer}
        self._say(said, 1, effective)
        self.remitted.append(said)

    def _say(self, said: Fields, sign: int, on: date) -> None:
        invoice, payer, amount = self.invoices[said["invoice"]], said["payer"], sign * said["amount"]
        account, currency = invoice["account"], invoice["currency"]
        match said["kind"]:
            case "contractual":
                invoice["paid"][payer] = invoice["paid"].get(payer, 0) + amount
                self.book(on, currency, (4100, amount, None), (1110, -amount, account))
            case "patient-responsibility":
                invoice["parts"][payer] -= amount
                invoice["parts"][None] = invoice["parts"].get(None, 0) + amount
                self.book(on, currency, (1100, amount, account), (1110, -amount, account))
            case _:
                invoice["paid"][payer] = invoice["paid"].get(payer, 0) - amount
                self.book(on, currency, (1110, amount, account), (2110, -amount, None))
        is_debit = (said["kind"] == "contractual") == (sign < 0) or said["kind"] == "patient-responsibility"
        if is_debit:
            invoice["since"] = max(on, invoice.get("since", on))
        self._show_status(invoice)

    def is_put_to(self, invoice_id: str) -> bool:
        return any(each["invoice"] == invoice_id for each in [*self.allocations, *self.remitted])

    def _issued(self, id_: str) -> None:
        """Put what is unapplied on the account to an invoice that was issued just now, the oldest money first."""
        invoice = self.invoices[id_]
        account = invoice["account"]
        there = [each for each in self.payments if self.payments[each]["rest"].get(account, 0) > 0]
        for payment_id in sorted(there, key=lambda each: self.came[each, account]) if self.auto_allocates else []:
            payment, free = self.payments[payment_id], self._free_of(payment_id)[account]
            if free > 0:
                paid = self._pay_invoice(payment_id, id_, free, None, payment["since"][account])
                payment["rest"][account] -= paid
                payment["fields"] = None if paid else payment["fields"]

    def cancel(self, id_: str, note: str | None = None) -> None:
        refuse_if(invoice_settled=self.is_put_to(id_))
        super().cancel(id_, note)

    # Commands about payments that are there. Each leaves all as it was where it is refused.

    def _kept(self) -> Fields:
        return deepcopy(self.__dict__)

    def allocate(self, id_: str, named: list[tuple[str, int, str]]) -> None:
        kept = self._kept()
        try:
            self._allocate(id_, named)
        except Refused:
            self.__dict__ = kept
            raise

    def deallocate(self, id_: str, named: list[tuple[str, int | None, str]]) -> None:
        kept = self._kept()
        try:
            self._deallocate(id_, named)
        except Refused:
            self.__dict__ = kept
            raise

    def reverse(self, id_: str, fee: int | None) -> None:
        kept = self._kept()
        try:
            self._reverse(id_, fee)
        except Refused:
            self.__dict__ = kept
            raise

    def _live(self, id_: str) -> Fields:
        refuse_if(not_found=id_ not in self.payments)
        payment = self.payments[id_]
        refuse_if(invalid_state=not payment["posted"] or payment.get("reversed", False))
        return payment

    def _allocate(self, id_: str, named: list[tuple[str, int, str]]) -> None:
        payment = self._live(id_)
        for invoice_id, amount, currency in named:
            invoice = self.invoices.get(invoice_id)
            refuse_if(
                reference_not_found=invoice is None,
                invoice_not_issued=invoice is not None and not invoice["parts"],
                currency_mismatch=currency != payment["currency"]
                or (invoice is not None and bool(invoice["parts"]) and invoice["currency"] != payment["currency"]),
                amount_not_positive=amount <= 0,
            )
            assert invoice is not None
            payers = [owner for owner in payment["rest"] if owner not in self.accounts]
            owners = [each for each in [*payers, invoice["account"]] if payment["rest"].get(each)]
            free = sum(payment["rest"][owner] for owner in owners)
            refuse_if(
                not_unapplied=amount > free, invoice_other_account=amount > free and any(payment["rest"].values())
            )
            left = amount
            for owner in owners:
                payer = owner if owner in payers else None
                paid = self._pay_invoice(
                    id_, invoice_id, min(left, payment["rest"][owner]), payer, payment["since"][owner]
                )
                payment["rest"][owner] -= paid
                left -= paid
            refuse_if(over_allocated=left > 0)
        payment["fields"] = None

    def _deallocate(self, id_: str, named: list[tuple[str, int | None, str]]) -> None:
        payment = self._live(id_)
        for invoice_id, amount, currency in named:
            refuse_if(
                currency_mismatch=amount is not None and currency != payment["currency"],
                amount_not_positive=amount is not None and amount <= 0,
            )
            standing = [a for a in self.allocations if (a["payment"], a["invoice"]) == (id_, invoice_id)]
            undone = self._undo_latest(standing, amount)
            refuse_if(not_allocated=undone < (amount or 1))
            self._refuse_taken_back({invoice_id})
        if not named:
            standing = [a for a in self.allocations if a["payment"] == id_]
            self._undo_latest(standing, None)
            self._refuse_taken_back({each["invoice"] for each in standing})

    def _reverse(self, id_: str, fee: int | None) -> None:
        payment = self._live(id_)
        self._deallocate(id_, [])
        said = [each for each in self.remitted if each["payment"] == id_]
        for invoice_id in dict.fromkeys(each["invoice"] for each in said):
            self._make_room(invoice_id, [each for each in said if each["invoice"] == invoice_id])
        self.remitted = [each for each in self.remitted if each["payment"] != id_]
        for each in said:
            self._say(each, -1, self.today)
        has = 1020 if payment["asset"] == 1030 and not payment["in_clearing"] else payment["asset"]
        session = self.cash_session(has, payment["currency"], payment["drawer"])
        self.move_cash(session, -payment["amount"] - payment["rounded"])
        rounded = payment["rounded"]
        self.book(self.today, payment["currency"], (1010, -rounded, None), (5900, rounded, None))
        owners = [
            (2100, amount, owner) if owner in self.accounts else (2110, amount, None)
            for owner, amount in payment["rest"].items()
            if amount
        ]
        self.book(self.today, payment["currency"], (has, -payment["amount"], None), *owners)
        if fee:
            gateway = has == 1030 and payment["method"] in ("card", "mobile-money")
            self.book(self.today, payment["currency"], (5200, fee, None), (1030 if gateway else 1020, -fee, None))
        payment.update(reversed=True, rest={}, in_clearing=0, fields=None)

    def _make_room(self, invoice_id: str, said: list[Fields]) -> None:
        """Undo what others paid beyond the shares as they were before a remittance."""
        lowered: dict[str | None, int] = {}
        for each in said:
            sign = 1 if each["kind"] == "adjustment" else -1
            lowered[each["payer"]] = lowered.get(each["payer"], 0) + sign * each["amount"]
            if each["kind"] == "patient-responsibility":
                lowered[None] = lowered.get(None, 0) + each["amount"]
        if not any(amount > 0 for amount in lowered.values()):
            return
        invoice, whole = self.invoices[invoice_id], 0
        for part, amount in lowered.items():
            excess = amount - (invoice["parts"].get(part, 0) - invoice["paid"].get(part, 0))
            if excess > 0:
                standing = [a for a in self.allocations if a["invoice"] == invoice_id]
                undone = self._undo_latest(standing, excess, part)
                refuse_if(settled_otherwise=undone < excess)
                whole += undone
        if whole:
            self._refuse_taken_back({invoice_id})

    def _free_of(self, payment_id: str) -> dict[str, int]:
        """What of a payment is not allocated, by who owns it."""
        return dict(self.payments[payment_id]["rest"])

    def transfer(self, id_: str, to: str, wanted: int | None) -> None:
        payment = self._live(id_)
        account = self.accounts[to]
        refuse_if(
            account_in_error=account["status"] == "entered-in-error",
            currency_mismatch=account["currency"] != payment["currency"],
        )
        free = {
            of: amount for of, amount in self._free_of(id_).items() if of in self.accounts and of != to and amount > 0
        }
        left = sum(free.values()) if wanted is None else wanted
        refuse_if(not_unapplied=not 0 < left <= sum(free.values()))
        for of in sorted(free):
            taken = min(free[of], left)
            if taken:
                self.book(self.today, payment["currency"], (2100, taken, of), (2100, -taken, to), payment=id_)
                payment["rest"][of] -= taken
                payment["rest"][to] = payment["rest"].get(to, 0) + taken
                left -= taken
        payment["since"][to] = self.today
        payment["fields"] = None

    def transfer_charge(self, id_: str, to: str) -> None:
        charge = self.charges[id_]
        refuse_if(
            charge_billed=charge["status"] == "billed", invalid_state=charge["status"] not in ("billable", "billed")
        )
        refuse_if(same_account=charge["account"] == to)
        moved = {**charge, "account": to}
        self._refuse_account(moved)
        self._post_charge(id_, moved)
