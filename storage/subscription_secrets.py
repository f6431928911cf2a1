"""What is secret of subscriptions: the headers of their channels and the keys that sign what is sent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from storage.pipeline import Statement
from storage.transaction import Transaction

_INSERT = Statement(
    "INSERT INTO billing.subscription_secret (tenant_id, id, headers, signing_key) VALUES ($1, $2, $3::text[], $4)"
)
_READ = Statement(
    "SELECT headers, signing_key, earlier_key, earlier_key_until FROM billing.subscription_secret"
    " WHERE tenant_id = $1 AND id = $2"
)
# A key that is exchanged signs beside the new one for a while, so that a receiver can change over without a gap.
_CHANGE = Statement(
    "UPDATE billing.subscription_secret SET headers = $3::text[], signing_key = $4,"
    " earlier_key = CASE WHEN signing_key IS DISTINCT FROM $4 THEN signing_key ELSE earlier_key END,"
    " earlier_key_until = CASE WHEN signing_key IS DISTINCT FROM $4 THEN $5::timestamptz ELSE earlier_key_until END"
    " WHERE tenant_id = $1 AND id = $2"
)


class StoredSecrets(NamedTuple):
    headers: Sequence[str]
    signing_key: str | None
    earlier_key: str | None
    earlier_key_until: datetime | None


def insert(tx: Transaction, subscription_id: str, headers: Sequence[str], signing_key: str | None) -> None:
    tx.send(_INSERT, tx.tenant_id, subscription_id, list(headers), signing_key)


async def read(tx: Transaction, subscription_id: str) -> StoredSecrets:
    return StoredSecrets(*(await tx.fetch(_READ, tx.tenant_id, subscription_id))[0])


def change(
    tx: Transaction,
    subscription_id: str,
    headers: Sequence[str],
    signing_key: str | None,
    *,
    earlier_key_until: datetime,
) -> None:
    tx.send(_CHANGE, tx.tenant_id, subscription_id, list(headers), signing_key, earlier_key_until)
