"""The one table of REST routes: each noun's file declares its own."""

from __future__ import annotations

from fhir_server.rest import (
    accounts,
    adjustments,
    cash_sessions,
    charge_codes,
    charge_worklists,
    gateway_payments,
    invoices,
    payment_plans,
    payment_worklists,
    payments,
    periods,
    price_lists,
    price_quotes,
    provisions,
    recoveries,
    refunds,
    subscriptions,
    tax_rules,
    tenant_settings,
    tenants,
    transfers,
    trial_balance,
)
from fhir_server.rest.route import RestRoute

ROUTES: tuple[RestRoute, ...] = (
    *accounts.ROUTES,
    *adjustments.ROUTES,
    *invoices.ROUTES,
    *payment_plans.ROUTES,
    *price_lists.ROUTES,
    *price_quotes.ROUTES,
    *provisions.ROUTES,
    *recoveries.ROUTES,
    *payments.ROUTES,
    *gateway_payments.ROUTES,
    *refunds.ROUTES,
    *tax_rules.ROUTES,
    *tenant_settings.ROUTES,
    *tenants.ROUTES,
    *transfers.ROUTES,
    *trial_balance.ROUTES,
    *cash_sessions.ROUTES,
    *charge_codes.ROUTES,
    *charge_worklists.ROUTES,
    *subscriptions.ROUTES,
    *payment_worklists.ROUTES,
    *periods.ROUTES,
)
