"""Steps of the state machine about the past: what was answered for (effective, recorded) stays answered so.

Balances, statements, ledger lines and the trial balance are asked at random, of a moment that is past - nobody writes
meanwhile, so that no transaction is under way that could still record something then - and remembered. Asked again
later, after whatever happened, each is the same.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from hypothesis import strategies as st

from billing.account_balance import account_balance
from billing.account_ledger import Period, account_statement, ledger_lines, total_of
from billing.trial_balance import trial_balance
from ledger.chart import BALANCE_OF
from storage.transaction import Transaction
from tests.acceptance.books import ACTOR
from tests.acceptance.tenant_life import TenantLife

REMEMBERED_MAX = 60
WHOLE = 10_000
"""More than one account ever has: all of it is one page."""

days = st.sampled_from([None, None, 0, 1, 44, 45, 100, 400, -30])
subjects = st.sampled_from(["balance", "balance", "statement", "lines", "trial balance"])


class Question(NamedTuple):
    """`account` is None of the trial balance."""

    subject: str
    account: str | None
    first: date | None
    last: date | None
    recorded: datetime


class AsOfSteps(TenantLife):
    def __init__(self) -> None:
        super().__init__()
        self.moments: list[datetime] = []
        self.answered: dict[Question, Any] = {}

    def ask_as_of(self, data: st.DataObject) -> None:
        """Ask something of the past that nobody asked yet, most often of a moment that was asked of before."""
        now = self.runner.run(self.books.clock())
        recorded: datetime = data.draw(st.sampled_from([now, *self.moments, *self.moments]))
        self.moments = [*self.moments[-9:], now]
        subject = data.draw(subjects)
        last = self._day(data.draw(days))
        account = None if subject == "trial balance" else self.drawing(data).one(self.model.accounts)
        if account is None and subject != "trial balance":
            return
        first = self._day(data.draw(days)) if subject in {"statement", "lines"} else None
        if first is not None and last is not None and first > last:
            first, last = last, first
        question = Question(subject, account, first, last, recorded)
        answer = self._answer_to(question)
        assert self.answered.setdefault(question, answer) == answer
        if recorded == now and account is not None and subject == "balance":
            # What is known now is what the model says: of any day.
            assert self.sheet(account, on=last, recorded=recorded) == self.model.balances(account, last)
        if len(self.answered) > REMEMBERED_MAX:
            del self.answered[next(iter(self.answered))]

    def ask_again(self, data: st.DataObject) -> None:
        """Whatever has happened meanwhile."""
        for question in data.draw(st.lists(st.sampled_from([*self.answered]), max_size=4)) if self.answered else ():
            # An account that nothing was ever posted to may be gone.
            if question.account is None or question.account in self.model.accounts:
                assert self._answer_to(question) == self.answered[question], question

    def _day(self, ago: int | None) -> date | None:
        return None if ago is None else self.local_today() - timedelta(days=ago)

    def _answer_to(self, question: Question) -> Any:
        if question.account is None:
            return self.runner.run(
                trial_balance(self.database, self.books.context, on=question.last, recorded=question.recorded)
            )
        account, period = question.account, Period(first=question.first, last=question.last, recorded=question.recorded)
        ask: Callable[[Transaction], Any] = {
            "balance": lambda tx: account_balance(
                tx, self.books.context, account, on=question.last, recorded=question.recorded
            ),
            "statement": lambda tx: account_statement(tx, account, period, count=WHOLE),
            "lines": lambda tx: ledger_lines(tx, account, period, count=WHOLE),
        }[question.subject]
        answer = self.runner.run(self.database.run(self.books.tenant_id, ACTOR, ask))
        if question.subject == "statement":
            moved = sum(entry.amount_minor for entry, _ in answer.entries)
            assert total_of(answer.opening) + moved == total_of(answer.closing)
        if question.subject == "lines":
            changes = sum(line.amount_minor for line, _ in answer.lines if line.ledger_account in BALANCE_OF)
            last = answer.lines[-1][1] if answer.lines else answer.opening_minor
            assert answer.opening_minor + changes == last
        return answer
