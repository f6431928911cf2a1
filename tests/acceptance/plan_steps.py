"""Steps of the state machine about payment plans: made, cancelled, found in default, and the aging that they make."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from hypothesis import strategies as st

from billing.payment_plan_state import read_plan
from tests.acceptance.books import Answer, Request
from tests.acceptance.drawing import NOWHERE, often, rarely
from tests.acceptance.reference_model import Fields
from tests.acceptance.tenant_life import TenantLife, aging_of
from tests.later_context import later

DAYS_AHEAD = 40


class PlanSteps(TenantLife):
    def __init__(self) -> None:
        super().__init__()
        self.aged: list[tuple[datetime, date | None, dict[str, dict[str, int]]]] = []

    def plan(self, data: st.DataObject) -> None:
        fields = self._plan_of(data)
        if fields is None:
            return

        def check(answer: Answer | None) -> None:
            id_ = answer["changes"][0][1] if answer else "refused"
            self.model.make_plan(id_, fields)
            assert answer is not None, "the model accepts it"
            assert answer["changes"][0][3] == self.model.plan_status(id_, self.model.today)

        self.send(Request("plan", "PaymentPlan", fields, self.key(data)), check)

    def _plan_of(self, data: st.DataObject) -> Fields | None:
        drawing = self.drawing(data)
        first = drawing.one(
            self.model.invoices,
            wanted=lambda i: i["status"] == "issued" and i["parts"].get(None, 0) > i["paid"].get(None, 0),
        )
        if first is None:
            return None
        account = self.model.invoices[first]["account"]
        invoices = [first]
        for id_, invoice in self.model.invoices.items():
            fits = invoice["account"] == account and invoice["status"] == "issued"
            if id_ != first and (data.draw(st.booleans()) if fits else data.draw(rarely) and data.draw(rarely)):
                invoices.append(id_)
        if data.draw(rarely) and data.draw(rarely):
            invoices.append(NOWHERE)
        account = NOWHERE if account is None or (data.draw(rarely) and data.draw(rarely)) else account
        fields: Fields = {"account": account, "invoices": invoices, "equal": None, "instalments": [], "currency": ""}
        day = self.model.today + timedelta(days=data.draw(st.sampled_from([0, 1, 10, 10, 30, 100])))
        if data.draw(rarely):
            day = self.model.today - timedelta(days=1)
        if data.draw(often):
            unit, every = data.draw(st.sampled_from([("day", 10), ("week", 2), ("month", 1), ("month", 7)]))
            fields["equal"] = (data.draw(st.sampled_from([1, 2, 3, 3, 7, 120])), day, unit, every)
        else:
            self._agree(data, fields, day)
        return fields

    def _agree(self, data: st.DataObject, fields: Fields, day: date) -> None:
        """Instalments that come to what is owed, most of the time."""
        known = [id_ for id_ in fields["invoices"] if id_ in self.model.invoices]
        left = sum(max(self.model.owed_by_patient(id_), 0) for id_ in known)
        left += 1 if data.draw(rarely) else 0
        while left > 0 and len(fields["instalments"]) < 5:
            amount = data.draw(st.integers(1, left)) if len(fields["instalments"]) < 4 else left
            fields["instalments"].append((day, amount))
            left -= amount
            day += timedelta(days=0 if data.draw(rarely) and data.draw(rarely) else data.draw(st.integers(1, 60)))
        if not fields["instalments"]:
            fields["instalments"] = [(day, 1)]
        of = self.model.accounts.get(fields["account"], {"currency": "AFN"})["currency"]
        fields["currency"] = "USD" if data.draw(rarely) and data.draw(rarely) else of

    def cancel_plan(self, data: st.DataObject) -> None:
        id_ = self.drawing(data).one(self.model.plans, wanted=lambda plan: not plan["ended"])
        if id_ is not None:
            request = Request("cancel-plan", f"PaymentPlan/{id_}", {}, self.key(data))
            self.send(request, lambda _: self.model.cancel_plan(id_))

    def note_default(self, data: st.DataObject) -> None:
        """Look whether a plan is in default, as it will be looked some day."""
        id_ = self.drawing(data).one(self.model.plans, wanted=lambda plan: not plan["ended"])
        if id_ is None:
            return
        days = data.draw(st.sampled_from([0, 8, 20, 20, 60, 200]))

        def check(answer: Answer | None) -> None:
            noted = self.model.note_default(id_, self.model.today + timedelta(days=days))
            assert answer is not None
            assert answer["changes"][0][3] == noted

        self.send(Request("note-default", f"PaymentPlan/{id_}", {"days": days}, self.key(data)), check)

    def ask_for_aging(self, data: st.DataObject) -> None:
        """What was answered of aging for a day and a moment is answered so for ever."""
        self.drawing(data)
        for moment, on, known in self.aged[-6:]:
            for id_, aging in known.items():
                if id_ in self.model.accounts:
                    sheet = self.runner.run(self.books.balance(id_, on=on, recorded=moment))
                    assert aging_of(sheet) == aging, (id_, on, moment)
        ahead = self.model.today + timedelta(days=data.draw(st.integers(0, 200)))
        moment = self.runner.run(self.books.clock())
        for on in (None, ahead):
            known = {id_: self.model.aging(id_, on or self.model.today) for id_ in self.model.accounts}
            for id_, aging in known.items():
                sheet = self.runner.run(self.books.balance(id_, on=on, recorded=moment))
                assert aging_of(sheet) == aging, (id_, on)
            self.aged.append((moment, on, known))

    def _compare(self) -> None:
        super()._compare()
        for days in (0, DAYS_AHEAD):
            context, day = later(self.books.context, days), self.model.today + timedelta(days=days)
            for id_, plan in self.model.plans.items():
                state = self.runner.run(read_plan(self.database, context, id_))
                assert state.status == self.model.plan_status(id_, day)
                assert [(each.due, each.scheduled_minor, each.open_minor) for each in state.instalments] == (
                    self.model.left_of(plan)
                )
