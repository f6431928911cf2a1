"""Steps of the state machine about cash: drawers are opened, counted and closed, by several people."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.acceptance.books import Answer, Request
from tests.acceptance.drawing import CURRENCIES, NOWHERE, often, rarely
from tests.acceptance.reference.cash import CASHIER, MAIN
from tests.acceptance.tenant_life import TenantLife

COINS = {"AFN": 25, "JPY": 5, "KWD": 10}
"""The smallest coins, in minor units, of a tenant that rounds what is paid in cash."""

USES = ("off", "optional", "optional", "required")

drawers = st.sampled_from([MAIN, MAIN, "north"])


class CashSteps(TenantLife):
    def open_drawer(self, data: st.DataObject) -> None:
        if self.model.uses_sessions != "off" or data.draw(rarely):
            counted = data.draw(st.sampled_from([0, 500, 12_345]))
            self._open_drawer(
                data.draw(drawers),
                data.draw(st.sampled_from(CURRENCIES)),
                counted,
                CASHIER if data.draw(often) else "bob",
                self.key(data),
            )

    def _open_drawer(self, drawer: str, currency: str, counted: int, by: str, key: str | None) -> None:
        def change(answer: Answer | None) -> None:
            self.model.open_drawer(answer["changes"][0][1] if answer else "", drawer, currency, counted, by)

        content = {"float": (currency, counted), "by": by}
        self.send(Request("open-drawer", f"CashSession/{drawer}", content, key), change)

    def close_drawer(self, data: st.DataObject) -> None:
        id_ = self.drawing(data).one(self.model.sessions, wanted=lambda each: each["declared"] is None)
        if id_ is None:
            return
        session = self.model.sessions[id_]
        off = data.draw(st.sampled_from([0, 0, 5, -5, 700]))
        declared = max(session["float"] + session["moved"] + off, 0)
        currency = "USD" if data.draw(rarely) else session["currency"]
        id_ = NOWHERE if data.draw(rarely) and data.draw(rarely) else id_
        request = Request("close-drawer", f"CashSession/{id_}", {"declared": (currency, declared)}, self.key(data))
        self.send(request, lambda _: self.model.close_drawer(id_, currency, declared))
