"""Steps of the state machine about refunds and adjustments, by several people, and what is decided of them."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st

from ledger.money import Money
from tests.acceptance.books import Answer, Request
from tests.acceptance.drawing import CURRENCIES, NOWHERE, often, parts, rarely
from tests.acceptance.reference.approvals import LIMITS
from tests.acceptance.reference_model import Fields
from tests.acceptance.tenant_life import TenantLife

people = st.sampled_from(["ann", "bob", "cat"])
out_methods = st.sampled_from([None, None, "cash", "bank-transfer", "cheque"])
kinds = st.sampled_from(["write-off", "write-off", "write-off", "contractual", "courtesy", "charity", "correction"])


def approval_limits() -> dict[str, str]:
    """The limits of the model as settings of a tenant."""
    return {
        f"{subject}_{which}_above.{currency}": str(Money(currency, limit).decimal())
        for currency in CURRENCIES
        for subject in ("refund", "adjustment")
        for which, limit in zip(("approval", "second_approval"), LIMITS, strict=True)
    }


class ApprovalSteps(TenantLife):
    notes: list[str]

    def _ask(self, data: st.DataObject, operation: str, of: str, content: Fields, apply: Callable[[str], None]) -> None:
        """Send a request and compare the status that it answers with the model's. `notes` are credit notes of it."""
        self.notes = []

        def check(answer: Answer | None) -> None:
            id_ = answer["changes"][0][1] if answer else "refused"
            self.notes = [change[1] for change in answer["changes"][1:]] if answer else []
            apply(id_)
            assert answer is not None, "the model accepts it"
            kept = self.model.refunds.get(id_) or self.model.adjustments[id_]
            assert answer["changes"][0][3] == kept["status"]

        self.send(Request(operation, of, content, self.key(data)), check)

    def refund(self, data: st.DataObject) -> None:
        id_ = self.drawing(data).one(
            self.model.payments, wanted=lambda payment: any(amount > 0 for amount in payment["rest"].values())
        )
        if id_ is None:
            return
        payment = self.model.payments[id_]
        amount = data.draw(parts)
        deallocate = data.draw(often)
        if data.draw(often):
            free = payment["amount"] if deallocate else max(payment["rest"].values(), default=1)
            amount = min(abs(amount) or 1, free)
        currency = "USD" if data.draw(rarely) and data.draw(rarely) else payment["currency"]
        content = {
            "by": data.draw(people),
            "amount": (currency, amount),
            "reason": "not needed",
            "method": data.draw(out_methods),
            "deallocate": deallocate,
        }
        self._ask(
            data,
            "refund",
            f"PaymentReconciliation/{id_}",
            content,
            lambda made: self.model.refund(made, id_, content),
        )

    def decide_refund(self, data: st.DataObject) -> None:
        statuses = {refund["status"] for refund in self.model.refunds.values()}
        wanted = data.draw(st.sampled_from(["pending-approval", "pending-approval", "approved"]))
        wanted = wanted if wanted in statuses else "approved" if wanted == "pending-approval" else "pending-approval"
        id_ = self.drawing(data).one(self.model.refunds, wanted=lambda refund: refund["status"] == wanted)
        if id_ is None:
            return
        by, method = data.draw(people), data.draw(out_methods)
        usual = ["approve", "approve", "approve", "reject"] if wanted == "pending-approval" else ["pay-out", "fail"]
        decision = data.draw(st.sampled_from(["approve", "reject", "pay-out", "fail"] if data.draw(rarely) else usual))
        apply: Callable[[str], None] = {
            "approve": lambda _: self.model.approve_refund(id_, by),
            "reject": lambda _: self.model.reject(self.model.refunds[id_]),
            "pay-out": lambda _: self.model.pay_out(id_, method),
            "fail": lambda _: self.model.fail(id_),
        }[decision]
        content = {"by": by, **({"method": method} if decision == "pay-out" else {})}
        self._ask(data, decision, f"Refund/{id_}", content, apply)

    def adjust(self, data: st.DataObject) -> None:
        invoice = self.drawing(data).one(self.model.invoices, wanted=lambda i: i["status"] == "issued")
        account = self.model.invoices[invoice]["account"] if invoice is not None and data.draw(often) else None
        account = account or self.drawing(data).one(self.model.accounts)
        if account is None:
            return
        currency = self.model.accounts[account]["currency"]
        due = self.model.balances(account)["billed_patient"]
        amount = data.draw(parts)
        if due > 0 and data.draw(often):
            amount = min(abs(amount) or 1, due)
        named = invoice if data.draw(often) else None
        content: Fields = {
            "by": data.draw(people),
            "type": data.draw(kinds),
            "amount": ("USD" if data.draw(rarely) and data.draw(rarely) else currency, amount),
            "reason": "agreed",
            "invoice_id": NOWHERE if data.draw(rarely) else named,
        }
        self._ask(
            data,
            "adjust",
            f"Account/{account}",
            content,
            lambda made: self.model.adjust(made, account, content, self.notes),
        )

    def decide_adjustment(self, data: st.DataObject) -> None:
        id_ = self.drawing(data).one(self.model.adjustments, wanted=lambda each: each["status"] == "pending-approval")
        if id_ is None:
            return
        by, decision = data.draw(people), data.draw(st.sampled_from(["approve", "approve", "approve", "reject"]))
        apply: Callable[[str], None] = {
            "approve": lambda _: self.model.approve_adjustment(id_, by, self.notes),
            "reject": lambda _: self.model.reject_adjustment(id_),
        }[decision]
        self._ask(data, decision, f"Adjustment/{id_}", {"by": by}, apply)

    def expect_loss(self, data: st.DataObject) -> None:
        account = self.drawing(data).one(self.model.accounts)
        if account is None:
            return
        content = {"by": data.draw(people), "amount": (self.model.accounts[account]["currency"], data.draw(parts))}
        self._ask(
            data, "provide", f"Account/{account}", content, lambda made: self.model.provide(made, account, content)
        )

    def _written_off(self, account: str) -> int:
        applied = [each for each in self.model.adjustments.values() if each["status"] == "applied"]
        return sum(each["amount"] for each in applied if (each["owner"], each["type"]) == (account, "write-off"))

    def recover(self, data: st.DataObject) -> None:
        id_ = self.drawing(data).one(
            self.model.payments,
            wanted=lambda payment: any(
                amount > 0 and owner in self.model.accounts and self._written_off(owner)
                for owner, amount in payment["rest"].items()
            ),
        )
        account = self.drawing(data).one(self.model.accounts)
        if id_ is None or account is None:
            return
        owners = [owner for owner in self.model.payments[id_]["rest"] if owner in self.model.accounts]
        if data.draw(often) and owners:
            account = owners[0]
        lost = self._written_off(account)
        amount = data.draw(parts)
        if lost and data.draw(often):
            amount = min(abs(amount) or 1, lost)
        currency = self.model.accounts[account]["currency"]
        content = {"by": data.draw(people), "amount": (currency, amount), "account": account}
        self._ask(
            data,
            "recover",
            f"PaymentReconciliation/{id_}",
            content,
            lambda made: self.model.recover(made, id_, content),
        )
