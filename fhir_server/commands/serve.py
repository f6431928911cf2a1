"""`./run serve`: the database, the migrations and the worker processes, in that order, and back in the other."""

from __future__ import annotations

import signal
from contextlib import closing
from datetime import UTC, datetime
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from fhir_server.commands.options import DataDir, settings_with

if TYPE_CHECKING:
    from fhir_server.settings import Settings

DEMO_SCOPE = "system/*.cruds billing:*"
LOOPBACK = "localhost,127.0.0.0/8,::1"
DEMO_TOKEN_SECONDS = 12 * 3600


class StopServing(BaseException):
    """A signal asked the server to stop. No failure, and nothing on the way may take it for one."""


def serve(
    host: Annotated[str | None, typer.Option(help="The address to listen on. [default: 127.0.0.1]")] = None,
    port: Annotated[int | None, typer.Option(help="The port to listen on; 0 takes a free one. [default: 8080]")] = None,
    data_dir: DataDir = None,
    workers: Annotated[int | None, typer.Option(help="Worker processes; 0: one per CPU core, at most 4.")] = None,
    tls_cert: Annotated[
        str | None, typer.Option("--tls-cert", help="A PEM file with the certificate: serve https.")
    ] = None,
    tls_key: Annotated[str | None, typer.Option("--tls-key", help="The PEM file with its private key.")] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Load two demo tenants and print tokens for them.")] = False,
) -> None:
    """Serve FHIR. Starts the embedded PostgreSQL unless DATABASE_URL is set, and migrates."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    try:
        settings = settings_with(
            host=host, port=port, data_dir=data_dir, workers=workers, tls_cert=tls_cert, tls_key=tls_key
        )
        _refuse_unreadable_tls(settings)
        if demo:
            # Whoever tries it out listens on the same machine.
            settings = settings.changed(
                subscription_allow=f"{settings.subscription_allow},{LOOPBACK}",
                client_requests_per_second=0,
                tenant_requests_per_second=0,
                address_failures_per_second=0,
            )
        _refuse_unasked_issuer(settings)
        _serve(settings, demo=demo)
    except StopServing:
        return


def _serve(settings: Settings, *, demo: bool) -> None:
    from fhir_server.database import migrate, serving_database
    from fhir_server.worker_processes import WorkerProcesses, listen_on

    with listen_on(settings.host, settings.port) as listening:
        settings = settings.changed(port=listening.getsockname()[1])
        workers = WorkerProcesses(listening, settings)  # they import the application while the database starts
        # Closed twice: before the database is stopped, and also when it never came up.
        with closing(workers), serving_database(settings) as settings, closing(workers):
            migrate(settings)
            if demo:
                _load_demo(settings)
            workers.serve(settings)
            typer.echo(f"ready {settings.local_url}")
            workers.watch()


def _load_demo(settings: Settings) -> None:
    """Load the demo tenants and print for each where it is and a token to use there."""
    from fhir_server.authorization.built_in_issuer import TokenRequest, mint
    from fhir_server.demo import load_demo

    for tenant in load_demo(settings):
        typer.echo(f"tenant {tenant.id} ({tenant.currency})  {settings.base_url}")
        if settings.built_in_issuer_is_on:
            request = TokenRequest(
                tenant=tenant.id,
                scope=DEMO_SCOPE,
                subject="demo",
                issuer=settings.token_issuer,
                audience=settings.token_audience,
                lifetime_seconds=DEMO_TOKEN_SECONDS,
            )
            typer.echo(f"token {mint(settings.data_dir, request, datetime.now(UTC))}")


def _refuse_unreadable_tls(settings: Settings) -> None:
    """Say at once, and not in the log of each worker, that the certificate or its key cannot be used."""
    import ssl

    from fhir_server.worker_processes import ServeError

    if bool(settings.tls_cert) != bool(settings.tls_key):
        raise ServeError("--tls-cert and --tls-key go together")
    if settings.tls_cert:
        try:
            ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(settings.tls_cert, settings.tls_key)
        except (OSError, ssl.SSLError) as failure:
            raise ServeError(f"the certificate {settings.tls_cert} cannot be used: {failure}") from failure


def _refuse_unasked_issuer(settings: Settings) -> None:
    """Whoever can read the data directory can make tokens: that is for loopback, elsewhere only when asked for."""
    from fhir_server.worker_processes import ServeError

    if settings.built_in_issuer == "auto" and not settings.is_loopback:
        raise ServeError(
            f"{settings.host} is not a loopback address, and the built-in token issuer is not on there unasked. Set "
            "BILLING_BUILT_IN_ISSUER=on to accept tokens of ./run token, or =off to accept none of them"
        )


def _stop(_number: int, _frame: FrameType | None) -> None:
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, signal.SIG_IGN)  # one is enough: stopping is not to be interrupted
    raise StopServing
