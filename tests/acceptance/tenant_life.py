"""One tenant's life: each request goes to the books and to the reference model, and what both say is compared."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine

from billing.account_balance import BalanceSheet
from billing.check_ledger import check_ledger
from billing.project_control_totals import project_control_totals
from billing.seal_journal import seal_journal
from fhir_server.seal_keys import SealKeys
from ledger.errors import Refusal
from storage.transaction import Database
from tests.acceptance.books import Answer, Books, Reader, Request, Snapshot
from tests.acceptance.comparison import compare
from tests.acceptance.documents import Document
from tests.acceptance.drawing import Drawing
from tests.acceptance.reference_model import BALANCES, ReferenceModel, Refused

STEPS_OF_A_PROOF = 20


class TenantLife(RuleBasedStateMachine):
    """The rules are a subclass's; the connections are given by the test."""

    books: Books
    model: ReferenceModel
    tables: Snapshot
    runner: ClassVar[asyncio.Runner]
    database: ClassVar[Database]
    auditor: ClassVar[Database]
    sealer: ClassVar[Database]
    seal_keys: ClassVar[SealKeys]
    reader: ClassVar[Reader]
    carried_out: ClassVar[Counter[str]]
    refused: ClassVar[Counter[str]]
    proofs: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[tuple[Request, Answer]] = []
        self.known: list[tuple[datetime, dict[str, dict[str, int]]]] = []
        self.counter = 0
        self.since_proof = 0

    def begin_with(self, model: ReferenceModel, **tenant_settings: str) -> None:
        self.books = self.runner.run(Books.open(self.database, **tenant_settings))
        self.model = model
        self.tables = self.reader.snapshot(self.books.tenant_id)

    def teardown(self) -> None:
        if hasattr(self, "books"):
            self._prove()

    def seal(self, data: st.DataObject) -> None:
        """Seal what was recorded so far. Now and then by a clock that is ahead, so that the next change meets it."""
        ahead = timedelta(milliseconds=data.draw(st.sampled_from([0, 0, 50])))
        sealed = seal_journal(self.database, self.sealer, self.books.tenant_id, self.seal_keys.sign, margin=-ahead)
        for block in self.runner.run(sealed):
            self.seal_keys.remember(block)
        if data.draw(st.booleans()):
            self.runner.run(project_control_totals(self.sealer, self.books.tenant_id))
        self.tables = self.reader.snapshot(self.books.tenant_id)

    @staticmethod
    def local_today() -> date:
        return datetime.now(UTC).astimezone(ZoneInfo("Asia/Kabul")).date()

    def drawing(self, data: st.DataObject) -> Drawing:
        self.model.today = self.local_today()
        return Drawing(data, self.model)

    def key(self, data: st.DataObject) -> str | None:
        self.counter += 1
        return f"key-{self.counter}" if data.draw(st.booleans()) else None

    def any_resource(self, data: st.DataObject) -> tuple[str, str | None]:
        kinds = {
            "Account": self.model.accounts,
            "ChargeItem": self.model.charges,
            "Invoice": self.model.invoices,
            "PaymentReconciliation": self.model.payments,
            "PaymentNotice": self.model.notices,
        }
        resource_type = data.draw(st.sampled_from(sorted(kinds)))
        return resource_type, self.drawing(data).one(kinds[resource_type])

    def stored(self, resource_type: str, id_: str) -> Document:
        return self.runner.run(self.books.read(resource_type, id_))

    def create(self, document: Document, key: str | None, change: Callable[[str], Any]) -> None:
        def apply(answer: Answer | None) -> None:
            id_ = answer["changes"][0][1] if answer else ""
            of_model = change(id_)
            assert answer is not None, "the model accepts it"
            assert of_model in (None, id_), "it is another resource that has the key"

        self.send(Request("create", document["resourceType"], document, key), apply)

    def update(self, id_: str, document: Document, key: str | None, change: Callable[[], None]) -> None:
        self.send(Request("update", f"{document['resourceType']}/{id_}", document, key), lambda _: change())

    def send(self, request: Request, apply: Callable[[Answer | None], None], *, changes_nothing: bool = False) -> None:
        """Send a request, let the model do the same, and compare."""
        answer, refusal = self.runner.run(self._answer(request))
        note(f"{request} -> {answer['changes'] if answer else refusal}")
        expected: frozenset[str] = frozenset()
        try:
            apply(answer)
        except Refused as refused:
            expected = refused.codes
        if expected:
            assert refusal is not None, f"must be refused as {set(expected)}"
            assert {problem.code for problem in refusal.problems} & expected, (refusal, expected)
            self.refused[refusal.code] += 1
        else:
            assert refusal is None, f"the model accepts what is refused: {refusal}"
            self.carried_out[f"{request.operation} {request.type_or_id.split('/')[0]}"] += 1
        before, self.tables = self.tables, self.reader.snapshot(self.books.tenant_id)
        if expected or changes_nothing:
            assert {name for name in before if before[name] != self.tables[name]} == set()
        elif request.key is not None and answer is not None and not answer["replayed"]:
            self.sent.append((request, answer))
        self._compare()

    async def _answer(self, request: Request) -> tuple[Answer | None, Refusal | None]:
        try:
            return await self.books.send(request), None
        except Refusal as refusal:
            return None, refusal

    def _compare(self) -> None:
        compare(self.reader, self.books.tenant_id, self.model)
        for id_ in self.model.accounts:
            sheet, balances = self.runner.run(self.books.balance(id_)), self.model.balances(id_)
            assert aging_of(sheet) == self.model.aging(id_, self.model.today)
            owed = balances["unbilled"] + balances["billed_patient"] + balances["billed_payer"]
            assert sheet.total.minor_units == owed - balances["unapplied"] - balances["refund_payable"]
        self.since_proof += 1
        if self.since_proof >= STEPS_OF_A_PROOF:
            self._prove()

    def sheet(self, id_: str, **moment: Any) -> dict[str, int]:
        sheet = self.runner.run(self.books.balance(id_, **moment))
        return {name: getattr(sheet, name).minor_units for name in BALANCES.values()}

    def _prove(self) -> None:
        self.since_proof = 0
        type(self).proofs += 1
        tenant_id = self.books.tenant_id
        assert self.runner.run(check_ledger(self.auditor, [tenant_id], None, self.seal_keys.proof())) == []
        for id_ in self.model.accounts:
            for ago in (1, 44, 99, 399):
                day = self.model.today - timedelta(days=ago)
                assert self.sheet(id_, on=day) == self.model.balances(id_, day), day


def aging_of(sheet: BalanceSheet) -> dict[str, int]:
    return {bucket: money.minor_units for bucket, money in sheet.aging}
