"""One worker process: reads its settings from standard input, then serves on the socket that its parent opened.

It is started by `fhir_server/worker_processes.py` before the database is there, and imports the application meanwhile.
The settings hold passwords, which is why they come neither as arguments nor as environment variables.
"""

from __future__ import annotations

import gc
import signal
import socket
import sys
from functools import partial

import uvicorn
from fastapi import FastAPI

from fhir_server import log
from fhir_server.app import create_app
from fhir_server.settings import Settings
from storage.postgres_launcher import die_with_parent

_OBJECTS_BETWEEN_SEARCHES = 10_000
"""Objects that are there more than at the last search; Python's own 700 are fewer than one Bundle decodes to."""
_SEARCHES_BETWEEN_LARGER = 3
"""Python's own 10 would keep some megabytes of garbage for long."""


def main() -> None:
    parent, listening = (int(argument) for argument in sys.argv[1:])
    die_with_parent(parent, signal.SIGTERM)
    text = sys.stdin.read()
    if not text:
        return  # the parent gave up before there was anything to serve
    settings = Settings.model_validate_json(text)
    log.configure(settings)
    config = uvicorn.Config(
        partial(_application, settings),
        factory=True,
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies,
        ssl_certfile=settings.tls_cert or None,
        ssl_keyfile=settings.tls_key or None,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=settings.graceful_stop_seconds,
    )
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=listening)])


def _application(settings: Settings) -> FastAPI:
    """The application, and Python's search for garbage in rings made rare: it took a seventh of a large Bundle's time.

    What a request leaves behind is almost all freed by counting references. What stays as long as the process lives
    need not be looked through each time either.
    """
    app = create_app(settings)
    gc.collect()
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_SEARCHES, _SEARCHES_BETWEEN_LARGER, _SEARCHES_BETWEEN_LARGER)
    return app


if __name__ == "__main__":
    main()
