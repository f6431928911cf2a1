"""What every request is served with: made once by the composition root."""

from __future__ import annotations

from dataclasses import dataclass

from billing.payment_gateway import PaymentGateway
from billing.tenant_directory import TenantDirectory
from fhir_server.access_log import AccessLog
from fhir_server.authorization.token import TokenVerifier
from fhir_server.rate_limits import RateLimits
from fhir_server.route import RouteTable
from fhir_server.settings import Settings
from fhir_server.terminology_server import TerminologyServer
from storage.transaction import Database


@dataclass(frozen=True, slots=True)
class Service:
    settings: Settings
    database: Database
    tenants: TenantDirectory
    verifier: TokenVerifier
    access_log: AccessLog
    rate_limits: RateLimits
    routes: RouteTable
    base_url: str
    terminology: TerminologyServer | None = None
    gateway: PaymentGateway | None = None
