"""What was decided of refunds and adjustments, oldest first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import cache

from ledger.approval import Decision
from storage.array_insert import ArrayInsert, made_of_tables
from storage.pipeline import Statement
from storage.tables import decision
from storage.transaction import Reader, Transaction

_INSERT = ArrayInsert(decision, 710)
_OF = Statement(
    "SELECT subject_id, decision, status, decided_by, decided_at, reason, method FROM billing.decision"
    " WHERE tenant_id = $1 AND subject = $2 AND subject_id = ANY($3::text[]) ORDER BY subject_id, sequence"
)

STATUS_SQL = (
    "coalesce((SELECT d.status FROM billing.decision AS d WHERE d.tenant_id = {request}.tenant_id"
    " AND d.subject = {subject} AND d.subject_id = {request}.id ORDER BY d.sequence DESC LIMIT 1),"
    " CASE WHEN {request}.approvals_needed = 0 THEN {when_approved} ELSE 'pending-approval' END)"
)
"""The status of a request, as `ledger.approval.status_of` has it."""


@cache
def page_statement(selection: str, asked: tuple[str, ...]) -> Statement:
    """A page of requests, the latest first: $1 tenant, $2 count, $3 status or NULL, $4 ... what is asked for.

    One statement for each set of filters, so that each has a plan of its own.
    """
    where = "".join(f" AND {condition.format(f'${number}')}" for number, condition in enumerate(asked, 4))
    return Statement(
        made_of_tables(
            f"SELECT * FROM ({selection} WHERE r.tenant_id = $1{where}) AS p"
            " WHERE $3::text IS NULL OR p.status = $3 ORDER BY p.id DESC LIMIT $2::integer"
        )
    )


async def decisions_of(
    reader: Reader, tenant_id: str, subject: str, subject_ids: Sequence[str]
) -> dict[str, list[Decision]]:
    """By the id of the request; an empty list where nothing was decided."""
    found: defaultdict[str, list[Decision]] = defaultdict(list)
    if subject_ids:
        for row in await reader.read(tenant_id, _OF, tenant_id, subject, list(subject_ids)):
            found[row[0]].append(Decision(*row[1:]))
    return found


def insert(tx: Transaction, subject: str, subject_id: str, sequence: int, made: Decision) -> None:
    tx.add(
        _INSERT,
        (
            tx.tenant_id,
            subject,
            subject_id,
            sequence,
            made.decision,
            made.status,
            made.decided_by,
            made.decided_at,
            made.reason,
            made.method,
        ),
    )
