"""Change the point at which a tenant recognises revenue: from a day on, so that no posting period has both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from ledger.capture import KIND as CAPTURED
from ledger.dates import day_at
from ledger.posting_period import recognition_from
from ledger.recognition import SETTING, Point
from ledger.tenant import DEFAULT_SETTINGS
from storage import journal, posting_periods
from storage.transaction import Transaction


async def change_recognition(
    tx: Transaction, before: Mapping[str, str], after: Mapping[str, str], timezone: str
) -> None:
    """What it means that a tenant's settings, which are locked, become others. It waits for what is being posted.

    Charges that are captured keep the point by which they were. Refused where charges count later than in the current
    posting period.
    """
    point = after.get(SETTING, DEFAULT_SETTINGS[SETTING])
    if point == before.get(SETTING, DEFAULT_SETTINGS[SETTING]):
        return
    stored = await posting_periods.lock(tx)
    today = day_at(tx.now, timezone)
    first_day = recognition_from(stored.shut, await journal.last_day_of_kind(tx, CAPTURED), today)
    posting_periods.record_recognition(tx, stored, first_day, cast(Point, point))
