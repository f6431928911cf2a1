"""Who asks, for which tenant, and when: what every command needs to know of the request."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from ledger.tenant import Tenant


@dataclass(frozen=True, slots=True)
class Context:
    """`actor` is the subject of the token, `client` the client that holds it; `base_url` is how the server is reached.

    `one_time` says that the request carries an Idempotency-Key or If-None-Exist: repeating it cannot do it twice.
    """

    tenant: Tenant
    actor: str
    client: str
    base_url: str
    one_time: bool = False

    def today(self, now: datetime) -> date:
        """The date at the tenant's place."""
        return now.astimezone(ZoneInfo(self.tenant.timezone)).date()
