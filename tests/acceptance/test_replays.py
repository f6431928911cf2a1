"""Everything that was ever sent is sent again, in another order: nothing changes, and each gets the answer it had."""

from __future__ import annotations

import random

from billing.check_ledger import check_ledger
from storage.transaction import Database
from tests.acceptance import test_approval_failpoints, test_credit_failpoints, test_failpoints
from tests.acceptance.books import Reader
from tests.acceptance.test_failpoints import Case

COMMANDS = (
    *test_failpoints.COMMANDS,
    *test_approval_failpoints.COMMANDS,
    *test_credit_failpoints.COMMANDS,
)


async def test_all_that_was_sent_may_be_sent_again_in_any_order(
    app: Database, auditor: Database, reader: Reader
) -> None:
    case = await Case.open(app)
    case.books.logs_accesses = False
    sent = []
    for command in COMMANDS:
        request = await command(case)
        sent.append((request, await case.books.send(request)))
    done = reader.snapshot(case.books.tenant_id)
    random.Random(63).shuffle(sent)
    for request, answer in sent:
        again = await case.books.send(request)
        if request.key is None:
            # Known by what it says of itself: a business key, an identifier.
            assert (again["changes"][0][:2], again["changes"][0][3]) == (answer["changes"][0][:2], "existing")
        else:
            assert again == {**answer, "replayed": True}
    assert reader.snapshot(case.books.tenant_id) == done
    assert await check_ledger(auditor, [case.books.tenant_id]) == []
