"""What every part of the model needs: what is booked, the balances that follow, and refusals."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from typing import Any

Fields = dict[str, Any]

TENANT_CURRENCY = "AFN"
BALANCES = {
    1150: "unbilled",
    1100: "billed_patient",
    1110: "billed_payer",
    2100: "unapplied",
    2300: "refund_payable",
}
OWED_TO_US = (1150, 1100, 1110)
ASSETS = {"cash": 1010, "bank-transfer": 1020, "card": 1030, "mobile-money": 1030, "cheque": 1030, "other": 1030}
BUCKETS = ((0, "current"), (30, "1-30"), (60, "31-60"), (90, "61-90"), (120, "91-120"))


class Refused(Exception):  # noqa: N818 - a word of the domain, as in the ledger
    def __init__(self, *codes: str) -> None:
        super().__init__(", ".join(codes))
        self.codes = frozenset(codes)


def refuse_if(**faults: bool) -> None:
    """Refuse with the names of what is true."""
    codes = [name.replace("_", "-") for name, is_so in faults.items() if is_so]
    if codes:
        raise Refused(*codes)


class Books:
    """The state of the model."""

    def __init__(self, *, terms_days: int, holds_unpriced: bool) -> None:
        self.terms_days = terms_days
        self.holds_unpriced = holds_unpriced
        self.today = date.min
        self.price_versions: list[Fields] = []
        self.accounts: dict[str, Fields] = {}
        self.charges: dict[str, Fields] = {}
        self.invoices: dict[str, Fields] = {}
        self.payments: dict[str, Fields] = {}
        self.notices: dict[str, Fields] = {}
        self.refunds: dict[str, Fields] = {}
        self.charge_keys: dict[str, tuple[str, Fields]] = {}
        self.receipts: dict[str, tuple[str, Fields]] = {}
        self.holds: dict[str, str] = {}
        self.series: dict[tuple[str, int], int] = {}
        self.tax_rules: list[Fields] = []
        self.note_series: dict[tuple[str, int], int] = {}
        self.ledger: defaultdict[tuple[int, str], int] = defaultdict(int)
        self.booked: list[tuple[str, str, int, date]] = []
        self.came: dict[tuple[str, str], tuple[date, int]] = {}
        self.posted: list[tuple[int, str, int, date]] = []
        self.periods: list[Fields] = []
        self.into_soft_closed = False

    @property
    def first_open_day(self) -> date:
        """The first day of the first period that is open to who acts."""
        shut = [period["last_day"] for period in self.periods if period["closed"] or not self.into_soft_closed]
        return max(shut) + timedelta(days=1) if shut else date.min

    def counts_on(self, day: date) -> date:
        return max(day, self.first_open_day)

    def book(self, on: date, currency: str, *lines: tuple[int, int, str | None], payment: str | None = None) -> None:
        """Lines of (ledger account, debit or negative credit, patient account). `payment`: whose money it is."""
        assert sum(amount for _, amount, _ in lines) == 0, lines
        on = self.counts_on(on)
        for code, amount, account in lines:
            self.ledger[code, currency] += amount
            self.posted.append((code, currency, amount, on))
            if account is not None and code in BALANCES and amount:
                signed = amount if code in OWED_TO_US else -amount
                self.booked.append((account, BALANCES[code], signed, on))
            if account is not None and code == 2100 and amount and payment is not None:
                day, number = self.came.get((payment, account), (on, len(self.came)))
                self.came[payment, account] = (min(day, on), number)

    def balances(self, account: str, on: date | None = None) -> dict[str, int]:
        """The balances of an account by what was booked up to a day."""
        sums = dict.fromkeys(BALANCES.values(), 0)
        for of, name, amount, booked_on in self.booked:
            if of == account and (on is None or booked_on <= on):
                sums[name] += amount
        return sums

    def balances_by_resources(self, account: str) -> dict[str, int]:
        """The same by what the charges, invoices and payments say."""
        invoices = [i for i in self.invoices.values() if i["account"] == account and i["parts"]]
        due = [(payer, i["parts"][payer] - i["paid"].get(payer, 0)) for i in invoices for payer in i["parts"]]
        return {
            "unbilled": sum(
                c["amount"] or 0 for c in self.charges.values() if c["account"] == account and c["status"] == "billable"
            ),
            "billed_patient": sum(amount for payer, amount in due if payer is None),
            "billed_payer": sum(amount for payer, amount in due if payer is not None),
            "unapplied": sum(p["rest"].get(account, 0) for p in self.payments.values()),
            "refund_payable": sum(
                r["amount"] for r in self.refunds.values() if (r["owner"], r["status"]) == (account, "approved")
            ),
        }

    def aging(self, account: str, on: date) -> dict[str, int]:
        sums = dict.fromkeys([name for _, name in BUCKETS] + ["121+"], 0)
        for invoice in self.invoices.values():
            if invoice["account"] == account and invoice["parts"]:
                days = (on - date.fromisoformat(invoice["due"])).days
                bucket = next((name for last, name in BUCKETS if days <= last), "121+")
                sums[bucket] += self.due(invoice)
        return sums

    def is_posted_to(self, account: str) -> bool:
        return any(of == account for of, _, _, _ in self.booked)

    @staticmethod
    def due(invoice: Fields) -> int:
        due: int = sum(invoice["parts"].values()) - sum(invoice["paid"].values())
        return due
