"""The one table of REST routes: each noun's file declares its own."""

from __future__ import annotations

from fhir_server.rest import accounts, invoices, tenant_settings
from fhir_server.rest.route import RestRoute

ROUTES: tuple[RestRoute, ...] = (
    *accounts.ROUTES,
    *invoices.ROUTES,
    *tenant_settings.ROUTES,
)
