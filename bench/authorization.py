"""What the authorization of a request costs where its token is known: `.venv/bin/python -m bench.authorization`.

All that a request passes before its interaction begins to read: the route, the token in the cache, the tenant, the rate
limits in shared memory, the scopes, and the look for card numbers in the path. No database, no network.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from billing.tenant_directory import TenantDirectory
from fhir_server.access import authorize
from fhir_server.access_log import AccessLog, Visit
from fhir_server.authorization.built_in_issuer import TokenRequest, mint
from fhir_server.authorization.token import verifier_of
from fhir_server.fhir_request import FhirRequest
from fhir_server.rate_limits import RateLimits
from fhir_server.route import RouteTable
from fhir_server.routes import route_table
from fhir_server.service import Service
from fhir_server.settings import Settings
from ledger.tenant import Tenant
from mappers.card_numbers import may_hold_card_number
from storage.transaction import Database

ROUNDS, REQUESTS = 7, 5000
PATH = "Invoice/019343ab-0001-7000-8000-00000000a1b2"


async def measure() -> list[float]:
    """Microseconds of processor time a request, in each round."""
    with tempfile.TemporaryDirectory() as directory:
        settings = Settings().changed(data_dir=Path(directory), built_in_issuer="on")
        service, header = _service(settings, directory), _header(settings)
        await _authorize(service, header)
        found = []
        for _ in range(ROUNDS):
            began = time.process_time()
            for _ in range(REQUESTS):
                await _authorize(service, header)
            found.append((time.process_time() - began) / REQUESTS * 1e6)
        return found


async def _authorize(service: Service, header: str) -> None:
    match = service.routes.match("GET", PATH)
    token, tenant = await authorize(service, header, Visit())
    request = FhirRequest("GET", match.route.name, PATH, token, tenant, service.base_url, match.resource_type, match.id)
    match.route.check_token(request)
    may_hold_card_number(PATH.encode())


def _service(settings: Settings, directory: str) -> Service:
    database = Database("")

    def never(_request: FhirRequest) -> None:
        raise AssertionError("nothing is read here")

    tenants = TenantDirectory(database)
    # As if it had just been read: within its two seconds nobody asks the database.
    tenants._kept["demo"] = (float("inf"), Tenant("demo", "Demo", "AF", "AFN", "Asia/Kabul"))
    routes: RouteTable = route_table(never, never, never)  # type: ignore[arg-type]
    return Service(
        settings=settings,
        database=database,
        tenants=tenants,
        verifier=verifier_of(settings),
        access_log=AccessLog(database),
        rate_limits=RateLimits(directory, client=10**7, tenant=10**7),
        routes=routes,
        base_url=settings.base_url,
    )


def _header(settings: Settings) -> str:
    request = TokenRequest(
        tenant="demo",
        scope="system/*.cruds billing:*",
        subject="bench",
        issuer=settings.token_issuer,
        audience=settings.token_audience,
        lifetime_seconds=600,
    )
    return f"Bearer {mint(settings.data_dir, request, datetime.now(UTC))}"


if __name__ == "__main__":
    rounds = sorted(asyncio.run(measure()))
    middle = rounds[len(rounds) // 2]
    print(f"authorization with a known token, processor time: {middle:.1f} us, at best {rounds[0]:.1f} us")
