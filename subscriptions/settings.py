"""What a dispatcher needs to know, handed down by whoever starts it."""

from __future__ import annotations

from dataclasses import dataclass

from billing.endpoint_policy import PUBLIC_ONLY, EndpointPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatcherSettings:
    """`database_url` is of the role billing_worker; `base_url` is the FHIR base as clients see it."""

    database_url: str
    base_url: str
    endpoints: EndpointPolicy = PUBLIC_ONLY
    attempts_max: int = 12
    retry_seconds: float = 1
    retry_seconds_max: float = 300
    timeout_seconds: float = 10
    retention_days: int = 30
    per_endpoint: int = 8
    per_tenant: int = 32
    pool_size: int = 10
