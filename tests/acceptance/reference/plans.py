"""Payment plans in the model: agreed once, and what became of them worked out from what is owed and was paid."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from tests.acceptance.reference.allocations import Allocations
from tests.acceptance.reference.books import BUCKETS, Fields, refuse_if

GRACE_DAYS = 7
DAYS_OF = {"day": 1, "week": 7}


def months_later(first: date, months: int) -> date:
    """The same day of a later month, or the last that it has."""
    month = first.month - 1 + months
    for day in range(first.day, 0, -1):
        try:
            return date(first.year + month // 12, month % 12 + 1, day)
        except ValueError:
            continue
    raise AssertionError("every month has a first day")


class Plans(Allocations):
    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.plans: dict[str, Fields] = {}

    def owed_by_patient(self, id_: str) -> int:
        invoice = self.invoices[id_]
        owed: int = invoice["parts"].get(None, 0) - invoice["paid"].get(None, 0)
        return owed

    def make_plan(self, id_: str, fields: Fields) -> None:
        """`fields`: account, invoices, and `equal` (count, first day, unit, every) or `instalments` (day, amount)."""
        refuse_if(not_found=fields["account"] not in self.accounts)
        refuse_if(invalid_state=self.accounts[fields["account"]]["status"] == "entered-in-error")
        found = [self.invoices.get(invoice) for invoice in fields["invoices"]]
        refuse_if(
            reference_not_found=None in found,
            invoice_other_account=any(i is not None and i["account"] != fields["account"] for i in found),
            invoice_not_issued=any(i is not None and i["status"] != "issued" for i in found),
        )
        planned = {each for plan in self.plans.values() if not plan["ended"] for each in plan["invoices"]}
        refuse_if(
            invoice_on_other_plan=not planned.isdisjoint(fields["invoices"]),
            nothing_due=any(self.owed_by_patient(each) <= 0 for each in fields["invoices"]),
        )
        instalments = self._instalments(fields, sum(self.owed_by_patient(each) for each in fields["invoices"]))
        self.plans[id_] = {
            "account": fields["account"],
            "invoices": fields["invoices"],
            "instalments": instalments,
            "paid_before": self._allocated(fields["invoices"]),
            "made_on": self.today,
            "marks": [],
            "ended": None,
        }

    def _instalments(self, fields: Fields, total: int) -> list[tuple[date, int]]:
        if fields["equal"]:
            count, first, unit, every = fields["equal"]
            refuse_if(instalment_too_small=count > total)
            each, larger = divmod(total, count)
            days = [
                months_later(first, every * at)
                if unit == "month"
                else first + timedelta(days=every * at * DAYS_OF[unit])
                for at in range(count)
            ]
            instalments = [(day, each + (1 if at < larger else 0)) for at, day in enumerate(days)]
        else:
            instalments = fields["instalments"]
            refuse_if(currency_mismatch=fields["currency"] != self.accounts[fields["account"]]["currency"])
        days = [day for day, _ in instalments]
        refuse_if(
            instalment_in_past=days[0] < self.today,
            instalments_unordered=sorted(set(days)) != days,
            plan_too_long=max(days).year > self.today.year + 20,
            instalments_mismatch=sum(amount for _, amount in instalments) != total,
        )
        return instalments

    def _allocated(self, invoices: list[str]) -> int:
        """What payments stand to on the patients' shares of invoices."""
        return sum(
            amount
            for each in self.allocations
            if each["invoice"] in invoices
            for part, amount in each["parts"]
            if part is None
        )

    def cancel_plan(self, id_: str) -> None:
        refuse_if(not_found=id_ not in self.plans)
        plan = self.plans[id_]
        refuse_if(invalid_state=self.plan_status(id_, self.today) in ("cancelled", "completed"))
        plan["ended"] = self._owed_and_paid(plan)

    def note_default(self, id_: str, on: date) -> str:
        """What is recorded of a plan on a day: nothing where that was said already."""
        refuse_if(not_found=id_ not in self.plans)
        plan = self.plans[id_]
        late = self._is_late(plan, on)
        if plan["ended"] or late == (plan["marks"][-1:] == ["defaulted"]):
            return "nothing"
        plan["marks"].append("defaulted" if late else "recovered")
        return str(plan["marks"][-1])

    def plan_status(self, id_: str, on: date) -> str:
        plan = self.plans[id_]
        if plan["ended"]:
            return "cancelled"
        if not self._owed_and_paid(plan)[0]:
            return "completed"
        return "defaulted" if plan["marks"][-1:] == ["defaulted"] and self._is_late(plan, on) else "active"

    def _is_late(self, plan: Fields, on: date) -> bool:
        return any(amount > 0 and (on - day).days > GRACE_DAYS for day, _, amount in self.left_of(plan))

    def _owed_and_paid(self, plan: Fields) -> tuple[int, int]:
        if plan["ended"]:
            owed, paid = plan["ended"]
            return owed, paid
        owed = sum(self.owed_by_patient(each) for each in plan["invoices"])
        return owed, max(self._allocated(plan["invoices"]) - plan["paid_before"], 0)

    def left_of(self, plan: Fields) -> list[tuple[date, int, int]]:
        """(day, what is to be paid of it, what is open) of each instalment.

        The instalments are marks on a line as long as what the plan comes to by now, and what is paid covers its
        beginning.
        """
        owed, paid = self._owed_and_paid(plan)
        whole, mark = owed + paid, 0
        left = []
        for at, (day, amount) in enumerate(plan["instalments"]):
            start, mark = min(mark, whole), mark + amount
            end = whole if at == len(plan["instalments"]) - 1 else min(mark, whole)
            left.append((day, end - start, end - min(max(paid, start), end)))
        return left

    def aging(self, account: str, on: date) -> dict[str, int]:
        sums = super().aging(account, on)
        for plan in self.plans.values():
            if plan["account"] == account and not plan["ended"] and plan["made_on"] <= on:
                for id_ in plan["invoices"]:
                    if self.invoices[id_]["parts"]:
                        due = date.fromisoformat(self.invoices[id_]["due"])
                        sums[self._bucket(due, on)] -= self.owed_by_patient(id_)
                for day, _, amount in self.left_of(plan):
                    sums[self._bucket(day, on)] += amount
        return sums

    @staticmethod
    def _bucket(due: date, on: date) -> str:
        return next((name for last, name in BUCKETS if (on - due).days <= last), "121+")
