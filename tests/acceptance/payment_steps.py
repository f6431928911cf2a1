"""Steps of the state machine about payments that are there: allocated, deallocated, reversed."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.acceptance.books import Request
from tests.acceptance.drawing import NOWHERE, often, parts, rarely
from tests.acceptance.reference_model import Fields
from tests.acceptance.tenant_life import TenantLife

reasons = st.sampled_from(["bounced", "chargeback", "mis-keyed"])


class PaymentSteps(TenantLife):
    def _of_payment(self, data: st.DataObject, wanted: str) -> str | None:
        """A payment, most often one that has something unapplied, or something allocated."""
        has = {
            "rest": lambda payment: any(payment["rest"].values()),
            "put": lambda payment: any(
                self.model.payments[each["payment"]] is payment for each in self.model.allocations
            ),
            "posted": lambda payment: payment["posted"] and not payment.get("reversed"),
        }
        return self.drawing(data).one(self.model.payments, wanted=has[wanted])

    def allocate(self, data: st.DataObject) -> None:
        id_ = self._of_payment(data, "rest")
        if id_ is None:
            return
        payment = self.model.payments[id_]
        named = []
        for _ in range(data.draw(st.integers(1, 2))):
            invoice = self.drawing(data).one(
                self.model.invoices,
                wanted=lambda i: i["status"] == "issued" and (i["account"] in payment["rest"] or data.draw(rarely)),
            )
            amount, free = data.draw(parts), sum(payment["rest"].values())
            if invoice is not None and data.draw(often):
                due = self.model.due(self.model.invoices[invoice]) if self.model.invoices[invoice]["parts"] else 0
                amount = min(abs(amount), free, max(due, 0))
            currency = "USD" if data.draw(rarely) and data.draw(rarely) else payment["currency"]
            named.append((NOWHERE if invoice is None or data.draw(rarely) else invoice, amount, currency))
        request = Request("allocate", f"PaymentReconciliation/{id_}", {"named": named}, self.key(data))
        self.send(request, lambda _: self.model.allocate(id_, named))

    def deallocate(self, data: st.DataObject) -> None:
        id_ = self._of_payment(data, "put")
        if id_ is None:
            return
        named: list[tuple[str, int | None, str]] = []
        standing = [each for each in self.model.allocations if each["payment"] == id_]
        for _ in range(data.draw(st.sampled_from([0, 1, 1, 2])) if standing else 0):
            allocation = standing[data.draw(st.integers(0, len(standing) - 1))]
            named.append(self._taken_off(data, allocation))
        request = Request("deallocate", f"PaymentReconciliation/{id_}", {"named": named}, self.key(data))
        self.send(request, lambda _: self.model.deallocate(id_, named))

    def _taken_off(self, data: st.DataObject, allocation: Fields) -> tuple[str, int | None, str]:
        whole = sum(amount for _, amount in allocation["parts"])
        amount = None if data.draw(rarely) else data.draw(st.integers(1, whole + (1 if data.draw(rarely) else 0)))
        return allocation["invoice"], amount, self.model.payments[allocation["payment"]]["currency"]

    def reverse(self, data: st.DataObject) -> None:
        id_ = self._of_payment(data, "posted")
        if id_ is None:
            return
        fee = data.draw(st.sampled_from([None, None, 0, 250]))
        content: Fields = {"reason": data.draw(reasons)}
        if fee is not None:
            content["fee"] = (self.model.payments[id_]["currency"], fee)
        request = Request("reverse", f"PaymentReconciliation/{id_}", content, self.key(data))
        self.send(request, lambda _: self.model.reverse(id_, fee))

    def transfer(self, data: st.DataObject) -> None:
        """Unapplied money, or a charge, goes to another account."""
        to = self.drawing(data).one(self.model.accounts)
        if to is None:
            return
        if data.draw(often):
            self._transfer_charge(data, to)
            return
        id_ = self._of_payment(data, "rest")
        if id_ is None:
            return
        payment = self.model.payments[id_]
        wanted = None if data.draw(rarely) else abs(data.draw(parts)) or 1
        if wanted is not None and data.draw(often):
            wanted = min(wanted, max(payment["rest"].values(), default=0)) or 1
        content = {"to": to, "amount": wanted, "of": payment["currency"]}
        request = Request("transfer", f"PaymentReconciliation/{id_}", content, self.key(data))
        self.send(request, lambda _: self.model.transfer(id_, to, wanted))

    def _transfer_charge(self, data: st.DataObject, to: str) -> None:
        id_ = self.drawing(data).one(self.model.charges, wanted=lambda charge: charge["status"] == "billable")
        if id_ is None or self.model.charges[id_]["amount"] is None:
            return
        request = Request("transfer", f"ChargeItem/{id_}", {"to": to}, self.key(data))
        self.send(request, lambda _: self.model.transfer_charge(id_, to))
