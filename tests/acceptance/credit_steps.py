"""Steps of the state machine about credit notes: of invoices, lines, parts of them, charges, and to be billed again."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.acceptance.books import Answer, Request
from tests.acceptance.drawing import often, rarely
from tests.acceptance.reference.credits import gross_of
from tests.acceptance.reference_model import Fields
from tests.acceptance.tenant_life import TenantLife


class CreditSteps(TenantLife):
    def credit(self, data: st.DataObject) -> None:
        id_ = self.drawing(data).one(
            self.model.invoices, wanted=lambda i: i["parts"] and not i.get("credit_of") and i["status"] != "cancelled"
        )
        if id_ is None:
            return
        invoice = self.model.invoices[id_]
        count = data.draw(st.sampled_from([0, 1, 1, 2]))
        lines = [self._line(data, invoice) for _ in range(count)]
        if not data.draw(rarely):
            lines = list({number: (number, amount, of) for number, amount, of in lines}.values())
        fields: Fields = {"lines": lines, "rebill": data.draw(st.sampled_from([False, False, True]))}
        request = Request("credit", f"Invoice/{id_}", fields, self.key(data))
        self.send(request, lambda answer: self.model.credit(_note_of(answer), id_, fields))

    def credit_charge(self, data: st.DataObject) -> None:
        id_ = self.drawing(data).one(self.model.charges, wanted=lambda charge: charge["status"] == "billed")
        if id_ is not None:
            request = Request("credit", f"ChargeItem/{id_}", {"reason": "not done"}, self.key(data))
            self.send(request, lambda answer: self.model.credit_charge(_note_of(answer), id_, "not done"))

    def _line(self, data: st.DataObject, invoice: Fields) -> tuple[int, int | None, str]:
        count = len(invoice["lines"])
        at = data.draw(st.integers(0, count if data.draw(rarely) else max(count - 1, 0)))
        currency = "USD" if data.draw(rarely) and data.draw(rarely) else invoice.get("currency") or "AFN"
        worth = self.model.worth_of(invoice)[at] if at < count and invoice["parts"] else None
        left = max(gross_of(worth) - invoice.get("credited", {}).get(at, 0), 0) if worth else 0
        if not data.draw(often):
            return at + 1, None, currency
        least, most = (0 if data.draw(rarely) else 1), left + (1 if data.draw(rarely) else 0)
        return at + 1, data.draw(st.integers(least, max(most, 1))), currency


def _note_of(answer: Answer | None) -> str:
    return str(answer["changes"][0][1]) if answer else ""
