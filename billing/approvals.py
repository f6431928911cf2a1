"""Approvals as a tenant has them: its limits by currency, and what is counted towards them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Literal

from billing.context import Context
from ledger.approval import Limits
from ledger.errors import rule_broken
from ledger.money import minor_units_of, within_limit
from ledger.tenant import Tenant

Subject = Literal["refund", "adjustment"]


@dataclass(frozen=True, slots=True)
class Terms:
    """How many approvals a request needs, and why."""

    approvals_needed: int
    counted_minor: int
    limits: Limits
    window_days: int


def limits_of(tenant: Tenant, subject: Subject, currency: str) -> Limits:
    first = tenant.setting_in(f"{subject}_approval_above", currency)
    second = tenant.setting_in(f"{subject}_second_approval_above", currency)
    return Limits(
        minor_units_of(Decimal(first), currency), minor_units_of(Decimal(second), currency) if second else None
    )


def window_of(context: Context) -> timedelta:
    return timedelta(days=int(context.tenant.setting("approval_window_days")))


def terms_of(context: Context, subject: Subject, currency: str, amount_minor: int, before_minor: int) -> Terms:
    """The terms of a request for an amount; `before_minor`: what the same person requested before within the window."""
    limits = limits_of(context.tenant, subject, currency)
    counted = within_limit(before_minor + amount_minor, currency)
    return Terms(limits.approvals_for(counted), counted, limits, window_of(context).days)


def refuse_reason(context: Context, reason: str) -> None:
    """Refuse a reason that is not one of the tenant's, where it has said which there are."""
    codes = context.tenant.setting("adjustment_reasons").split()
    if codes and reason not in codes:
        raise rule_broken("reason-unknown", f"The reasons of this tenant are: {', '.join(codes)}.", "", "code-invalid")
