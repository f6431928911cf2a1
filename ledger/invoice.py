"""An invoice with its lines, price components and payer shares."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from ledger.resource import NO_MONEY, DecimalMoney, Resource


@dataclass(slots=True, kw_only=True)
class PriceComponent:
    """FHIR Invoice.lineItem.priceComponent, or totalPriceComponent. `code_*` is the first coding (the tax code).

    `tax_rule` (extension tax-rule) is there where the server added it by the rule of this key.
    """

    type: str
    code_system: str | None = None
    code: str | None = None
    factor: Decimal | None = None
    amount: DecimalMoney = NO_MONEY
    tax_rule: str | None = None
    residue: bytes = b"{}"


@dataclass(slots=True, kw_only=True)
class InvoiceLine:
    """FHIR Invoice.lineItem. `charge_item_id` is None where the line names what it charges for by a code only."""

    sequence: int | None = None
    charge_item_id: str | None = None
    components: list[PriceComponent] = field(default_factory=list)
    residue: bytes = b"{}"


@dataclass(slots=True, kw_only=True)
class PayerShare:
    """What a payer owes of the invoice's total (extension payer-share): the payer's reference or identifier."""

    payer: str | None = None
    payer_system: str | None = None
    payer_value: str | None = None
    amount: DecimalMoney = NO_MONEY
    residue: bytes = b"{}"


@dataclass(slots=True, kw_only=True)
class Invoice(Resource):
    """FHIR Invoice. Index rows: identifier, type, participant, participant-role, _tag, _security, _profile.

    `settled` and `due` (extensions invoice-settled and invoice-due) are absent until the invoice is issued.
    """

    status: str
    cancelled_reason: str | None = None
    subject: str | None = None
    recipient: str | None = None
    date: str | None = None
    issuer: str | None = None
    account_id: str | None = None
    total_net: DecimalMoney = NO_MONEY
    total_gross: DecimalMoney = NO_MONEY
    settled_minor: int | None = None
    due_minor: int | None = None
    settlement_currency: str | None = None
    due_date: str | None = None
    credit_of_id: str | None = None
    lines: list[InvoiceLine] = field(default_factory=list)
    totals: list[PriceComponent] = field(default_factory=list)
    shares: list[PayerShare] = field(default_factory=list)
