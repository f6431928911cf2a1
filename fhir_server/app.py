"""The composition root: what the server is made of, in one place. Everything else is given what it needs."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from billing.tenant_directory import TenantDirectory
from fhir_server.access_log import AccessLog
from fhir_server.authorization.built_in_issuer import public_keys
from fhir_server.authorization.token import verifier_of
from fhir_server.cross_origin import across_origins
from fhir_server.documentation_page import documentation_page
from fhir_server.fhir_endpoint import FHIR_PATH, FhirEndpoint, is_fhir
from fhir_server.gateway_client import gateway_of
from fhir_server.gateway_resolution import keep_resolving
from fhir_server.health import Health
from fhir_server.interactions.audit_events import AuditEvents
from fhir_server.interactions.history import History
from fhir_server.interactions.search import Search
from fhir_server.journal_sealing import keep_sealing
from fhir_server.metrics import Metrics
from fhir_server.observation import InFlight, Observation
from fhir_server.openapi import openapi, openapi_document
from fhir_server.plan_defaults import keep_noting_defaults
from fhir_server.rate_limits import RateLimits
from fhir_server.rest.api import rest_api
from fhir_server.root import root
from fhir_server.routes import route_table
from fhir_server.service import Service
from fhir_server.settings import Settings
from fhir_server.smart_configuration import JWKS_PATH, SMART_PATH, smart_configuration
from fhir_server.subscription_queue import SubscriptionQueue
from fhir_server.tenant_service_client import freshness_of, tenant_service_of
from fhir_server.terminology_server import TerminologyServer
from fhir_server.token_endpoint import PATH as TOKEN_PATH
from fhir_server.token_endpoint import TokenEndpoint
from fhir_server.websocket import SubscriptionSocket
from fhir_server.websocket_address import WEBSOCKET_PATH
from storage.transaction import Database
from storage.wake_up import Notifier


class Application(FastAPI):
    """FastAPI for everything but FHIR, whose requests go straight to it: what FastAPI does for each costs 50 us."""

    fhir: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and is_fhir(scope["path"]):
            await self.fhir(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def create_app(settings: Settings) -> FastAPI:
    database = Database(
        settings.database_url,
        size_min=settings.pool_min_size,
        size_max=settings.pool_max_size,
        pool_timeout_seconds=settings.pool_timeout_seconds,
        statement_timeout_seconds=settings.statement_timeout_seconds,
    )
    routes = route_table(
        Search.of_settings(settings),
        History.of_settings(settings),
        AuditEvents.of_settings(settings),
        deletes_many=settings.conditional_delete == "multiple",
    )
    gateway = gateway_of(settings)
    tenant_service = tenant_service_of(settings)
    service = Service(
        settings=settings,
        database=database,
        tenants=TenantDirectory(database, tenant_service, freshness_of(settings)),
        verifier=verifier_of(settings),
        access_log=AccessLog(database),
        rate_limits=RateLimits(
            os.environ.get("PROMETHEUS_MULTIPROC_DIR"),  # the parent's directory for what workers share
            client=settings.client_requests_per_second,
            tenant=settings.tenant_requests_per_second,
            failures=settings.address_failures_per_second,
        ),
        routes=routes,
        base_url=settings.base_url,
        terminology=TerminologyServer.of_settings(settings),
        gateway=gateway,
    )
    metrics = Metrics(database.pool_statistics)
    queue = SubscriptionQueue(metrics)
    health = Health(database, metrics, queue)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await database.open()
        sealing = asyncio.create_task(keep_sealing(settings, database))
        resolving = asyncio.create_task(keep_resolving(settings, database, gateway))
        noting = asyncio.create_task(keep_noting_defaults(settings, database))
        watching = asyncio.create_task(queue.keep(settings))
        notifier = Notifier(database)
        database.told = notifier.tell
        telling = asyncio.create_task(notifier.run())
        try:
            async with service.access_log.keeping():
                yield
        finally:
            for task in (sealing, resolving, noting, watching, telling):
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            if service.terminology is not None:
                await service.terminology.close()
            if gateway is not None:
                await gateway.close()
            if tenant_service is not None:
                await tenant_service.close()
            await database.close()

    def document() -> dict[str, Any]:
        return openapi_document(app, routes, settings.base_url)

    app = Application(title="Billing", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.router.routes += [
        WebSocketRoute(f"{FHIR_PATH}{WEBSOCKET_PATH}", SubscriptionSocket(service).answer),
        *rest_api(service),
        Route("/", root(settings)),
        Route("/openapi.json", openapi(document)),
        Route("/docs", documentation_page(document)),
        Route("/healthz", health.healthz),
        Route("/readyz", health.readyz),
        Route("/metrics", health.metrics),
        *(Route(f"{base}{SMART_PATH}", smart_configuration(settings)) for base in ("", FHIR_PATH)),
        *(_built_in_issuer(service) if settings.built_in_issuer_is_on else []),
    ]
    app.state.access_log = service.access_log
    app.state.tenants = service.tenants
    in_flight = InFlight(settings.max_requests_in_flight)

    def seen_from_outside(inner: ASGIApp) -> ASGIApp:
        return Observation(
            across_origins(inner, settings.allowed_origins),
            metrics,
            in_flight,
            timeout_seconds=settings.request_timeout_seconds,
            is_tls=settings.is_tls,
        )

    app.fhir = seen_from_outside(FhirEndpoint(service))
    app.add_middleware(seen_from_outside)
    return app


def _built_in_issuer(service: Service) -> list[Route]:
    """What the built-in issuer serves: tokens for clients, and the keys to verify them with."""

    async def jwks(_: Request) -> Response:
        return JSONResponse(public_keys(service.settings.data_dir).as_dict(private=False))

    return [Route(TOKEN_PATH, TokenEndpoint(service).answer, methods=["POST"]), Route(JWKS_PATH, jwks)]
