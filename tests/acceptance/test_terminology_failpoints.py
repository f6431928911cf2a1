"""Kills between any two SQL statements of a capture whose code a terminology server is asked of.

It is asked outside of transactions: the first one is given up, and another begun with the answer. A kill may come in
either, or while the server is asked.
"""

from __future__ import annotations

from dataclasses import replace

from fhir_server.terminology_server import TerminologyServer
from storage.transaction import Database
from tests.acceptance import documents
from tests.acceptance.books import Reader, Request
from tests.acceptance.test_failpoints import PATIENT, Case, kill_after_any_statement
from tests.integration.terminology import terminology_stub

SYSTEM = "http://www.ama-assn.org/go/cpt"


async def test_a_kill_after_any_statement_around_a_look_up_loses_nothing_and_doubles_nothing(
    app: Database, auditor: Database, reader: Reader
) -> None:
    async with terminology_stub() as stub:
        terminology = TerminologyServer(stub.url, timeout_seconds=20, kept_seconds=0)

        async def capture(case: Case) -> Request:
            settings = {**case.books.context.tenant.settings, "code_validation": "server"}
            tenant = replace(case.books.context.tenant, settings=settings)
            account_id = await case.account()
            case.books.context = replace(case.books.context, tenant=tenant, terminology=terminology)
            document = documents.charge(PATIENT, account_id=account_id, price=(1050, "AFN"))
            code = f"new-{len(stub.valid)}"
            stub.valid.add((SYSTEM, code))
            document["code"] = {"coding": [{"system": SYSTEM, "code": code}]}
            return case.creating(document)

        try:
            await kill_after_any_statement(capture, app, auditor, reader, gives_up=True)
        finally:
            await terminology.close()
        # Each of them was asked of, and those that were killed after the answer once more.
        assert {asked["code"] for asked in stub.asked} == {code for _, code in stub.valid}
        assert len(stub.asked) > len(stub.valid)
