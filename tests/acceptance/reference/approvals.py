"""Refunds and adjustments in the model: counted per person and account, held, approved by others, booked."""

from __future__ import annotations

from datetime import date
from typing import Any

from tests.acceptance.reference.books import ASSETS, Fields, Refused, refuse_if
from tests.acceptance.reference.credits import Credits

LIMITS = (100, 3000)
"""Minor units of any currency above which one and two approvals are needed, of refunds and of adjustments."""


BY_CREDIT_NOTE = {"correction": 4000, "courtesy": 4110, "charity": 4120}
"""Adjustments that credit notes are made of, and the ledger account that these are against."""


class Approvals(Credits):
    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.adjustments: dict[str, Fields] = {}
        self.allowance: dict[str, int] = {}

    def held(self, account: str) -> int:
        return sum(
            each["amount"]
            for each in self.refunds.values()
            if (each["owner"], each["status"]) == (account, "pending-approval")
        )

    def _free_of(self, payment_id: str) -> dict[str, int]:
        """What of a payment is neither allocated nor held, by who owns it."""
        free = dict(self.payments[payment_id]["rest"])
        for each in self.refunds.values():
            if each["payment"] == payment_id and each["status"] == "pending-approval":
                free[each["owner"]] -= each["amount"]
        return free

    def _needed(self, requests: dict[str, Fields], by: str, owner: str, currency: str, amount: int) -> int:
        before = sum(
            each["amount"]
            for each in requests.values()
            if (each["by"], each["owner"], each["currency"]) == (by, owner, currency)
            and each["status"] not in ("rejected", "failed")
            and each.get("type") not in ("provision", "recovery")
        )
        return sum(amount + before > limit for limit in LIMITS)

    def _trying(self, command: Any, *arguments: Any) -> None:
        kept = self._kept()
        try:
            command(*arguments)
        except Refused:
            self.__dict__ = kept
            raise

    # Refunds

    def refund(self, id_: str, payment_id: str, fields: Fields) -> None:
        self._trying(self._refund, id_, payment_id, fields)

    def _refund(self, id_: str, payment_id: str, fields: Fields) -> None:
        payment = self._live(payment_id)
        currency, amount = fields["amount"]
        refuse_if(currency_mismatch=currency != payment["currency"], amount_not_positive=amount <= 0)
        owner, free = self._most_free(payment_id)
        if amount > free and fields["deallocate"]:
            standing = [each for each in self.allocations if each["payment"] == payment_id]
            self._undo_latest(standing, amount - max(free, 0))
            self._refuse_taken_back({each["invoice"] for each in standing})
            owner, free = self._most_free(payment_id)
        refuse_if(not_unapplied=amount > free)
        needed = self._needed(self.refunds, fields["by"], owner, currency, amount)
        refund = self.refunds[id_] = {
            "payment": payment_id,
            "owner": owner,
            "amount": amount,
            "currency": currency,
            "by": fields["by"],
            "method": fields["method"],
            "needed": needed,
            "approvers": [],
            "status": "pending-approval" if needed else "approved",
        }
        if not needed:
            self._owe(refund, 1)

    def _most_free(self, payment_id: str) -> tuple[str, int]:
        return max(self._free_of(payment_id).items(), key=lambda item: (item[1], item[0]), default=("", 0))

    def _owe(self, refund: Fields, sign: int) -> None:
        payment, owner, amount = self.payments[refund["payment"]], refund["owner"], sign * refund["amount"]
        account = owner if owner in self.accounts else None
        self.book(
            self.today,
            refund["currency"],
            (2110 if account is None else 2100, amount, account),
            (2300, -amount, account),
            payment=refund["payment"],
        )
        payment["rest"][owner] -= amount
        if sign < 0:
            payment["since"][owner] = max(self.today, payment["since"].get(owner, self.today))
        payment["fields"] = None

    def approve_refund(self, id_: str, by: str) -> None:
        refund = self.refunds[id_]
        self._approve(refund, by)
        if refund["status"] == "approved":
            self._owe(refund, 1)

    def _approve(self, request: Fields, by: str, when_approved: str = "approved") -> None:
        refuse_if(separation_of_duties=by == request["by"] or by in request["approvers"])
        refuse_if(invalid_state=request["status"] != "pending-approval")
        request["approvers"].append(by)
        if len(request["approvers"]) >= request["needed"]:
            request["status"] = when_approved

    def reject(self, request: Fields) -> None:
        refuse_if(invalid_state=request["status"] != "pending-approval")
        request["status"] = "rejected"

    def pay_out(self, id_: str, method: str | None) -> None:
        refund = self.refunds[id_]
        refuse_if(invalid_state=refund["status"] != "approved")
        payment, chosen = self.payments[refund["payment"]], method or refund["method"]
        is_cleared = payment["asset"] == 1030 and not payment["in_clearing"]
        asset = ASSETS[chosen] if chosen else 1020 if is_cleared else payment["asset"]
        account = refund["owner"] if refund["owner"] in self.accounts else None
        amount = refund["amount"]
        self.move_cash(self.cash_session(asset, refund["currency"]), -amount)
        self.book(self.today, refund["currency"], (2300, amount, account), (asset, -amount, None))
        refund["status"] = "paid"

    def fail(self, id_: str) -> None:
        refund = self.refunds[id_]
        refuse_if(invalid_state=refund["status"] != "approved")
        self._owe(refund, -1)
        refund["status"] = "failed"

    # What refunds hold or have taken is free for nothing else.

    def _allocate(self, id_: str, named: list[tuple[str, int, str]]) -> None:
        payment = self._live(id_)
        free = self._free_of(id_)
        held = {owner: payment["rest"][owner] - free[owner] for owner in free}
        for owner, amount in held.items():
            payment["rest"][owner] -= amount
        super()._allocate(id_, named)
        for owner, amount in held.items():
            payment["rest"][owner] += amount

    def _reverse(self, id_: str, fee: int | None) -> None:
        self._live(id_)
        of_payment = [each for each in self.refunds.values() if each["payment"] == id_]
        taken = [each for each in self.adjustments.values() if each.get("payment") == id_]
        refuse_if(
            payment_held=any(each["status"] == "pending-approval" for each in of_payment),
            payment_refunded=any(each["status"] in ("approved", "paid") for each in of_payment) or bool(taken),
        )
        super()._reverse(id_, fee)

    def is_put_to(self, invoice_id: str) -> bool:
        written_off = any(
            each["status"] == "applied" and invoice_id in each["taken"] for each in self.adjustments.values()
        )
        return written_off or super().is_put_to(invoice_id)

    # Adjustments

    def adjust(self, id_: str, account: str, fields: Fields, notes: list[str]) -> None:
        """`notes`: the ids of the credit notes, as many as it takes."""
        self._trying(self._adjust, id_, account, fields, notes)

    def _adjust(self, id_: str, account: str, fields: Fields, notes: list[str]) -> None:
        self._refuse_no_account(account)
        currency, amount = fields["amount"]
        refuse_if(currency_mismatch=currency != self.accounts[account]["currency"], amount_not_positive=amount <= 0)
        self._taken(account, fields["type"], fields["invoice_id"], amount)
        needed = self._needed(self.adjustments, fields["by"], account, currency, amount)
        adjustment = self._keep_adjustment(id_, fields["type"], account, fields["amount"], fields["by"])
        adjustment.update(invoice=fields["invoice_id"], needed=needed)
        if needed:
            adjustment["status"] = "pending-approval"
        else:
            self._apply(adjustment, notes)

    def _refuse_no_account(self, account: str) -> None:
        refuse_if(not_found=account not in self.accounts)
        refuse_if(invalid_state=self.accounts[account]["status"] == "entered-in-error")

    def _keep_adjustment(self, id_: str, kind: str, account: str, amount: tuple[str, int], by: str) -> Fields:
        self.adjustments[id_] = {
            "type": kind,
            "owner": account,
            "currency": amount[0],
            "amount": amount[1],
            "by": by,
            "needed": 0,
            "approvers": [],
            "status": "applied",
            "taken": {},
        }
        return self.adjustments[id_]

    def _taken(self, account: str, kind: str, invoice_id: str | None, amount: int) -> list[tuple[str, str | None, int]]:
        """(invoice, share, amount) of what is due, the oldest due first, as far as the amount reaches."""
        invoice = self.invoices.get(invoice_id or "")
        refuse_if(
            reference_not_found=invoice_id is not None and invoice is None,
            invoice_other_account=invoice is not None and invoice["account"] != account,
            invoice_not_issued=invoice is not None and invoice["status"] != "issued",
        )
        taken, left = [], amount
        for each in [invoice_id] if invoice_id is not None else self._wanted("Account", "", account, []):
            parts = self.invoices[each]["parts"]
            for share in sorted(parts, key=lambda share: (share is not None, share)):
                due = parts[share] - self.invoices[each]["paid"].get(share, 0)
                part = min(max(due, 0), left)
                if part and not (kind == "contractual" and share is None):
                    taken.append((each, share, part))
                    left -= part
        refuse_if(adjustment_exceeds_due=left > 0)
        return taken

    def _apply(self, adjustment: Fields, notes: list[str]) -> None:
        account, amount, currency = adjustment["owner"], adjustment["amount"], adjustment["currency"]
        taken = self._taken(account, adjustment["type"], adjustment["invoice"], amount)
        against = BY_CREDIT_NOTE.get(adjustment["type"])
        if against is not None:
            credited: dict[str, int] = {}
            for invoice_id, _, part in taken:
                credited[invoice_id] = credited.get(invoice_id, 0) + part
            for (invoice_id, whole), note in zip(credited.items(), notes, strict=True):
                fields: Fields = {"lines": [], "rebill": False, "amount": whole, "against": against}
                self._credit(note, invoice_id, fields)
            return
        on: date = max([self.today, *(self.invoices[each].get("since", self.today) for each, _, _ in taken)])
        allowance = min(self.allowance.get(account, 0), amount) if adjustment["type"] == "write-off" else 0
        self.allowance[account] = self.allowance.get(account, 0) - allowance
        account_of_loss = 5100 if adjustment["type"] == "write-off" else 4100
        lines = [(1190, allowance, None), (account_of_loss, amount - allowance, None)]
        for invoice_id, share, part in taken:
            invoice = self.invoices[invoice_id]
            invoice["paid"][share] = invoice["paid"].get(share, 0) + part
            lines.append((1100 if share is None else 1110, -part, account))
            adjustment["taken"][invoice_id] = adjustment["taken"].get(invoice_id, 0) + part
            self._show_status(invoice)
        self.book(on, currency, *lines)

    def approve_adjustment(self, id_: str, by: str, notes: list[str]) -> None:
        self._trying(self._approve_adjustment, id_, by, notes)

    def _approve_adjustment(self, id_: str, by: str, notes: list[str]) -> None:
        adjustment = self.adjustments[id_]
        self._refuse_no_account(adjustment["owner"])
        self._approve(adjustment, by, "applied")
        if adjustment["status"] == "applied":
            self._apply(adjustment, notes)

    def reject_adjustment(self, id_: str) -> None:
        self._refuse_no_account(self.adjustments[id_]["owner"])
        self.reject(self.adjustments[id_])

    def provide(self, id_: str, account: str, fields: Fields) -> None:
        self._refuse_no_account(account)
        currency, amount = fields["amount"]
        refuse_if(currency_mismatch=currency != self.accounts[account]["currency"], amount_not_positive=amount <= 0)
        self._keep_adjustment(id_, "provision", account, fields["amount"], fields["by"])
        self.book(self.today, currency, (5100, amount, None), (1190, -amount, None))
        self.allowance[account] = self.allowance.get(account, 0) + amount

    def recover(self, id_: str, payment_id: str, fields: Fields) -> None:
        payment, account = self._live(payment_id), fields["account"]
        self._refuse_no_account(account)
        currency, amount = fields["amount"]
        refuse_if(currency_mismatch=currency != self.accounts[account]["currency"], amount_not_positive=amount <= 0)
        refuse_if(not_unapplied=self._free_of(payment_id).get(account, 0) < amount)
        signs = {"write-off": 1, "recovery": -1}
        written_off = sum(
            signs.get(each["type"], 0) * each["amount"]
            for each in self.adjustments.values()
            if (each["owner"], each["status"]) == (account, "applied")
        )
        refuse_if(nothing_written_off=written_off < amount)
        self._keep_adjustment(id_, "recovery", account, fields["amount"], fields["by"])["payment"] = payment_id
        self.book(self.today, currency, (2100, amount, account), (5100, -amount, None), payment=payment_id)
        payment["rest"][account] -= amount
        payment["fields"] = None
