"""A charge: what was done for a patient, what it costs, and whether it is posted."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from ledger.resource import NO_MONEY, DecimalMoney, Resource


@dataclass(slots=True, kw_only=True)
class ChargeItem(Resource):
    """FHIR ChargeItem. Index rows: identifier, code, performer-function, performer-actor, service, _tag ...

    `amount` is what the charge costs (extension charge-amount), absent until it is priced; `unpriced` (extension
    charge-unpriced) says that it waits for a price. Every field is shown in the resource: what is posted for it, and
    which invoice holds it, the journal and `invoiced_charge` know. The events of a timing are a JSON array of dates.
    """

    status: str
    subject: str | None = None
    context: str | None = None
    occurrence_date_time: str | None = None
    occurrence_period_start: str | None = None
    occurrence_period_end: str | None = None
    occurrence_timing_start: str | None = None
    occurrence_timing_end: str | None = None
    occurrence_timing_events: str | None = None
    performing_organization: str | None = None
    requesting_organization: str | None = None
    enterer: str | None = None
    entered_date: str | None = None
    quantity_value: Decimal | None = None
    quantity_system: str | None = None
    quantity_code: str | None = None
    factor_override: Decimal | None = None
    price_override: DecimalMoney = NO_MONEY
    account_id: str | None = None
    amount_minor: int | None = None
    amount_currency: str | None = None
    unpriced: bool = False
