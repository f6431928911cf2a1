"""Steps of the state machine about a payment gateway: a real local one, that may be silent, fail or decline."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import timedelta
from typing import ClassVar

from hypothesis import note
from hypothesis import strategies as st

from fhir_server.gateway_client import GatewayClient
from fhir_server.gateway_resolution import charge, resolve
from ledger.gateway_payment import GatewayPayment
from storage import gateway_payments
from tests.acceptance.books import Answer, Request
from tests.acceptance.drawing import NOWHERE, PAYERS, often, rarely
from tests.acceptance.reference_model import Fields
from tests.acceptance.tenant_life import TenantLife
from tests.integration.payment_gateway import TestGateway, Trouble

TOKEN = "tok_of-a-card-1"
EXPECTED: dict[Trouble, str] = {
    "": "captured",
    "declines": "declined",
    "pending": "unknown",
    "fails-before": "unknown",
    "fails-after": "unknown",
    "nonsense": "unknown",
    "other-amount": "unknown",
}
"""What is known of a payment after it was asked for, by what the gateway does badly."""

troubles: st.SearchStrategy[Trouble] = st.sampled_from(["", "", "", *EXPECTED])


class GatewaySteps(TenantLife):
    gateway: ClassVar[TestGateway]
    gateway_client: ClassVar[GatewayClient]

    def ask_gateway(self, data: st.DataObject) -> None:
        """Write down what is going to be asked for, and most often ask for it at once."""
        drawing = self.drawing(data)
        account = drawing.one(self.model.accounts, wanted=lambda each: each["status"] == "active")
        if account is None:
            return
        currency = self.model.accounts[account]["currency"]
        invoice = drawing.one(self.model.invoices, wanted=lambda i: i["status"] == "issued" and i["account"] == account)
        content: Fields = {
            "amount": ("USD" if data.draw(rarely) else currency, data.draw(st.integers(1, 20_000))),
            "method": data.draw(st.sampled_from(["card", "mobile-money"])),
            "payer": data.draw(st.sampled_from([None, None, PAYERS[0]])),
            "invoices": [invoice] if invoice is not None and data.draw(st.booleans()) else [],
        }
        if data.draw(rarely) and data.draw(rarely):
            content["invoices"] = [NOWHERE]
        made: list[str] = []

        def change(answer: Answer | None) -> None:
            id_ = answer["changes"][0][1] if answer else "refused"
            self.model.ask_gateway(id_, account, content)
            made.append(id_)

        self.send(Request("ask-gateway", f"Account/{account}", content, self.key(data)), change)
        asks = data.draw(often)
        if made and asks:
            self._charge(data, made[0])

    def hear_of_gateway(self, data: st.DataObject) -> None:
        """Ask for it again, or what became of it: by then it may have been charged, declined, or never heard of."""
        id_ = self.drawing(data).one(self.model.asked, wanted=lambda each: each["status"] == "unknown")
        if id_ is None:
            return
        if data.draw(rarely):
            self._charge(data, id_)
            return
        self._decide_what_is_pending(data, id_)
        self.gateway.trouble = ""
        is_settled = data.draw(often)
        kept = self.gateway.payments.get(id_)
        expected = kept["status"] if kept is not None else "cancelled" if is_settled else "unknown"
        if expected == "pending" or (kept is not None and kept.get("reference", "").startswith("gw-other")):
            expected = "unknown"
        asked = self.model.asked[id_]
        if kept is not None and expected == "captured" and kept["amount"]["minor_units"] != asked["amount"][1]:
            expected = "unknown"
        expected = expected if asked["status"] == "unknown" else asked["status"]
        age = timedelta(0) if is_settled else timedelta(days=1)
        payment = self._asked(id_)
        self._hear(id_, resolve(self.database, self.gateway_client, self.books.context, payment, age), expected)

    def _charge(self, data: st.DataObject, id_: str) -> None:
        self.gateway.trouble = trouble = data.draw(troubles)
        kept, asked = self.gateway.payments.get(id_), self.model.asked[id_]
        expected = EXPECTED[trouble]
        if kept is not None and trouble not in ("fails-before", "fails-after", "nonsense"):
            # What it kept of the first time is what it answers.
            is_same = kept["status"] != "captured" or kept["amount"]["minor_units"] == asked["amount"][1]
            expected = kept["status"] if is_same and kept["status"] != "pending" else "unknown"
        expected = expected if asked["status"] == "unknown" else asked["status"]
        if asked["status"] in ("declined", "cancelled") and (kept or {}).get("status") == "captured":
            return
        asking = charge(self.database, self.gateway_client, self.books.context, self._asked(id_), TOKEN)
        self._hear(id_, asking, expected)

    def _decide_what_is_pending(self, data: st.DataObject, id_: str) -> None:
        kept = self.gateway.payments.get(id_)
        if kept is not None and kept["status"] == "pending" and data.draw(often):
            kept["status"] = data.draw(st.sampled_from(["captured", "captured", "declined"]))

    def _asked(self, id_: str) -> GatewayPayment:
        payment = self.runner.run(gateway_payments.read(self.database, self.books.tenant_id, id_))
        assert payment is not None
        return payment

    def _hear(self, id_: str, asking: Awaitable[GatewayPayment], expected: str) -> None:
        """Let the gateway answer, and the model hear the same."""

        async def answered() -> GatewayPayment:
            return await asking

        heard = self.runner.run(answered())
        note(f"gateway payment {id_} ({self.gateway.trouble or 'no trouble'}) -> {heard.status}")
        assert heard.status == expected
        statement = "SELECT id FROM billing.payment_notice WHERE tenant_id = %s"
        notices = {row[0] for row in self.reader.rows(statement, self.books.tenant_id)}
        new = notices - self.model.notices.keys()
        self.model.gateway_said(id_, heard.status, new.pop() if new else "")
        assert self.gateway.charged.get(id_, 0) <= 1, "money moved once"
        self.carried_out[f"gateway {heard.status}"] += 1
        self.tables = self.reader.snapshot(self.books.tenant_id)
        self._compare()
