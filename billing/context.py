"""Who asks, for which tenant, and when: what every command needs to know of the request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

from billing.endpoint_policy import PUBLIC_ONLY, EndpointPolicy
from billing.terminology import Terminology
from ledger.dates import day_at
from ledger.tenant import Tenant


def _anything(_resource_type: str, _permission: str) -> None:
    """Who acts for the operator may do everything."""


@dataclass(frozen=True, slots=True)
class Context:
    """`actor` is the subject of the token, `client` the client that holds it; `base_url` is how the server is reached.

    `scopes` is what the token may do, as it says so; `require` refuses what it may not (a type, and SMART's letter).
    `endpoints` says where notifications may go. `terminology` is the terminology server, where there is one.
    `one_time` says that the request carries an Idempotency-Key or If-None-Exist: repeating it cannot do it twice.
    """

    tenant: Tenant
    actor: str
    client: str
    base_url: str
    one_time: bool = False
    scopes: str = ""
    require: Callable[[str, str], None] = _anything
    endpoints: EndpointPolicy = PUBLIC_ONLY
    terminology: Terminology | None = None

    def today(self, now: datetime) -> date:
        """The date at the tenant's place."""
        return day_at(now, self.tenant.timezone)
