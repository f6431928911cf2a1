"""What refunds and adjustments show alike: who requested them, how many approvals they need, and what was decided."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from fhir_server.rest.documents import Document, Text, example_config
from ledger.approval import Decision


class DecisionDocument(Document):
    model_config = example_config({"decision": "approved", "by": "manager-2", "at": "2026-03-01T05:30:00.104412Z"})

    decision: Literal["approved", "rejected", "paid", "failed"]
    by: str
    at: datetime
    reason: str | None = None
    method: str | None = None


class ReasonRequest(Document):
    """Why it is rejected, or could not be paid."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "The receipt is of another patient."}]})

    reason: Text


ApprovalsNeeded = Annotated[int, Field(description="How many different people must approve it: 0, 1 or 2.")]


def decision_documents(decisions: Sequence[Decision]) -> list[DecisionDocument]:
    return [
        DecisionDocument.model_construct(
            decision=each.decision,  # type: ignore[arg-type]  # the database knows no other
            by=each.decided_by,
            at=each.decided_at,
            reason=each.reason,
            method=each.method,
        )
        for each in decisions
    ]
