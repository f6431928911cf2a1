"""Add charge codes to the code table of a tenant, or have them say something else. None is taken away: it ends."""

from __future__ import annotations

from collections.abc import Sequence

from ledger.charge_code import ChargeCode, refuse_codes
from storage import charge_codes
from storage.transaction import Transaction


async def keep_charge_codes(tx: Transaction, codes: Sequence[ChargeCode]) -> int:
    """How many are new or changed; the same once more changes nothing. Refused where one is not sound."""
    refuse_codes(tx.tenant_id, codes)
    return await charge_codes.keep(tx, codes)
