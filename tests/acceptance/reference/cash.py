"""Cash in the model: drawers that somebody answers for, what moves in them, and the smallest coin."""

from __future__ import annotations

from typing import Any

from tests.acceptance.reference.books import Fields, refuse_if
from tests.acceptance.reference.invoices import Invoices

MAIN = "main"
CASHIER = "cashier"
"""Whose requests move cash."""


class Cash(Invoices):
    def __init__(self, *, cash_sessions: str = "off", coins: dict[str, int] | None = None, **settings: Any) -> None:
        super().__init__(**settings)
        self.uses_sessions = cash_sessions
        self.coins = coins or {}
        self.sessions: dict[str, Fields] = {}

    def open_drawer(self, id_: str, drawer: str, currency: str, counted: int, by: str) -> None:
        refuse_if(cash_sessions_off=self.uses_sessions == "off")
        refuse_if(cash_session_open=self._session_of(drawer, currency) is not None)
        self.sessions[id_] = {
            "drawer": drawer,
            "currency": currency,
            "float": counted,
            "by": by,
            "moved": 0,
            "declared": None,
            "expected": None,
        }

    def close_drawer(self, id_: str, currency: str, declared: int) -> None:
        refuse_if(not_found=id_ not in self.sessions)
        session = self.sessions[id_]
        refuse_if(invalid_state=session["declared"] is not None)
        refuse_if(currency_mismatch=currency != session["currency"])
        session.update(declared=declared, expected=session["float"] + session["moved"])
        over = declared - session["expected"]
        self.book(self.today, currency, (1010, over, None), (5300, -over, None))

    def cash_session(self, asset: int, currency: str, drawer: str | None = None) -> str | None:
        """The session that answers for money that is about to move; refused where there must be one and is none."""
        if asset != 1010 or self.uses_sessions == "off":
            return None
        found = self._session_of(drawer, currency) if drawer is not None else self._session_of_cashier(currency)
        refuse_if(cash_session_required=found is None and self.uses_sessions == "required")
        return found

    def move_cash(self, session: str | None, amount: int) -> None:
        if session is not None:
            self.sessions[session]["moved"] += amount

    def in_coins(self, amount: int, currency: str) -> int:
        """The nearest that there are coins for, half upwards."""
        coin = self.coins.get(currency, 1)
        return (2 * amount + coin) // (2 * coin) * coin

    def _session_of_cashier(self, currency: str) -> str | None:
        own = [id_ for id_, each in self._open(currency).items() if each["by"] == CASHIER]
        return own[0] if len(own) == 1 else self._session_of(MAIN, currency)

    def _session_of(self, drawer: str, currency: str) -> str | None:
        return next((id_ for id_, each in self._open(currency).items() if each["drawer"] == drawer), None)

    def _open(self, currency: str) -> dict[str, Fields]:
        return {
            id_: each
            for id_, each in self.sessions.items()
            if each["currency"] == currency and each["declared"] is None
        }
